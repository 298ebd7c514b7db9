/* SPDX-License-Identifier: ISC */
/* Which paths changes of rows touch. */
#include "store/postgres_mapping.h"

#include <stdio.h>

#include "must.h"
#include "postgres_bytes.h"

/* --- messages --- */

/* Made by hand, for what is tedious to have a server say. */
struct made {
    char bytes[4096];
    size_t len;
};

static void put(struct made *made, const void *bytes, size_t len)
{
    must(len <= sizeof made->bytes - made->len, "too long");
    memcpy(made->bytes + made->len, bytes, len);
    made->len += len;
}

static void put_number(struct made *made, uint32_t value, int size)
{
    while (size-- > 0) {
        char byte = (char)(value >> (8 * size));
        put(made, &byte, 1);
    }
}

/* `columns`: "*id author_id", of which those with a star are the identity's. */
static struct made relation_of(uint32_t id, const char *name, char identity,
                               const char *columns)
{
    struct made made = {.len = 0};
    struct text rest = text_of(columns), column;
    uint32_t count = 1;
    for (const char *c = columns; *c != '\0'; c++)
        count += *c == ' ';
    put(&made, "R", 1);
    put_number(&made, id, 4);
    put(&made, "public", 7);
    put(&made, name, strlen(name) + 1);
    put(&made, &identity, 1);
    put_number(&made, count, 2);
    while (text_cut(&rest, ' ', &column)) {
        bool key = column.at[0] == '*';
        put_number(&made, key, 1);
        put(&made, column.at + key, column.len - key);
        put(&made, "", 1);
        put_number(&made, 25, 4);
        put_number(&made, UINT32_MAX, 4);
    }
    return made;
}

/* `values`: "1|NULL|UNCHANGED". */
static void put_row(struct made *made, char kind, const char *values)
{
    struct text rest = text_of(values), value;
    uint32_t count = 1;
    for (const char *c = values; *c != '\0'; c++)
        count += *c == '|';
    put(made, &kind, 1);
    put_number(made, count, 2);
    while (text_cut(&rest, '|', &value)) {
        if (text_is(value, TEXT("NULL"))) {
            put(made, "n", 1);
        } else if (text_is(value, TEXT("UNCHANGED"))) {
            put(made, "u", 1);
        } else {
            put(made, "t", 1);
            put_number(made, (uint32_t)value.len, 4);
            put(made, value.at, value.len);
        }
    }
}

static struct made change_of(uint32_t id, const char *old, char old_kind, const char *new)
{
    struct made made = {.len = 0};
    put(&made, old != NULL ? new != NULL ? "U" : "D" : "I", 1);
    put_number(&made, id, 4);
    if (old != NULL && old_kind != '\0')
        put_row(&made, old_kind, old);
    if (new != NULL)
        put_row(&made, 'N', new);
    return made;
}

static struct postgres_message message_of(const struct made *made)
{
    struct postgres_message message;
    must(postgres_message_read((struct text){made->bytes, made->len}, &message),
         "the message is no good");
    return message;
}

static struct made made_of(const char *hex)
{
    struct made made = {.len = 0};
    struct text bytes = bytes_of(hex);
    put(&made, bytes.at, bytes.len);
    free((char *)bytes.at);
    return made;
}

/* --- tables --- */

static struct postgres_tables *mapped(const char *name, const char *path,
                                      const char *also)
{
    char error[256];
    const struct store_table table = {name, path, &also, also != NULL};
    struct postgres_tables *tables = postgres_tables_new(&table, 1, error, sizeof error);
    must(tables != NULL, "%s", error);
    return tables;
}

static void must_learn(struct postgres_tables *tables, const struct made *made,
                       enum postgres_learned expected, const char *saying)
{
    struct postgres_message message = message_of(made);
    const char *why;
    enum postgres_learned learned = postgres_tables_learn(tables, &message, &why);
    must(learned == expected, "learned %d: %s", learned, why);
    if (saying != NULL)
        must(strstr(why, saying) != NULL, "\"%s\" does not say \"%s\"", why, saying);
}

static bool note(void *context, struct text path, bool below)
{
    FILE *out = context;
    fprintf(out, "%s%.*s%s", ftell(out) > 0 ? " " : "", (int)path.len, path.at,
            below ? (path.len > 1 ? "/*" : "*") : "");
    return true;
}

