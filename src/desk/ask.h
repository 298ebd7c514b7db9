/* ask: what a reader's request asks for (GET and HEAD). Private to the desk; pure. */
#ifndef FCGIWAIT_DESK_ASK_H
#define FCGIWAIT_DESK_ASK_H

#include "fcgiwait/desk.h"

enum asked {
    ASKED_PRESENT,   /* answer with what is there */
    ASKED_UNCHANGED, /* answer 304 at once */
    ASKED_HOLD       /* hold it for `wait` */
};

struct ask {
    nanos wait;    /* in effect, capped */
    nanos applied; /* the same where a Prefer header's wait was honoured, else -1 */
};

/* `present` is the resource's state now. Fills in `ask` whatever the answer. */
enum asked ask_decide(const struct cgi *cgi, const struct desk_rules *rules,
                      const struct present *present, struct ask *ask);

/* When a wait that starts now ends: a little early, so that the answer is with the client
 * before its time is up, and earlier by jitter x `luck` (0 to 1). */
struct instant ask_deadline(struct instant now, nanos wait, double jitter, double luck);

#endif
