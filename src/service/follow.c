/* SPDX-License-Identifier: ISC */
/* follow: which names a reader asks for, and the table of reading for them all. */
#include "follow.h"

#include "deliver.h"
#include "fcgiwait/media.h"
#include "feed.h"
#include "hold.h"

/* --- which names --- */

static void refuse_names(struct service *service, struct request *request,
                         enum names_read read)
{
    switch (read) {
    case NAMES_UNREADABLE:
        deliver_problem(service, request, 400,
                        "The names can't be read; write ?only=a,b/c, percent-encoded, or "
                        "QUERY with a JSON array of strings, such as [\"a\", \"b/c\"].",
                        NULL);
        break;
    case NAMES_LEAD_OUT:
        deliver_problem(service, request, 400,
                        "A name has to lie below the path: not empty, no slash at its "
                        "start, no segment that is empty, . or .., and no control "
                        "characters.",
                        NULL);
        break;
    case NAMES_TOO_MANY:
        deliver_problem(service, request, 400,
                        "These are more names than limits.changes allows; ask for fewer, "
                        "or for everything below the path.",
                        NULL);
        break;
    case NAMES_NO_MEMORY:
    case NAMES_READ:
        deliver_no_memory(service, request);
        break;
    }
}

/* False: the body of QUERY can't be looked at, and that was told. */
static bool check_body(struct service *service, struct request *request,
                       const struct operation *operation)
{
    if (operation->body_length > operation->rules->limit_body ||
        operation->body.len < operation->body_length) {
        deliver_problem(service, request, 413,
                        "The names are longer than limits.body allows; ask for fewer.",
                        NULL);
        return false;
    }
    if (operation->length_is_wrong) {
        deliver_problem(service, request, 400,
                        "The body is not as long as Content-Length says.", NULL);
        return false;
    }
    if (operation->content_type.len == 0 || media_is_json(operation->content_type))
        return true;
    deliver_problem(service, request, 415,
                    "The body of QUERY is a JSON array of names; say so with "
                    "Content-Type: application/json.",
                    "Accept-Query: application/json\r\n");
    return false;
}

static enum names_read read_names(const struct operation *operation, struct names *names)
{
    size_t most = operation->rules->limit_changes;
    return operation->method == METHOD_QUERY
               ? names_parse_json(operation->body, most, names)
               : names_parse(operation->only, most, names);
}

bool follow_begin(struct service *service, struct request *request,
                  const struct operation *operation)
{
    bool queries = operation->method == METHOD_QUERY;
    bool named = queries || operation->only.at != NULL;
    struct names names = {.count = 0};
    if (queries && !check_body(service, request, operation))
        return false;
    enum names_read read = named ? read_names(operation, &names) : NAMES_READ;
    if (read != NAMES_READ) {
        refuse_names(service, request, read);
        return false;
    }
    request->feed = feed_new(operation, named ? &names : NULL);
    if (named)
        names_dispose(&names);
    if (request->feed == NULL)
        deliver_no_memory(service, request);
    return request->feed != NULL;
}

/* --- what there is to tell --- */

/* `same`: nothing has changed for this client. */
static void set_from(struct feed *feed, struct tree *tree,
                     const struct operation *operation, const struct tree_span *span,
                     const struct present *present, bool same)
{
    uint64_t index = operation->index, stopped;
    bool is_good =
        operation->has_index &&
        (index == present->index || (index >= span->horizon && index <= span->newest));
    feed->has_from = is_good || same;
    feed->from = is_good ? index : present->index;
    feed->goes_on = 0;
    if (!feed->has_from && operation->has_index &&
        feed_find(feed, tree, span->horizon, index, &stopped)) {
        feed->goes_on = span->horizon;
        feed->has_from = true;
        feed->from = stopped;
    }
}

void follow_look(struct service *service, struct request *request,
                 const struct operation *operation)
{
    struct feed *feed = request->feed;
    for (bool served = false; !served;) {
        struct present present;
        struct tree_span span;
        struct read_plan plan;
        feed_look(feed, service->tree, &present);
        tree_span(service->tree, &span);
        enum read_action action = read_plan_make(operation, &span, &present, &plan);
        request->index = present.index;
        request->applied = plan.applied;
        set_from(feed, service->tree, operation, &span, &present, action == READ_HOLD);
        served = true;
        if (action == READ_FAILED)
            deliver_problem(service, request, 412, plan.why, NULL);
        else if (action == READ_PRESENT)
            deliver_told(service, request);
        else if (action == READ_UNCHANGED)
            deliver_unchanged(service, request);
        else
            served = hold_until(service, request, feed->targets, feed->count, operation,
                                &plan);
        if (!served)
            store_reached(service->store, 0);
    }
}
