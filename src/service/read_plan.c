/* SPDX-License-Identifier: ISC */
/* read_plan: the table of reading, as a pure function of what is
 * asked for and what is there. */
#include "read_plan.h"

#include "bookmark.h"
#include "fcgiwait/etag.h"

/* No reply comes later than the wait that was asked for: what the way back may take. */
#define WAY_BACK_MOST (20 * NANOS_PER_MS)
#define WAY_BACK_SHARE 20

/* Whether the resource has not changed since the client's index: it is the resource's
 * own, or lies between that and the newest of all, and nothing newer was forgotten. */
bool read_plan_is_since(const struct tree_span *span, const struct present *present,
                        uint64_t index)
{
    return index == present->index ||
           (index > present->index && index <= span->newest && index >= span->horizon);
}

/* Whether one of the entity tags is such an index, for those who wait by them. */
static bool has_tag_since(const struct tree_span *span, const struct present *present,
                          struct text tags)
{
    uint64_t least = present->index + 1;
    if (least < span->horizon)
        least = span->horizon;
    return least <= span->newest && etag_newest(tags, least, span->newest) != 0;
}

/* Behind an origin a document is the API's; what changed below a path is told here. */
static bool is_ours(const struct operation *operation)
{
    return operation->origin.len == 0 || operation->below;
}

/* What is below a path can always be told. */
static bool exists(const struct operation *operation, const struct present *present)
{
    return operation->below || present->document != NULL;
}

/* Whether the client has what is there: by its index, else by its entity tags. */
static bool is_same(const struct operation *operation, const struct tree_span *span,
                    const struct present *present)
{
    struct text tags = operation->conditions.if_none_match;
    if (operation->has_index)
        return read_plan_is_since(span, present, operation->index);
    switch (etag_matches(tags, present->index, true)) {
    case ETAG_SAME:
        return true;
    case ETAG_ANY:
        return exists(operation, present);
    case ETAG_NONE:
        break;
    }
    return operation->has_wait && has_tag_since(span, present, tags);
}

/* What else a reader may ask for; behind an origin it asks the API. */
static const char *condition_failure(const struct operation *operation,
                                     const struct present *present)
{
    struct conditions conditions = operation->conditions;
    conditions.if_none_match.at = NULL;
    return is_ours(operation)
               ? conditions_failure(&conditions, exists(operation, present),
                                    present->index, present->changed)
               : NULL;
}

/* Whether the client brings an index that was given in this store's life, or a page's
 * end, in whose place it had one. */
static bool brings_index(const struct operation *operation, const struct tree_span *span,
                         uint64_t born)
{
    struct text tags = operation->conditions.if_none_match;
    uint64_t index = operation->index;
    if (operation->has_index)
        return (index >= born && index <= span->newest) ||
               (operation->below && bookmark_can_be(index));
    return operation->has_wait && tags.at != NULL &&
           (etag_newest(tags, born, span->newest) != 0 ||
            (operation->below &&
             etag_newest(tags, BOOKMARK_LEAST, INDEX_LIMIT - 1) != 0));
}

uint64_t read_plan_index(const struct operation *operation, const struct tree_span *span,
                         uint64_t born, const struct present *present)
{
    bool forgets = born != 0 && span->horizon > born;
    bool remembered = present->index != 0;
    return forgets && !remembered && brings_index(operation, span, born) ? span->horizon
                                                                         : present->index;
}

enum read_action read_plan_make(const struct operation *operation,
                                const struct tree_span *span,
                                const struct present *present, struct read_plan *plan)
{
    bool conditional = operation->conditions.if_none_match.at != NULL;
    /* Without a wait, entity tags behind an origin are the API's. */
    bool ours = is_ours(operation) && exists(operation, present);
    *plan =
        (struct read_plan){operation->wait, -1, condition_failure(operation, present)};
    if (plan->why != NULL)
        return READ_FAILED;
    if (!operation->has_index && !(conditional && operation->has_wait))
        return conditional && ours && is_same(operation, span, present) ? READ_UNCHANGED
                                                                        : READ_PRESENT;
    if (operation->wait_is_preferred)
        plan->applied = plan->wait;
    if (!is_same(operation, span, present))
        return READ_PRESENT;
    return plan->wait > 0 ? READ_HOLD : READ_UNCHANGED;
}

struct instant read_plan_deadline(struct instant now, nanos wait, double jitter,
                                  double luck)
{
    nanos early = wait / WAY_BACK_SHARE;
    if (early > WAY_BACK_MOST)
        early = WAY_BACK_MOST;
    nanos earlier = (nanos)((double)wait * jitter * luck);
    if (earlier > early)
        early = earlier;
    return instant_after(now, wait - early);
}
