/* SPDX-License-Identifier: ISC */
/*
 * Reads which names below a path are asked for, from the query or from the body of
 * QUERY, and makes the request's feed of them. What is wrong with them is said here;
 * what is told of them is feed.c's.
 */
#include "follow.h"

#include "deliver.h"
#include "fcgiwait/media.h"
#include "feed.h"

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
    if (operation_is_too_large(operation)) {
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
