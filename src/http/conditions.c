/* SPDX-License-Identifier: ISC */
/*
 * Judges the conditions of a request in the order of RFC 9110 section 13.2.2: a later
 * one is only looked at where those before it hold, and a date only where there is no
 * entity tag. Each sentence that says no says what to send instead.
 */
#include "fcgiwait/conditions.h"

#include "fcgiwait/date.h"
#include "fcgiwait/etag.h"

static const char *match_failure(struct text list, bool exists, uint64_t index)
{
    if (!exists)
        return "If-Match does not hold: there is no such resource now.";
    if (etag_matches(list, index, false) != ETAG_NONE)
        return NULL;
    if (etag_matches(list, index, true) != ETAG_NONE)
        return "If-Match does not hold: it compares strongly, and the entity tag is weak "
               "(W/), as nginx makes those of compressed answers. Send it without W/.";
    return "If-Match does not hold: the resource has changed. Read it again for its "
           "entity tag now.";
}

const char *conditions_failure(const struct conditions *conditions, bool exists,
                               uint64_t index, nanos changed)
{
    nanos since;
    if (conditions->if_match.at != NULL) {
        const char *why = match_failure(conditions->if_match, exists, index);
        if (why != NULL)
            return why;
    } else if (conditions->if_unmodified_since.at != NULL && exists &&
               date_parse(conditions->if_unmodified_since, &since) &&
               changed / NANOS_PER_SECOND > since / NANOS_PER_SECOND) {
        return "If-Unmodified-Since does not hold: the resource was changed later.";
    }
    if (conditions->if_none_match.at != NULL && exists &&
        etag_matches(conditions->if_none_match, index, true) != ETAG_NONE)
        return "If-None-Match does not hold: the resource exists, and is the one that it "
               "names.";
    return NULL;
}
