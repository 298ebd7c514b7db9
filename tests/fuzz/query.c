/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/query.h"

static const struct text ours[] = {{"index", 5}, {"wait", 4}};

/* What is taken out is gone; what is left is as it was. */
static void check_without(struct text query)
{
    char *out = fuzz_room(query.len);
    char *again = fuzz_room(query.len);
    struct text value, other;
    struct text left = {out, query_without(query, ours, 2, out)};
    holds(left.len <= query.len);
    holds(!query_get(left, ours[0], &value) && !query_get(left, ours[1], &value));

    struct text rest = query, argument, name;
    while (text_cut(&rest, '&', &argument)) {
        text_cut(&argument, '=', &name);
        if (name.len == 0 || text_is(name, ours[0]) || text_is(name, ours[1]))
            continue;
        holds(query_get(query, name, &value));
        holds(query_get(left, name, &other));
        holds(text_is(value, other));
    }
    holds(query_without(left, ours, 2, again) == left.len);
    holds(text_is((struct text){again, left.len}, left));
    free(again);
    free(out);
}

static bool is_plain(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] == '%' || value.at[i] == '+')
            return false;
    return true;
}

static void check_decode(struct text value)
{
    char *out = fuzz_room(value.len);
    size_t len = 0;
    bool read = query_decode(value, out, value.len, &len);
    holds(len <= value.len);
    if (is_plain(value))
        holds(read && text_is((struct text){out, len}, value));
    if (read && len > 0) {
        size_t part;
        holds(!query_decode(value, out, len - 1, &part) && part == len - 1);
    }
    free(out);
}

/* Two different names that can stand in a query, or none. */
static void check_names(struct text t)
{
    struct query_names names;
    if (!query_names_parse(t, &names))
        return;
    holds((names.index.len == 0) == (names.wait.len == 0));
    holds(names.index.len == 0 || !text_is(names.index, names.wait));
    holds(names.index.len == 0 || memchr(names.index.at, '&', names.index.len) == NULL);
    holds(names.wait.len == 0 || memchr(names.wait.at, '=', names.wait.len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text query = {(const char *)data, size};
    struct text value;
    check_names(query);
    for (size_t i = 0; i < 2; i++)
        if (query_get(query, ours[i], &value)) {
            holds(fuzz_within(value, query));
            holds(value.len == 0 || memchr(value.at, '&', value.len) == NULL);
            check_decode(value);
        }
    check_decode(query);
    check_without(query);
    return 0;
}