static void must_touch(struct postgres_tables *tables, const struct made *made,
                       const char *expected)
{
    struct postgres_message message = message_of(made);
    char *said = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&said, &len);
    must(out != NULL, "no memory");
    assert_true(
        postgres_tables_touch(tables, &message, &(struct postgres_toucher){out, note}));
    fclose(out);
    assert_string_equal(said, expected);
    free(said);
}

static void must_touch_hex(struct postgres_tables *tables, const char *hex,
                           const char *expected)
{
    struct made made = made_of(hex);
    must_touch(tables, &made, expected);
}

/* A table "t" whose identity is `identity`, with these columns, was learned. */
static struct postgres_tables *learned(const char *path, const char *also, char identity,
                                       const char *columns)
{
    struct postgres_tables *tables = mapped("t", path, also);
    struct made relation = relation_of(1, "t", identity, columns);
    struct postgres_message message = message_of(&relation);
    const char *why;
    must(postgres_tables_learn(tables, &message, &why) <= POSTGRES_LACKING, "no memory");
    return tables;
}

static void insert_touches(struct postgres_tables *tables, const char *row,
                           const char *expected)
{
    struct made made = change_of(1, NULL, '\0', row);
    must_touch(tables, &made, expected);
}

/* --- the tests --- */

static void each_change_of_a_row_touches_its_path(void **state)
{
    struct postgres_tables *tables = mapped("public.posts", "/posts/{id}", NULL);
    struct made posts = made_of(BYTES_POSTS);
    (void)state;
    must_learn(tables, &posts, POSTGRES_MAPPED, NULL);
    must_touch_hex(tables, BYTES_INSERT, "/posts/1");
    must_touch_hex(tables, BYTES_UPDATE_AUTHOR, "/posts/1");
    must_touch_hex(tables, BYTES_UPDATE_UNCHANGED, "/posts/2");
    must_touch_hex(tables, BYTES_DELETE, "/posts/2");
    postgres_tables_free(&tables);
}

static void a_row_that_moves_touches_both_places(void **state)
{
    struct postgres_tables *tables = mapped("posts", "/posts/{id}", NULL);
    struct made posts = made_of(BYTES_POSTS), notes = made_of(BYTES_NOTES);
    (void)state;
    must_learn(tables, &posts, POSTGRES_MAPPED, NULL);
    must_touch_hex(tables, BYTES_UPDATE_KEY, "/posts/2 /posts/1");
    postgres_tables_free(&tables);

    tables = mapped("public.notes", "/notes/{id}", "/users/{author_id}/notes");
    must_learn(tables, &notes, POSTGRES_MAPPED, NULL);
    must_touch_hex(tables, BYTES_NOTES_UPDATE, "/notes/1 /users/2/notes /users/1/notes");
    must_touch_hex(tables, BYTES_NOTES_DELETE, "/notes/1 /users/2/notes");
    postgres_tables_free(&tables);
}

static void a_truncate_touches_what_is_below_the_fixed_part(void **state)
{
    struct postgres_tables *tables =
        mapped("public.posts", "/posts/{id}", "/users/{author_id}/posts");
    struct made posts = made_of(BYTES_POSTS);
    (void)state;
    must_learn(tables, &posts, POSTGRES_LACKING, NULL);
    must_touch_hex(tables, BYTES_TRUNCATE, "/posts/* /users/*");
    postgres_tables_free(&tables);
    tables = learned("/{id}", "/statistics", 'd', "*id");
    must_touch_hex(tables, "54000000010000000001", "/* /statistics");
    postgres_tables_free(&tables);
}

static void names_may_be_quoted(void **state)
{
    struct postgres_tables *tables =
        mapped("\"Odd.Schema\".\"My \"\"Table\"", "/odd/{Id}", "/b/{\"a}b\"}");
    struct made odd = made_of(BYTES_ODD);
    (void)state;
    must_learn(tables, &odd, POSTGRES_LACKING, "which a}b the row had");
    must_touch_hex(tables, BYTES_ODD_INSERT, "/odd/1 /b/x");
    postgres_tables_free(&tables);
}

static void tables_that_nobody_mapped_are_passed_over(void **state)
{
    struct postgres_tables *tables = mapped("public.notes", "/notes/{id}", NULL);
    struct made posts = made_of(BYTES_POSTS);
    (void)state;
    must_touch_hex(tables, BYTES_INSERT, ""); /* not even described */
    must_learn(tables, &posts, POSTGRES_UNKNOWN, NULL);
    must_touch_hex(tables, BYTES_INSERT, "");
    must_touch_hex(tables, BYTES_TRUNCATE, "");
    postgres_tables_free(&tables);
}

