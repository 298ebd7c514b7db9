/* SPDX-License-Identifier: ISC */
/*
 * Hang-ups of waiting requests and of streams, noted until they show a pattern. Nothing
 * is answered here: nobody is there any more.
 */
#include "service_private.h"
#include "fcgiwait/duration.h"
#include "fcgiwait/log.h"
#include "trace.h"

/* Ends this close to the wait's own are no loss to anybody. */
#define NEARLY (100 * NANOS_PER_MS)

/* How long it lasted, as text, where that is to be told. */
static bool note(struct service *service, struct cutoff *cutoff, nanos lasted,
                 struct instant now, char after[DURATION_TEXT])
{
    lock_take(&service->cutoff_lock);
    nanos span = cutoff_note(cutoff, lasted, now);
    lock_drop(&service->cutoff_lock);
    if (span == 0)
        return false;
    counter_add(&service->counters->cuts, 1);
    counter_set(&service->counters->cut_after_seconds,
                (span + NANOS_PER_SECOND / 2) / NANOS_PER_SECOND);
    duration_format(span, after);
    return true;
}

static void wait_hung_up(const struct request *request, struct instant now)
{
    struct service *service = request->service;
    char after[DURATION_TEXT];
    if (request->waiter.deadline.at - now.at < NEARLY)
        return;
    if (note(service, &service->cutoffs.waits, now.at - request->since.at, now, after))
        log_warn(
            "waiting requests are closed from outside after %s s, again and again, short "
            "of their wait; most likely it is nginx's fastcgi_read_timeout of %ss (or a "
            "timeout in front of nginx, such as proxy_read_timeout): nginx -T | fcgiwait "
            "--check-nginx - names the line",
            after, after);
}

/* Either something on the way allows for no longer silence, or for no longer answer. */
static void stream_hung_up(const struct request *request, struct instant now)
{
    struct service *service = request->service;
    char after[DURATION_TEXT], silent[DURATION_TEXT];
    bool by_length =
        note(service, &service->cutoffs.streams, now.at - request->since.at, now, after);
    if (note(service, &service->cutoffs.silences, now.at - request->spoke.at, now,
             silent))
        log_warn(
            "streams are closed from outside after %s s of silence, again and again; "
            "most likely it is nginx's fastcgi_read_timeout of %ss (or a timeout in "
            "front "
            "of nginx, such as proxy_read_timeout), and stream.heartbeat has to be "
            "shorter: nginx -T | fcgiwait --check-nginx - names the line",
            silent, silent);
    else if (by_length)
        log_warn("streams are closed from outside after %s s, again and again, whatever "
                 "they say; something in front of nginx lets no answer last longer (a "
                 "load balancer's timeout, most likely), and stream.max has to be "
                 "shorter, so that they end between two events",
                 after);
}

void service_hung_up(const struct request *request)
{
    struct instant now = clock_now();
    trace_hung_up(request);
    if (live_is_viewer(request))
        return; /* who looks at the live page leaves as they like */
    if (request->user != NULL)
        stream_hung_up(request, now);
    else
        wait_hung_up(request, now);
}
