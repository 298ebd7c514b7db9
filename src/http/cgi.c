/* SPDX-License-Identifier: ISC */
/*
 * The table of parameters that mean something to us. A new one is a line of it, a member
 * of struct cgi, and a paragraph in fcgiwait.8 (tests/structure/parameters).
 */
#include "fcgiwait/cgi.h"

#include <stddef.h>
#include <string.h>

struct field {
    const char *name;
    size_t at; /* of a struct text within struct cgi */
};

/* The names that we know, by their length: most that come have a length of their own. */
#define SAME_LENGTH 5
#define LENGTH_MOST 25
#define FIELD(name, member)                                                              \
    {                                                                                    \
        name, offsetof(struct cgi, member)                                               \
    }

static const struct field fields[LENGTH_MOST + 1][SAME_LENGTH] = {
    [9] = {FIELD("PATH_INFO", path_info), FIELD("HTTP_HOST", host)},
    [11] = {FIELD("HTTP_ACCEPT", accept), FIELD("SCRIPT_NAME", script_name),
            FIELD("REQUEST_URI", request_uri)},
    [12] = {FIELD("QUERY_STRING", query), FIELD("CONTENT_TYPE", content_type)},
    [13] = {FIELD("HTTP_IF_MATCH", if_match), FIELD("FCGIWAIT_ALSO", also)},
    [14] = {FIELD("REQUEST_METHOD", method), FIELD("CONTENT_LENGTH", content_length),
            FIELD("FCGIWAIT_QUERY", query_names), FIELD("FCGIWAIT_SCOPE", scope),
            FIELD("FCGIWAIT_AGAIN", again)},
    [15] = {FIELD("FCGIWAIT_ACCESS", access), FIELD("FCGIWAIT_ORIGIN", origin),
            FIELD("FCGIWAIT_CLIENT", client), FIELD("FCGIWAIT_STREAM", stream)},
    [16] = {FIELD("FCGIWAIT_EXPIRES", expires), FIELD("HTTP_TRACEPARENT", traceparent)},
    [17] = {FIELD("FCGIWAIT_RESOURCE", resource), FIELD("FCGIWAIT_ENDPOINT", endpoint),
            FIELD("FCGIWAIT_WAIT_MAX", wait_max), FIELD("FCGIWAIT_LOCATION", location)},
    [18] = {FIELD("HTTP_IF_NONE_MATCH", if_none_match),
            FIELD("HTTP_CONTENT_RANGE", content_range),
            FIELD("HTTP_LAST_EVENT_ID", last_event_id)},
    [21] = {FIELD("HTTP_CONTENT_ENCODING", content_encoding)},
    [22] = {FIELD("FCGIWAIT_ORIGIN_STATUS", origin_status)},
    [24] = {FIELD("HTTP_IF_UNMODIFIED_SINCE", if_unmodified_since)},
    [25] = {FIELD("FCGIWAIT_CONTENT_LOCATION", content_location)},
};

/* Both names are so long. Their ends differ more than their beginnings. */
static inline bool is_name(const char *ours, struct text name)
{
    return ours[name.len - 1] == name.at[name.len - 1] &&
           memcmp(ours, name.at, name.len) == 0;
}

/* A web server says some twenty of them with each request, and most mean nothing here:
 * this loop is a tenth of what a plain GET costs. */
void cgi_add(struct cgi *cgi, struct text name, struct text value)
{
    if (name.len > LENGTH_MOST)
        return;
    const struct field *field = fields[name.len];
    for (size_t i = 0; i < SAME_LENGTH && field[i].name != NULL; i++) {
        if (!is_name(field[i].name, name))
            continue;
        struct text *into = (struct text *)((char *)cgi + field[i].at);
        if (into->at == NULL)
            *into = value;
        return;
    }
    if (text_is(name, TEXT("HTTP_PREFER")))
        prefer_parse(value, &cgi->prefer);
}
