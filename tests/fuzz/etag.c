/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/etag.h"

/* What is found is in the list, and within; and nothing newer is. */
static void check_newest(struct text list, uint64_t index)
{
    uint64_t newest = etag_newest(list, 1, index);
    holds(newest <= index);
    holds(newest == 0 || etag_matches(list, newest, true) == ETAG_SAME);
    holds(newest == index || index == 0 || etag_matches(list, index, true) != ETAG_SAME);
    holds(newest == 0 || etag_newest(list, newest, newest) == newest);
}

/* In front of any list, the index's own entity tag is found. */
static void check_first(struct text list, uint64_t index)
{
    char tag[2 + ETAG_TEXT + 2] = "W/";
    size_t len = 2 + etag_format(index, tag + 2);
    holds(len < 2 + ETAG_TEXT && tag[2] == '"' && tag[len - 1] == '"');
    tag[len++] = ',';

    struct text weak = fuzz_joined((struct text){tag, len}, list);
    struct text strong = {weak.at + 2, weak.len - 2};
    holds(etag_matches(strong, index, false) == ETAG_SAME);
    holds(etag_matches(strong, index, true) == ETAG_SAME);
    holds(etag_matches(weak, index, true) == ETAG_SAME);
    free((char *)weak.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text list = {(const char *)data, size};
    uint64_t index = fuzz_byte(&list);
    if (index > 127)
        index = UINT64_MAX / index;

    char tag[ETAG_TEXT];
    size_t len = etag_format(index, tag);
    enum etag_match strong = etag_matches(list, index, false);
    enum etag_match weak = etag_matches(list, index, true);
    holds((strong == ETAG_ANY) == text_is(text_trim(list), TEXT("*")));
    holds((weak == ETAG_ANY) == (strong == ETAG_ANY));
    if (strong == ETAG_SAME)
        holds(weak == ETAG_SAME);
    if (weak == ETAG_SAME)
        holds(memmem(list.at, list.len, tag, len) != NULL);
    check_newest(list, index);
    check_first(list, index);
    return 0;
}
