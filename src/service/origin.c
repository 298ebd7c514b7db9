/* SPDX-License-Identifier: ISC */
/*
 * The line that sends nginx to the API. What is put into it is encoded here and nowhere
 * else: a byte of the client's must not end the header.
 */
#include "origin.h"

#include <stdlib.h>

#include "fcgiwait/uri.h"

#define FIELD_NAME "X-Accel-Redirect: "
#define FIELD_END "\r\n\r\n"

/* No URL has these, and a header line or a request line would end at some of them. */
static bool breaks_a_line(unsigned char byte)
{
    return byte <= ' ' || byte == 0x7f;
}

const char *origin_check(struct text origin)
{
    if (origin.len == 0)
        return NULL;
    bool sound = origin.at[0] == '/' && origin.at[origin.len - 1] != '/';
    for (size_t i = 0; i < origin.len; i++)
        if (breaks_a_line((unsigned char)origin.at[i]) || strchr("?#%", origin.at[i]))
            sound = false;
    return sound ? NULL
                 : "FCGIWAIT_ORIGIN in the web server's configuration must be a prefix "
                   "like /_origin, without a slash at its end.";
}

static char *put_segment(char *out, struct text segment)
{
    if (text_is(segment, TEXT(".")))
        return text_put(out, TEXT("%252E"));
    if (text_is(segment, TEXT("..")))
        return text_put(out, TEXT("%252E%252E"));
    return uri_put(out, segment);
}

/* At most five bytes for one. */
static char *put_path(char *out, struct text path)
{
    struct text segment;
    bool first = true;
    while (text_cut(&path, '/', &segment)) {
        if (!first)
            *out++ = '/';
        out = put_segment(out, segment);
        first = false;
    }
    return out;
}

/* `raw` has room for query.len bytes. */
static char *put_query(char *out, struct text query, const struct query_names *names,
                       char *raw)
{
    const struct text ours[] = {names->index, names->wait};
    size_t len = query_without(query, ours, names->index.len > 0 ? 2 : 0, raw);
    if (len > 0)
        *out++ = '?';
    for (size_t i = 0; i < len; i++) {
        if (breaks_a_line((unsigned char)raw[i]))
            out = uri_escape(out, (unsigned char)raw[i]);
        else
            *out++ = raw[i];
    }
    return out;
}

char *origin_target(struct text origin, struct text path, struct text query,
                    const struct query_names *names)
{
    size_t fixed = sizeof FIELD_NAME + sizeof FIELD_END + origin.len;
    char *line = malloc(fixed + 5 * path.len + 1 + 3 * query.len);
    char *raw = malloc(query.len + 1);
    if (line != NULL && raw != NULL) {
        char *at = text_put(line, TEXT(FIELD_NAME));
        at = text_put(at, origin);
        at = put_path(at, path);
        at = put_query(at, query, names, raw);
        at = text_put(at, TEXT(FIELD_END));
        *at++ = '\0';
        char *fitting =
            realloc(line, (size_t)(at - line)); /* many may be held for long */
        line = fitting != NULL ? fitting : line;
    } else {
        free(line);
        line = NULL;
    }
    free(raw);
    return line;
}
