#include "fcgiwait/cgi.h"

#include <stddef.h>

struct field {
    const char *name;
    size_t len;
    size_t at; /* of a struct text within struct cgi */
};

#define FIELD(name, member)                                                              \
    {                                                                                    \
        name, sizeof(name) - 1, offsetof(struct cgi, member)                             \
    }

static const struct field fields[] = {
    FIELD("REQUEST_METHOD", method),      FIELD("SCRIPT_NAME", script_name),
    FIELD("PATH_INFO", path_info),        FIELD("QUERY_STRING", query),
    FIELD("CONTENT_TYPE", content_type),  FIELD("CONTENT_LENGTH", content_length),
    FIELD("HTTP_IF_MATCH", if_match),     FIELD("HTTP_IF_NONE_MATCH", if_none_match),
    FIELD("FCGIWAIT_RESOURCE", resource), FIELD("FCGIWAIT_ACCESS", access),
    FIELD("FCGIWAIT_ENDPOINT", endpoint), FIELD("FCGIWAIT_WAIT_MAX", wait_max),
    FIELD("FCGIWAIT_ORIGIN", origin),     FIELD("FCGIWAIT_ORIGIN_STATUS", origin_status),
};

void cgi_add(struct cgi *cgi, struct text name, struct text value)
{
    if (text_is(name, TEXT("HTTP_PREFER"))) {
        prefer_parse(value, &cgi->prefer);
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *field = &fields[i];
        if (field->len != name.len || memcmp(field->name, name.at, name.len) != 0)
            continue;
        struct text *into = (struct text *)((char *)cgi + field->at);
        if (into->at == NULL)
            *into = value;
        return;
    }
}
