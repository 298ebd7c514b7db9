/* SPDX-License-Identifier: ISC */
/* judged: what a report has to say, for the tests of those who judge. */
#ifndef TESTS_PROBE_JUDGED_H
#define TESTS_PROBE_JUDGED_H

#include "answer_of.h"
#include "probe/judge.h"

/* The head of an answer without a fault. */
#define GOOD                                                                             \
    "HTTP/1.1 200 OK\nServer: nginx\nX-Polling-Index: 17\nETag: \"17\"\n"                \
    "Cache-Control: no-store\n"

/* The report's only line, which has to be of this kind and to say both; forgets it. */
static inline void report_must_be(struct report *report, enum verdict_of verdict,
                                  const char *says, const char *also)
{
    assert_int_equal(report->count, 1);
    const char *text = report->lines[0].text;
    if (report->lines[0].verdict != verdict || strstr(text, says) == NULL ||
        strstr(text, also) == NULL)
        fail_msg("not \"%s\", \"%s\" but %d: %s", says, also, report->lines[0].verdict,
                 text);
    assert_int_equal(report->faults, verdict == LOOKED_FAULT);
    memset(report, 0, sizeof *report);
}

#endif
