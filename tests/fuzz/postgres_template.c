/* SPDX-License-Identifier: ISC */
/*
 * postgres_template: templates, and what rows make of them. An input is lines: a table's
 * name, a template, then values; a line of one + is a value that is not known, one of -
 * is NULL.
 */
#include "fuzz.h"

#include "fcgiwait/path.h"
#include "fcgiwait/store.h"
#include "store/postgres_template.h"

#define VALUES 8

static char *string_of(struct text line)
{
    char *string = fuzz_room(line.len + 1);
    memcpy(string, line.at, line.len);
    string[line.len] = '\0';
    return string;
}

/* What is known to nobody is the part before the first value: there always is one. */
static void fill(const struct postgres_template *template, struct postgres_value *values)
{
    struct postgres_room room = {0};
    struct text path, less;
    bool below, less_below;
    holds(postgres_template_fill(template, values, &room, &path, &below));
    holds(path.len == 0 || path_check(path, PATH_LENGTH_MAX) == NULL);
    holds(path.len > 0 || template->optional);
    for (size_t i = 0; i < VALUES; i++)
        values[i].kind = POSTGRES_UNCHANGED;
    holds(postgres_template_fill(template, values, &room, &less, &less_below));
    holds(less.len > 0 && path_check(less, PATH_LENGTH_MAX) == NULL);
    postgres_room_free(&room);
}

static void take(const char *source, struct text rest)
{
    struct postgres_template template;
    struct postgres_value values[VALUES];
    struct text line;
    if (postgres_template_read(&template, source) != NULL)
        return;
    holds(template.count > 0);
    for (size_t i = 0; i < template.count; i++)
        template.parts[i].place = i % VALUES;
    for (size_t i = 0; i < VALUES; i++) {
        bool there = text_cut(&rest, '\n', &line);
        values[i] = (struct postgres_value){POSTGRES_TEXT, there ? line : TEXT("x")};
        if (there && text_is(line, TEXT("+")))
            values[i].kind = POSTGRES_UNCHANGED;
        else if (there && text_is(line, TEXT("-")))
            values[i].kind = POSTGRES_NULL;
    }
    template.optional = values[0].text.len % 2 == 1;
    fill(&template, values);
    postgres_template_dispose(&template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size}, name = TEXT(""), source = TEXT("");
    text_cut(&rest, '\n', &name);
    text_cut(&rest, '\n', &source);
    char *table = string_of(name.at != NULL ? name : TEXT(""));
    char *path = string_of(source.at != NULL ? source : TEXT(""));
    store_table_name_wrong(table);
    take(path, rest);
    free(path);
    free(table);
    return 0;
}
