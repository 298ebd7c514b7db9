/* SPDX-License-Identifier: ISC */
/*
 * Entity tags are indexes in quotes. Lists are read to the first that is malformed; what
 * stands behind that matches nothing.
 */
#include "fcgiwait/etag.h"

size_t etag_format(uint64_t index, char out[ETAG_TEXT])
{
    size_t len = 1 + text_format(index, out + 1);
    out[0] = out[len] = '"';
    out[len + 1] = '\0';
    return len + 1;
}

struct entity_tag {
    bool weak;
    struct text opaque; /* quotes included */
};

/* The entity tag at the start of `rest`. False: there is none. */
static bool take_tag(struct text *rest, struct entity_tag *tag)
{
    tag->weak = text_starts(*rest, TEXT("W/"));
    if (tag->weak)
        text_skip(rest, 2);
    if (rest->len < 2 || rest->at[0] != '"')
        return false;
    const char *end = memchr(rest->at + 1, '"', rest->len - 1);
    if (end == NULL)
        return false;
    tag->opaque = (struct text){rest->at, (size_t)(end + 1 - rest->at)};
    text_skip(rest, tag->opaque.len);
    return true;
}

static void skip_between(struct text *rest)
{
    while (rest->len > 0 && strchr(" \t,", rest->at[0]) != NULL && rest->at[0] != '\0')
        text_skip(rest, 1);
}

enum etag_match etag_matches(struct text list, uint64_t index, bool weak)
{
    char ours[ETAG_TEXT];
    struct text present = {ours, etag_format(index, ours)};
    struct entity_tag tag;
    if (text_is(text_trim(list), TEXT("*")))
        return ETAG_ANY;
    for (skip_between(&list); list.len > 0; skip_between(&list)) {
        if (!take_tag(&list, &tag))
            break;
        if ((weak || !tag.weak) && text_is(tag.opaque, present))
            return ETAG_SAME;
    }
    return ETAG_NONE;
}

uint64_t etag_newest(struct text list, uint64_t least, uint64_t most)
{
    struct entity_tag tag;
    uint64_t index, newest = 0;
    for (skip_between(&list); list.len > 0; skip_between(&list)) {
        if (!take_tag(&list, &tag))
            break;
        struct text digits = {tag.opaque.at + 1, tag.opaque.len - 2};
        bool plain = digits.len == 1 || (digits.len > 1 && digits.at[0] != '0');
        if (plain && text_number(digits, UINT64_MAX, &index) && index >= least &&
            index <= most && index > newest)
            newest = index;
    }
    return newest;
}
