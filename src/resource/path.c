/* SPDX-License-Identifier: ISC */
/*
 * The one judgement on what is a path. Everything that takes a path from outside asks
 * here first.
 */
#include "fcgiwait/path.h"

/* `rest` is what follows the leading slash. */
static const char *check_segments(struct text rest)
{
    struct text segment;
    while (text_cut(&rest, '/', &segment)) {
        bool last = rest.at == NULL;
        if (segment.len == 0 && !last)
            return "The path has an empty segment (//); write a single slash.";
        if (text_is(segment, TEXT(".")) || text_is(segment, TEXT("..")))
            return "The path has a segment . or ..; write the path that it leads to.";
    }
    return NULL;
}

const char *path_check(struct text t, size_t most)
{
    if (t.len == 0 || t.at[0] != '/')
        return "The path does not begin with a slash; a resource is named like /a/b.";
    if (t.len > most)
        return "The path is longer than limits.path allows; use a shorter one.";
    if (text_has_control(t))
        return "The path has a control character; leave it out.";
    return check_segments((struct text){t.at + 1, t.len - 1});
}

bool path_is_end(struct text t)
{
    return t.len > 0 && !text_has_control(t) && check_segments(t) == NULL;
}

struct text path_without_slash(struct text t)
{
    if (t.len > 1 && t.at[t.len - 1] == '/')
        t.len--;
    return t;
}

struct text path_parent(struct text t)
{
    if (t.len <= 1)
        return (struct text){t.at, 0};
    size_t len = t.len;
    while (t.at[len - 1] != '/')
        len--;
    /* The slash stays only where it is the root's. */
    return (struct text){t.at, len > 1 ? len - 1 : 1};
}