static void a_partition_is_its_tables(void **state)
{
    struct postgres_tables *tables = mapped("public.parted", "/parts/{k}/{id}", NULL);
    struct made made = made_of(BYTES_PARTITION);
    const char *why;
    (void)state;
    must_learn(tables, &made, POSTGRES_UNKNOWN, NULL);
    struct postgres_message partition = message_of(&made);
    assert_int_equal(
        postgres_tables_adopt(tables, &partition, TEXT("public"), TEXT("other"), &why),
        POSTGRES_UNKNOWN);
    must_touch_hex(tables, BYTES_PARTITION_INSERT, "");
    assert_int_equal(
        postgres_tables_adopt(tables, &partition, TEXT("public"), TEXT("parted"), &why),
        POSTGRES_MAPPED);
    must_touch_hex(tables, BYTES_PARTITION_INSERT, "/parts/a/1");
    postgres_tables_forget(tables);
    must_touch_hex(tables, BYTES_PARTITION_INSERT, "");
    assert_int_equal(postgres_tables_doubt(tables, &partition), POSTGRES_MAPPED);
    must_touch_hex(tables, BYTES_PARTITION_INSERT, "/parts/*");
    postgres_tables_free(&tables);
}

/* As they are in a URL, and what the web server makes of that. */
static void values_are_what_urls_have(void **state)
{
    struct postgres_tables *tables = learned("/f/{v}", NULL, 'f', "*v");
    (void)state;
    insert_touches(tables, "a b", "/f/a b");
    insert_touches(tables, "a%20b", "/f/a%20b");
    insert_touches(tables, "a?b#c", "/f/a?b#c");
    insert_touches(tables, "a/b", "/f/a/b");
    insert_touches(tables, "/a//b", "/f/a/b");
    insert_touches(tables, "a/../b", "/f/b");
    insert_touches(tables, "gr\xc3\xbcn", "/f/gr\xc3\xbcn");
    insert_touches(tables, "2026-11-26 03:00:00+00", "/f/2026-11-26 03:00:00+00");
    insert_touches(tables, "{1,2}", "/f/{1,2}");
    insert_touches(tables, "...", "/f/...");
    postgres_tables_free(&tables);
    tables = learned("/caf%C3%A9//x/{v}.json/", NULL, 'f', "*v");
    insert_touches(tables, "..", "/caf\xc3\xa9/x/...json/");
    insert_touches(tables, "", "/caf\xc3\xa9/x/.json/");
    postgres_tables_free(&tables);
}

/* The list that the row is in has changed all the same. */
static void what_no_url_can_have_touches_the_part_before_it(void **state)
{
    static const char *const values[] = {"", ".", "..", "a\nb", "\x7f", "NULL"};
    struct postgres_tables *tables = learned("/f/{v}", NULL, 'f', "*v");
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        insert_touches(tables, values[i], "/f");
    postgres_tables_free(&tables);
    tables = learned("/a/{v}/b/{w}-{x}/c", NULL, 'f', "*v *w *x");
    insert_touches(tables, "1|2|3", "/a/1/b/2-3/c");
    insert_touches(tables, "..|2|3", "/a");
    insert_touches(tables, "1|2|NULL", "/a/1/b");
    insert_touches(tables, "1||3", "/a/1/b/-3/c");
    postgres_tables_free(&tables);
    tables = learned("/{v}", NULL, 'f', "*v");
    insert_touches(tables, "..", "/");
    insert_touches(tables, "a", "/a");
    postgres_tables_free(&tables);
    tables = learned("/{v}{w}/c", "/b/.{w}", 'f', "*v *w");
    insert_touches(tables, "|", "/ /b");
    insert_touches(tables, ".|.", "/ /b");
    insert_touches(tables, "a|", "/a/c /b");
    insert_touches(tables, "|b", "/b/c /b/.b");
    postgres_tables_free(&tables);
}

static void also_has_nothing_for_null(void **state)
{
    struct postgres_tables *tables =
        learned("/posts/{id}", "/users/{author}/posts", 'f', "*id *author");
    (void)state;
    insert_touches(tables, "1|NULL", "/posts/1");
    struct made adopted = change_of(1, "1|NULL", 'O', "1|7");
    must_touch(tables, &adopted, "/posts/1 /users/7/posts");
    struct made left = change_of(1, "1|7", 'O', "1|NULL");
    must_touch(tables, &left, "/posts/1 /users/7/posts");
    postgres_tables_free(&tables);
}

