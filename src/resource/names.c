/* SPDX-License-Identifier: ISC */
/*
 * nginx decides by location who may read what: a name that could lead out of it is
 * refused, not resolved.
 */
#include "fcgiwait/names.h"

#include <stdlib.h>

#include "fcgiwait/json.h"
#include "fcgiwait/path.h"
#include "fcgiwait/query.h"

/* Room for `count` names of `bytes` in all. */
static bool open_names(struct names *names, size_t count, size_t bytes)
{
    *names = (struct names){.at = calloc(count > 0 ? count : 1, sizeof *names->at),
                            .bytes = malloc(bytes > 0 ? bytes : 1)};
    if (names->at != NULL && names->bytes != NULL)
        return true;
    names_dispose(names);
    return false;
}

static enum names_read end(struct names *names, enum names_read result)
{
    if (result != NAMES_READ)
        names_dispose(names);
    return result;
}

static size_t count_commas(struct text t)
{
    size_t count = 0;
    for (size_t i = 0; i < t.len; i++)
        count += t.at[i] == ',';
    return count;
}

enum names_read names_parse(struct text value, size_t most, struct names *names)
{
    size_t count = count_commas(value) + 1, used = 0;
    struct text raw;
    if (count > most)
        return NAMES_TOO_MANY;
    if (!open_names(names, count, value.len))
        return NAMES_NO_MEMORY;
    while (names->count < count && text_cut(&value, ',', &raw)) {
        struct text *name = &names->at[names->count++];
        name->at = names->bytes + used;
        if (!query_decode(raw, names->bytes + used, raw.len, &name->len))
            return end(names, NAMES_UNREADABLE);
        if (!path_is_end(*name))
            return end(names, NAMES_LEAD_OUT);
        used += name->len;
    }
    return end(names, names->count == count ? NAMES_READ : NAMES_LEAD_OUT);
}

/* --- JSON --- */

struct collecting {
    struct names *names;
    size_t most, used;
    enum names_read result;
};

/* json_string_fn */
static bool collect(void *context, struct text string)
{
    struct collecting *collecting = context;
    struct names *names = collecting->names;
    if (names->count == collecting->most)
        collecting->result = NAMES_TOO_MANY;
    else if (!path_is_end(string))
        collecting->result = NAMES_LEAD_OUT;
    if (collecting->result != NAMES_READ)
        return false;
    char *at = names->bytes + collecting->used;
    memcpy(at, string.at, string.len);
    names->at[names->count++] = (struct text){at, string.len};
    collecting->used += string.len;
    return true;
}

enum names_read names_parse_json(struct text body, size_t most, struct names *names)
{
    struct collecting collecting = {names, most, 0, NAMES_READ};
    size_t count = count_commas(body) + 1;
    if (!open_names(names, count < most ? count : most, body.len))
        return NAMES_NO_MEMORY;
    switch (json_strings(body, collect, &collecting)) {
    case JSON_STRINGS:
        break;
    case JSON_OTHER:
        return end(names, NAMES_UNREADABLE);
    case JSON_STOPPED:
        return end(names, collecting.result);
    case JSON_NO_MEMORY:
        return end(names, NAMES_NO_MEMORY);
    }
    return end(names, names->count > 0 ? NAMES_READ : NAMES_LEAD_OUT);
}

void names_dispose(struct names *names)
{
    free(names->at);
    free(names->bytes);
    *names = (struct names){.count = 0};
}
