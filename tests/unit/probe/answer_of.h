/* SPDX-License-Identifier: ISC */
/* answer_of: exchanges without a network, for the tests of those who judge them. */
#ifndef TESTS_PROBE_ANSWER_OF_H
#define TESTS_PROBE_ANSWER_OF_H

#include <stdio.h>

#include "must.h"
#include "probe/exchange.h"

/* A whole answer: the status, header lines that end in \n, a body. */
static inline void answer_of(struct exchange *exchange, int status, const char *head,
                             const char *body)
{
    *exchange = (struct exchange){.method = "GET",
                                  .end = EXCHANGE_ANSWERED,
                                  .status = status,
                                  .version = 11,
                                  .reused = true,
                                  .end_at = 5 * NANOS_PER_MS};
    for (const char *at = head; *at != '\0'; at++) { /* as it comes over the wire */
        if (*at == '\n')
            exchange->head[exchange->head_len++] = '\r';
        exchange->head[exchange->head_len++] = *at;
    }
    exchange->body_len = strlen(body);
    memcpy(exchange->body, body, exchange->body_len);
}

#endif