static void a_star_is_everything_below(void **state)
{
    struct postgres_tables *tables = learned("/users/{id}", "/users/{id}/*", 'd', "*id");
    (void)state;
    insert_touches(tables, "7", "/users/7 /users/7/*");
    insert_touches(tables, "..", "/users /users");
    postgres_tables_free(&tables);
    tables = learned("/a/{id}", "/*", 'd', "*id");
    insert_touches(tables, "7", "/a/7 /*");
    postgres_tables_free(&tables);
}

/* A large value that the update left as it was is in the old row, or nowhere. */
static void an_unchanged_large_value_is_found_or_feared(void **state)
{
    struct postgres_tables *tables = learned("/s/{slug}", NULL, 'f', "*id *slug");
    struct made made = change_of(1, "1|long", 'O', "2|UNCHANGED");
    (void)state;
    must_touch(tables, &made, "/s/long");
    postgres_tables_free(&tables);
    tables = learned("/s/{slug}", "/i/{id}", 'd', "*id slug");
    made = change_of(1, "", '\0', "1|UNCHANGED");
    must_touch(tables, &made, "/s/* /i/1");
    postgres_tables_free(&tables);
    /* A key of such a value comes with the old row, changed or not. */
    tables = learned("/s/{slug}", NULL, 'd', "id *slug");
    made = change_of(1, "NULL|long", 'K', "1|UNCHANGED");
    must_touch(tables, &made, "/s/long");
    postgres_tables_free(&tables);
}

static void what_the_identity_lacks_is_feared(void **state)
{
    struct postgres_tables *tables =
        learned("/posts/{id}", "/users/{author}/posts", 'd', "*id author");
    struct made relation = relation_of(1, "t", 'd', "*id author");
    (void)state;
    must_learn(tables, &relation, POSTGRES_LACKING,
               "ALTER TABLE public.t REPLICA IDENTITY FULL");
    insert_touches(tables, "1|7", "/posts/1 /users/7/posts");
    struct made update = change_of(1, "", '\0', "1|7");
    must_touch(tables, &update, "/posts/1 /users/7/posts /users/*");
    struct made delete = change_of(1, "1|NULL", 'K', NULL);
    must_touch(tables, &delete, "/posts/1 /users/*");
    relation = relation_of(1, "t", 'd', "*id");
    must_learn(tables, &relation, POSTGRES_LACKING, "no column author");
    insert_touches(tables, "1", "/posts/1 /users/*");
    postgres_tables_free(&tables);
}

/* The server says what identity the root has, and sends what the partition's gave. */
static void a_root_does_not_vouch_for_its_partitions(void **state)
{
    struct postgres_tables *tables = mapped("t", "/p/{id}", "/u/{author}");
    struct made relation = relation_of(1, "t", 'f', "*id *author");
    struct made delete = change_of(1, "1|NULL", 'O', NULL);
    (void)state;
    must_learn(tables, &relation, POSTGRES_MAPPED, NULL);
    must_touch(tables, &delete, "/p/1");
    postgres_table_find(tables, TEXT("public"), TEXT("t"))->partitioned = true;
    must_learn(tables, &relation, POSTGRES_MAPPED, NULL);
    must_touch(tables, &delete, "/p/1 /u/*");
    struct made update = change_of(1, "", '\0', "1|7");
    must_touch(tables, &update, "/p/1 /p/* /u/7 /u/*");
    relation = relation_of(1, "t", 'd', "*id author");
    must_learn(tables, &relation, POSTGRES_LACKING, NULL);
    struct made whole = change_of(1, "1|6", 'K', "1|7");
    must_touch(tables, &whole, "/p/1 /u/7 /u/6");
    postgres_tables_free(&tables);
}

static void columns_may_change_their_places(void **state)
{
    struct postgres_tables *tables = learned("/t/{id}", NULL, 'd', "*id a");
    struct made relation = relation_of(1, "t", 'd', "b a *id");
    (void)state;
    insert_touches(tables, "1|2", "/t/1");
    must_learn(tables, &relation, POSTGRES_MAPPED, NULL);
    insert_touches(tables, "1|2|3", "/t/3");
    postgres_tables_free(&tables);
}

