/* SPDX-License-Identifier: ISC */
/*
 * transfer: sends exchanges, many at once, through libcurl: the only file that knows it.
 * Private to the probe; one thread. Redirects are not followed.
 */
#ifndef FCGIWAIT_PROBE_TRANSFER_H
#define FCGIWAIT_PROBE_TRANSFER_H

#include "exchange.h"

struct transfer;

/* NULL: no memory. Connections are kept between runs, as a browser keeps them. */
struct transfer *transfer_open(void);
void transfer_close(struct transfer **transfer);

/* Called a few times a second while exchanges run. */
typedef void transfer_progress_fn(void *context, nanos passed, size_t running);

/* Runs all of them at the same time, and returns when each has ended. False: no memory.
 */
bool transfer_run(struct transfer *transfer, struct exchange *const exchanges[],
                  size_t count, transfer_progress_fn *progress, void *context);

#endif
