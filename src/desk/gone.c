#include "desk_private.h"
#include "fcgiwait/duration.h"
#include "fcgiwait/log.h"

/* Ends this close to the wait's own are no loss to anybody. */
#define NEARLY (100 * NANOS_PER_MS)

static nanos note(struct desk *desk, nanos waited, struct instant now)
{
    lock_take(&desk->cutoff_lock);
    nanos span = cutoff_note(&desk->cutoff, waited, now);
    lock_drop(&desk->cutoff_lock);
    return span;
}

void desk_gone(const struct request *request)
{
    struct instant now = clock_now();
    char after[DURATION_TEXT];
    if (request->waiter.deadline.at - now.at < NEARLY)
        return;
    nanos span = note(request->desk, now.at - request->since.at, now);
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