static void a_table_may_be_named_twice(void **state)
{
    char error[256];
    const struct store_table told[] = {{"t", "/a/{x}", NULL, 0},
                                       {"public.t", "/b/{y}/{x}", NULL, 0}};
    struct postgres_tables *tables = postgres_tables_new(told, 2, error, sizeof error);
    struct made relation = relation_of(1, "t", 'f', "*x *y");
    (void)state;
    must(tables != NULL, "%s", error);
    must_learn(tables, &relation, POSTGRES_MAPPED, NULL);
    insert_touches(tables, "1|2", "/a/1 /b/2/1");
    postgres_tables_free(&tables);
}

static void paths_have_an_end(void **state)
{
    struct postgres_tables *tables = learned("/t/{id}/x", NULL, 'd', "*id");
    static char value[70000], bytes[80000];
    struct postgres_message message;
    char *said = NULL;
    size_t len = 0;
    (void)state;
    memset(value, 'x', sizeof value);
    struct made head = change_of(1, NULL, '\0', "");
    memcpy(bytes, head.bytes, head.len - 4);
    memcpy(bytes + head.len - 4, "\0\1\x11\x70", 4);
    memcpy(bytes + head.len, value, sizeof value);
    must(postgres_message_read((struct text){bytes, head.len + sizeof value}, &message),
         "no good message");
    FILE *out = open_memstream(&said, &len);
    assert_true(
        postgres_tables_touch(tables, &message, &(struct postgres_toucher){out, note}));
    fclose(out);
    assert_string_equal(said, "/t");
    free(said);
    postgres_tables_free(&tables);
}

static bool refuse(void *context, struct text path, bool below)
{
    (void)path;
    (void)below;
    ++*(int *)context;
    return false;
}

static void who_has_enough_is_told_no_more(void **state)
{
    struct postgres_tables *tables = learned("/a/{id}", "/b/{id}", 'd', "*id");
    struct made made = change_of(1, NULL, '\0', "1");
    struct postgres_message message = message_of(&made);
    int told = 0;
    (void)state;
    assert_false(postgres_tables_touch(tables, &message,
                                       &(struct postgres_toucher){&told, refuse}));
    assert_int_equal(told, 1);
    postgres_tables_free(&tables);
}

static void mistakes_are_named(void **state)
{
    static const char *const paths[] = {
        "",          "posts/{id}", "/posts/{id", "/posts/{}", "/a}",
        "/a?b={id}", "/a#{id}",    "//a/{id}",   "/%zz/{a}",  "/%C{a}",
        "/a%1",      "/a\n/{id}",  "/{\"a}",     "/{a\"b}",   "/%0a/{id}"};
    static const char *const names[] = {"",      ".",   "a.",     ".b",
                                        "a.b.c", "\"a", "a\"b.c", "\"a\"b.c"};
    char error[256];
    const struct store_table bad = {"t", "/a{", NULL, 0};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        must(store_table_path_wrong(paths[i]) != NULL, "\"%s\" is taken", paths[i]);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        must(store_table_name_wrong(names[i]) != NULL, "\"%s\" is taken", names[i]);
    assert_null(store_table_path_wrong("/{a}/{b}-{c}/*"));
    assert_null(store_table_path_wrong("/*"));
    assert_null(store_table_path_wrong("/"));
    assert_null(store_table_name_wrong("a"));
    assert_null(store_table_name_wrong("\"A.b\".c"));
    assert_null(postgres_tables_new(&bad, 1, error, sizeof error));
    assert_non_null(strstr(error, "t: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_of_a_row_touches_its_path),
        cmocka_unit_test(a_row_that_moves_touches_both_places),
        cmocka_unit_test(a_truncate_touches_what_is_below_the_fixed_part),
        cmocka_unit_test(names_may_be_quoted),
        cmocka_unit_test(tables_that_nobody_mapped_are_passed_over),
        cmocka_unit_test(a_partition_is_its_tables),
        cmocka_unit_test(values_are_what_urls_have),
        cmocka_unit_test(what_no_url_can_have_touches_the_part_before_it),
        cmocka_unit_test(also_has_nothing_for_null),
        cmocka_unit_test(a_star_is_everything_below),
        cmocka_unit_test(an_unchanged_large_value_is_found_or_feared),
        cmocka_unit_test(what_the_identity_lacks_is_feared),
        cmocka_unit_test(a_root_does_not_vouch_for_its_partitions),
        cmocka_unit_test(columns_may_change_their_places),
        cmocka_unit_test(a_table_may_be_named_twice),
        cmocka_unit_test(paths_have_an_end),
        cmocka_unit_test(who_has_enough_is_told_no_more),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests_name("store/postgres_table", tests, NULL, NULL);
}
