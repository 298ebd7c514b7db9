/* SPDX-License-Identifier: ISC */
/*
 * Compares media types without their parameters. Names are ASCII in any letter case;
 * what a type is good for is decided by whoever asks.
 */
#include "fcgiwait/media.h"

static struct text essence_of(struct text type)
{
    struct text essence = {type.at, 0};
    text_cut(&type, ';', &essence);
    return text_trim(essence);
}

bool media_is(struct text type, struct text essence)
{
    return text_is_like(essence_of(type), essence);
}

bool media_is_json(struct text type)
{
    static const struct text tail = TEXT("+json");
    struct text essence = essence_of(type);
    if (text_is_like(essence, TEXT("application/json")))
        return true;
    if (essence.len <= tail.len)
        return false;
    return text_is_like((struct text){essence.at + essence.len - tail.len, tail.len},
                        tail);
}
