/* SPDX-License-Identifier: ISC */
#include "read_plan.h"

#include "fcgiwait/duration.h"
#include "fcgiwait/etag.h"
#include "fcgiwait/query.h"

/* "An answer never comes later than the wait that was action for": what the way back may
 * take. */
#define WAY_BACK_MOST (20 * NANOS_PER_MS)
#define WAY_BACK_SHARE 20

/* No index and no wait that we understand is longer. */
#define VALUE_MOST 64

struct said {
    bool given;
    char bytes[VALUE_MOST];
    struct text value; /* decoded; empty where it can't be */
};

static struct said *query_said(struct text query, struct text name, struct said *said)
{
    struct text raw;
    *said = (struct said){.given = query_get(query, name, &raw)};
    if (said->given &&
        query_decode(raw, said->bytes, sizeof said->bytes, &said->value.len))
        said->value.at = said->bytes;
    else
        said->value.len = 0;
    return said;
}

static bool is_index(struct text value, uint64_t index)
{
    char tag[ETAG_TEXT];
    size_t len = etag_format(index, tag);
    return text_is(value, (struct text){tag + 1, len - 2});
}

static nanos location_max(const struct cgi *cgi, nanos most)
{
    nanos here;
    if (duration_parse(cgi->wait_max, &here) && here < most)
        return here;
    return most;
}

/* True where the request gives a wait at all, understood or not. */
static bool find_wait(const struct cgi *cgi, const struct service_rules *rules,
                      struct read_plan *plan)
{
    struct said said;
    bool from_prefer = false;
    nanos wait = rules->wait_default;
    if (query_said(cgi->query, TEXT("wait"), &said)->given) {
        duration_parse(said.value, &wait);
    } else if (cgi->prefer.has_wait) {
        wait = cgi->prefer.wait;
        from_prefer = true;
    }
    nanos most = location_max(cgi, rules->wait_max);
    plan->wait = wait < most ? wait : most;
    plan->applied = from_prefer ? plan->wait : -1;
    return said.given || from_prefer;
}

enum read_action read_plan_make(const struct cgi *cgi, const struct service_rules *rules,
                                const struct present *present, struct read_plan *plan)
{
    struct said said;
    bool same;
    bool waits = find_wait(cgi, rules, plan);
    bool conditional = cgi->if_none_match.at != NULL;
    /* Behind an origin its answer is there, whatever it is. */
    bool exists = cgi->origin.len > 0 || present->document != NULL;
    if (query_said(cgi->query, TEXT("index"), &said)->given) {
        same = is_index(said.value, present->index);
    } else if (cgi->prefer.has_index) {
        same = is_index(cgi->prefer.index, present->index);
    } else if (conditional) {
        enum etag_match match = etag_matches(cgi->if_none_match, present->index, true);
        same = match == ETAG_SAME || (match == ETAG_ANY && present->document != NULL);
        if (!waits) {
            plan->applied = -1;
            return same && exists ? READ_UNCHANGED : READ_PRESENT;
        }
    } else {
        plan->applied = -1;
        return READ_PRESENT;
    }
    if (!same)
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
