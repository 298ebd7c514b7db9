/* SPDX-License-Identifier: ISC */
/*
 * A list of paths in one allocation that doubles, each behind its length: there may be
 * as many as there are resources.
 */
#include "paths.h"

#include <stdlib.h>

bool paths_add(void *context, struct text path)
{
    struct paths *paths = context;
    size_t need = sizeof path.len + path.len;
    if (need > paths->capacity - paths->len) {
        size_t capacity = 2 * paths->capacity + need;
        char *bytes = realloc(paths->bytes, capacity);
        if (bytes == NULL)
            return false;
        paths->bytes = bytes;
        paths->capacity = capacity;
    }
    memcpy(paths->bytes + paths->len, &path.len, sizeof path.len);
    memcpy(paths->bytes + paths->len + sizeof path.len, path.at, path.len);
    paths->len += need;
    return true;
}

struct text paths_next(const struct paths *paths, size_t *at)
{
    struct text path;
    memcpy(&path.len, paths->bytes + *at, sizeof path.len);
    path.at = paths->bytes + *at + sizeof path.len;
    *at += sizeof path.len + path.len;
    return path;
}

void paths_free(struct paths *paths)
{
    free(paths->bytes);
    *paths = (struct paths){0};
}
