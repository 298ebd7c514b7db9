/* SPDX-License-Identifier: ISC */
/*
 * postgres: what a server sends. An input is CopyData after CopyData, each behind two
 * bytes of length; a relation with the length's highest bit is a part of the first table.
 */
#include "fuzz.h"

#include "fcgiwait/path.h"
#include "store/postgres_table.h"

static const char *const also[] = {"/users/{author_id}/posts", "/all/{slug}-{id}/*"};
static const struct store_table told[] = {{"public.posts", "/posts/{id}", also, 2},
                                          {"public.notes", "/notes/{id}/{body}", NULL, 0},
                                          {"public.plain", "/plain", NULL, 0}};

static bool look(void *context, struct text path, bool below)
{
    (void)below;
    ++*(size_t *)context;
    holds(path_check(path, PATH_LENGTH_MAX) == NULL);
    return true;
}

static void walk(const struct postgres_message *message, struct text whole)
{
    struct postgres_list list = message->list;
    struct postgres_column column;
    struct postgres_value value;
    uint32_t relation;
    while (message->kind == POSTGRES_RELATION && postgres_column_next(&list, &column))
        holds(fuzz_within(column.name, whole));
    while (message->kind == POSTGRES_TRUNCATE && postgres_relation_next(&list, &relation))
        ;
    list = message->old;
    while (postgres_value_next(&list, &value))
        holds(fuzz_within(value.text, whole));
    list = message->new;
    while (postgres_value_next(&list, &value))
        holds(fuzz_within(value.text, whole));
    holds(fuzz_within(message->schema, whole) && fuzz_within(message->name, whole));
    holds(fuzz_within(message->prefix, whole) && fuzz_within(message->content, whole));
}

static void follow(struct postgres_tables *tables, const struct postgres_message *message,
                   bool part)
{
    const char *why;
    struct text path;
    bool below;
    size_t touched = 0, all = 0;
    const struct postgres_toucher toucher = {&touched, look}, prefixes = {&all, look};
    if (message->kind == POSTGRES_RELATION) {
        postgres_tables_learn(tables, message, &why);
        if (part)
            postgres_tables_adopt(tables, message, TEXT("public"), TEXT("posts"), &why);
        holds(why != NULL);
    } else if (message->kind == POSTGRES_MESSAGE) {
        holds(!postgres_message_path(message->content, &path, &below) ||
              path_check(path, PATH_LENGTH_MAX) == NULL);
    } else if (message->kind >= POSTGRES_INSERT && message->kind <= POSTGRES_TRUNCATE) {
        holds(postgres_tables_touch(tables, message, &toucher));
        holds(postgres_tables_touch_all(tables, message, &prefixes));
        holds(touched == 0 || all > 0); /* a row's table has prefixes */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    char error[256];
    struct postgres_tables *tables =
        postgres_tables_new(told, sizeof told / sizeof *told, error, sizeof error);
    holds(tables != NULL);
    while (rest.len >= 2) {
        size_t len = fuzz_byte(&rest);
        bool part = len >= 128;
        len = (len & 127) << 8 | fuzz_byte(&rest);
        if (len > rest.len)
            len = rest.len;
        struct text data_of = fuzz_joined((struct text){rest.at, len}, TEXT(""));
        struct postgres_frame frame;
        struct postgres_message message;
        text_skip(&rest, len);
        if (postgres_frame_read(data_of, &frame) && frame.kind == POSTGRES_DATA &&
            postgres_message_read(frame.payload, &message)) {
            holds(fuzz_within(frame.payload, data_of));
            walk(&message, frame.payload);
            follow(tables, &message, part);
        }
        free((char *)data_of.at);
    }
    postgres_tables_free(&tables);
    return 0;
}
