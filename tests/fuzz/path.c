/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/path.h"

static bool has(struct text whole, const char *part)
{
    return memmem(whole.at, whole.len, part, strlen(part)) != NULL;
}

static bool has_control(struct text path)
{
    for (size_t i = 0; i < path.len; i++)
        if ((unsigned char)path.at[i] < 0x20 || path.at[i] == 0x7f)
            return true;
    return false;
}

/* The rules once more, told differently. */
static bool is_good(struct text path, size_t most)
{
    if (path.len == 0 || path.at[0] != '/' || path.len > most || has_control(path) ||
        has(path, "//"))
        return false;
    struct text ended = fuzz_joined(path, TEXT("/"));
    bool dots = has(ended, "/./") || has(ended, "/../");
    free((char *)ended.at);
    return !dots;
}

/* Going up ends at the root, one segment at a time, through good paths. */
static void check_parents(struct text path)
{
    while (path.len > 1) {
        struct text parent = path_parent(path);
        holds(parent.at == path.at && parent.len > 0 && parent.len < path.len);
        holds(path_check(parent, parent.len) == NULL);
        holds(parent.len == 1 || path.at[parent.len] == '/');
        struct text segment = {path.at + parent.len + 1, path.len - parent.len - 1};
        if (parent.len == 1)
            segment = (struct text){path.at + 1, path.len - 1};
        holds(segment.len == 0 || memchr(segment.at, '/', segment.len) == NULL);
        path = parent;
    }
    holds(path_parent(path).len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text path = {(const char *)data, size};
    size_t most = fuzz_byte(&path);
    const char *wrong = path_check(path, most);
    holds((wrong == NULL) == is_good(path, most));
    if (wrong == NULL)
        check_parents(path);
    else
        holds(wrong[0] != '\0');
    return 0;
}
