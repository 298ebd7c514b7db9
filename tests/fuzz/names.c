/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/names.h"

#define MOST 8

/* Whatever is read lies below the path that it is put behind. */
static void check_name(struct text name)
{
    struct text segment, rest = name;
    holds(name.len > 0 && name.at[0] != '/');
    while (text_cut(&rest, '/', &segment)) {
        holds(segment.len > 0 || rest.at == NULL);
        holds(!text_is(segment, TEXT(".")) && !text_is(segment, TEXT("..")));
    }
    for (size_t i = 0; i < name.len; i++)
        holds((unsigned char)name.at[i] >= 0x20 && name.at[i] != 0x7f);
}

static void check(enum names_read read, struct names *names)
{
    if (read != NAMES_READ)
        return;
    holds(names->count > 0 && names->count <= MOST);
    for (size_t i = 0; i < names->count; i++)
        check_name(names->at[i]);
    names_dispose(names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size};
    struct names names = {.count = 0};
    check(names_parse(text, MOST, &names), &names);
    check(names_parse_json(text, MOST, &names), &names);
    return 0;
}
