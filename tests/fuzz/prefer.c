/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/duration.h"
#include "fcgiwait/prefer.h"

static bool same(const struct preference *a, const struct preference *b)
{
    return a->has_wait == b->has_wait && a->has_index == b->has_index &&
           (!a->has_wait || a->wait == b->wait) &&
           (!a->has_index || text_is(a->index, b->index));
}

/* The first instance counts, whatever follows. */
static void check_first(struct text header)
{
    struct text joined = fuzz_joined(TEXT("wait=60; Index = \"7\","), header);
    struct preference found = {0};
    prefer_parse(joined, &found);
    holds(found.has_wait && found.wait == 60 * NANOS_PER_SECOND);
    holds(found.has_index && text_is(found.index, TEXT("7")));
    free((char *)joined.at);
}

/* Several headers are one list. A quoted string may swallow the comma between them. */
static void check_list(struct text first, struct text second)
{
    struct preference one = {0}, two = {0};
    if (first.len > 0 && memchr(first.at, '"', first.len) != NULL)
        return;
    struct text comma = fuzz_joined(first, TEXT(","));
    struct text joined = fuzz_joined(comma, second);
    prefer_parse(joined, &one);
    prefer_parse(first, &two);
    prefer_parse(second, &two);
    holds(same(&one, &two));
    free((char *)joined.at);
    free((char *)comma.at);
}

static void check_applied(nanos wait)
{
    char line[PREFER_APPLIED], seconds[DURATION_TEXT], again[PREFER_APPLIED];
    size_t len = prefer_applied(wait, line);
    holds(len < sizeof line && line[len] == '\0');
    duration_format(wait, seconds);
    snprintf(again, sizeof again, "Preference-Applied: wait=%s\r\n", seconds);
    holds(strcmp(line, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text header = {(const char *)data, size}, rest = header, first = TEXT("");
    struct preference found = {0};
    prefer_parse(header, &found);
    if (found.has_index)
        holds(fuzz_within(found.index, header));
    if (found.has_wait) {
        holds(found.wait >= 0);
        check_applied(found.wait);
    }
    check_first(header);
    text_cut(&rest, '\n', &first);
    check_list(first, rest);
    return 0;
}
