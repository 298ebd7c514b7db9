/* SPDX-License-Identifier: ISC */
/*
 * Hang-ups of waiting requests, noted until they show a pattern. Nothing is answered
 * here: nobody is there any more.
 */
#include "service_private.h"
#include "fcgiwait/duration.h"
#include "fcgiwait/log.h"
#include "trace.h"

/* Ends this close to the wait's own are no loss to anybody. */
#define NEARLY (100 * NANOS_PER_MS)

static nanos note(struct service *service, nanos waited, struct instant now)
{
    lock_take(&service->cutoff_lock);
    nanos span = cutoff_note(&service->cutoff, waited, now);
    lock_drop(&service->cutoff_lock);
    return span;
}

void service_hung_up(const struct request *request)
{
    struct instant now = clock_now();
    char after[DURATION_TEXT];
    trace_hung_up(request);
    if (request->waiter.deadline.at - now.at < NEARLY)
        return;
    nanos span = note(request->service, now.at - request->since.at, now);
    if (span == 0)
        return;
    duration_format(span, after);
    log_warn(
        "waiting requests are closed from outside after %s s, again and again, short "
        "of their wait; most likely it is nginx's fastcgi_read_timeout of %ss (or a "
        "timeout in front of nginx, such as proxy_read_timeout): nginx -T | fcgiwait "
        "--check-nginx - names the line",
        after, after);
}
