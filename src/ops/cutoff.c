/* SPDX-License-Identifier: ISC */
/*
 * Tells a timeout from people who leave: it comes again after the same span, and it makes
 * up most of what is seen. All judgement is over plain numbers.
 */
#include "fcgiwait/cutoff.h"

#include <stdbool.h>

/* A timeout shows as at least so many hang-ups, all after the same time; as two of three
 * of all of late. Those who leave as they like don't come together. */
#define ENOUGH 5
#define LATELY (600 * NANOS_PER_SECOND)

/* nginx's timers are exact; what comes on top is how busy the machine is. */
#define SAME (300 * NANOS_PER_MS)
#define SAME_SHARE 50

/* Nobody sets a timeout below a second: who leaves sooner has changed their mind. */
#define SHORTEST (900 * NANOS_PER_MS)

#define TELL_EVERY (60 * NANOS_PER_SECOND)
#define TENTH (100 * NANOS_PER_MS)

struct tally {
    size_t all, same;
    nanos shortest;    /* of the same */
    struct instant at; /* the first of the same */
};

static bool is_same(nanos a, nanos b)
{
    nanos apart = a > b ? a - b : b - a;
    return apart <= SAME || apart <= a / SAME_SHARE;
}

static struct tally count(const struct cutoff *cutoff, nanos waited, struct instant now)
{
    struct tally tally = {.shortest = waited, .at = now};
    for (size_t i = 0; i < CUTOFF_KEPT; i++) {
        const struct cutoff_hangup *kept = &cutoff->kept[i];
        if (kept->waited == 0 || kept->at.at < now.at - LATELY)
            continue;
        tally.all++;
        if (!is_same(waited, kept->waited))
            continue;
        tally.same++;
        if (kept->waited < tally.shortest)
            tally.shortest = kept->waited;
        if (kept->at.at < tally.at.at)
            tally.at = kept->at;
    }
    return tally;
}

/* Many that came together and go together show nothing: the web server may have stopped.
 */
static bool is_cut_off(const struct tally *tally, struct instant now)
{
    return tally->same >= ENOUGH && 3 * tally->same >= 2 * tally->all &&
           now.at - tally->at.at >= tally->shortest / 2;
}

nanos cutoff_note(struct cutoff *cutoff, nanos waited, struct instant now)
{
    if (waited < SHORTEST)
        return 0;
    cutoff->kept[cutoff->next] = (struct cutoff_hangup){waited, now};
    cutoff->next = (cutoff->next + 1) % CUTOFF_KEPT;
    if (cutoff->said.at != 0 && now.at - cutoff->said.at < TELL_EVERY)
        return 0;
    struct tally tally = count(cutoff, waited, now);
    if (!is_cut_off(&tally, now))
        return 0;
    cutoff->said = now;
    return (tally.shortest + TENTH / 2) / TENTH * TENTH;
}
