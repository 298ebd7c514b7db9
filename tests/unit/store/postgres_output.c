/* SPDX-License-Identifier: ISC */
/* What PostgreSQL sends, read from bytes of a real one. */
#include "store/postgres_output.h"

#include <stdio.h>

#include "must.h"
#include "postgres_bytes.h"

static void describe_text(FILE *out, struct text text)
{
    fprintf(out, "%.*s", (int)text.len, text.at);
}

static void describe_columns(FILE *out, struct postgres_list list)
{
    struct postgres_column column;
    while (postgres_column_next(&list, &column)) {
        fputs(column.key ? " *" : " ", out);
        describe_text(out, column.name);
        fprintf(out, ":%u", column.type);
    }
}

static void describe_values(FILE *out, const char *name, struct postgres_list list)
{
    struct postgres_value value;
    if (list.count > 0)
        fprintf(out, " %s", name);
    while (postgres_value_next(&list, &value)) {
        fputc(' ', out);
        if (value.kind == POSTGRES_TEXT && value.text.len > 20)
            fprintf(out, "(%zu)", value.text.len);
        else if (value.kind == POSTGRES_TEXT)
            describe_text(out, value.text);
        else
            fputs(value.kind == POSTGRES_NULL ? "NULL" : "UNCHANGED", out);
    }
}

static void describe(FILE *out, const struct postgres_message *message)
{
    static const char *const names[] = {"begin",   "commit", "relation", "type",
                                        "insert",  "update", "delete",   "truncate",
                                        "message", "origin"};
    static const char *const olds[] = {"", "key", "row"};
    fprintf(out, "%s", names[message->kind]);
    if (message->lsn > 0)
        fprintf(out, " at %llX", (unsigned long long)message->lsn);
    if (message->end > 0)
        fprintf(out, " to %llX", (unsigned long long)message->end);
    if (message->at > 0)
        fprintf(out, " of %lld", (long long)(message->at / NANOS_PER_SECOND));
    if (message->relation > 0)
        fprintf(out, " %u", message->relation);
    if (message->name.len > 0)
        fprintf(out, " %.*s.%.*s", (int)message->schema.len, message->schema.at,
                (int)message->name.len, message->name.at);
    if (message->identity != '\0')
        fprintf(out, " %c", message->identity);
    if (message->kind == POSTGRES_RELATION)
        describe_columns(out, message->list);
    describe_values(out, olds[message->old_kind], message->old);
    describe_values(out, "new", message->new);
    if (message->kind == POSTGRES_MESSAGE)
        fprintf(out, " %s %.*s: %.*s", message->transactional ? "within" : "outside",
                (int)message->prefix.len, message->prefix.at, (int)message->content.len,
                message->content.at);
}

static void must_read(const char *hex, const char *expected)
{
    struct text bytes = bytes_of(hex);
    struct postgres_message message;
    char *said = NULL;
    size_t len = 0;
    must(postgres_message_read(bytes, &message), "not read: %s", expected);
    FILE *out = open_memstream(&said, &len);
    must(out != NULL, "no memory");
    describe(out, &message);
    fclose(out);
    assert_string_equal(said, expected);
    free(said);
    free((char *)bytes.at);
}

static void every_kind_of_message_is_read(void **state)
{
    (void)state;
    must_read(BYTES_BEGIN_1, "begin at 158FAF8 of 1795662382");
    must_read(BYTES_COMMIT_1, "commit at 158FAF8 to 158FB28 of 1795662382");
    must_read(BYTES_POSTS, "relation 16441 public.posts d *id:23 author_id:23 slug:25 "
                           "body:25");
    must_read(BYTES_NOTES, "relation 16448 public.notes f *id:23 *author_id:23 *body:25");
    must_read(BYTES_ODD, "relation 16456 Odd.Schema.My \"Table d *Id:23 a}b:25");
    must_read(BYTES_TYPE, "type 16464 public.mood");
    must_read(BYTES_TYPED, "relation 16469 public.typed d *id:23 m:16464");
    must_read(BYTES_MESSAGE, "message at 1590818 within fcgiwait: /in/transaction");
    must_read(BYTES_MESSAGE_OUTSIDE, "message at 1590898 outside fcgiwait: /outside/*");
    must_read(BYTES_ORIGIN, "origin at 1234 .other");
}

static void every_kind_of_row_is_read(void **state)
{
    (void)state;
    must_read(BYTES_INSERT, "insert 16441 new 1 7 a b/c x");
    must_read(BYTES_UPDATE_AUTHOR, "update 16441 new 1 8 a b/c x");
    must_read(BYTES_UPDATE_KEY, "update 16441 key 1 NULL NULL NULL new 2 8 NULL x");
    must_read(BYTES_UPDATE_UNCHANGED, "update 16441 new 2 9 NULL (130)");
    must_read(BYTES_DELETE, "delete 16441 key 2 NULL NULL NULL");
    must_read(BYTES_NOTES_UPDATE, "update 16448 row 1 1 (130) new 1 2 (130)");
    must_read(BYTES_NOTES_DELETE, "delete 16448 row 1 2 (130)");
    must_read("55000040394e000274000000013175",
              "update 16441 new 1 UNCHANGED"); /* by hand */
}

static void a_truncate_names_all_its_relations(void **state)
{
    struct text bytes = bytes_of(BYTES_TRUNCATE);
    struct postgres_message message;
    uint32_t one, two, none;
    (void)state;
    assert_true(postgres_message_read(bytes, &message));
    assert_int_equal(message.kind, POSTGRES_TRUNCATE);
    assert_true(postgres_relation_next(&message.list, &one));
    assert_true(postgres_relation_next(&message.list, &two));
    assert_false(postgres_relation_next(&message.list, &none));
    assert_int_equal(one, 16441);
    assert_int_equal(two, 16448);
    free((char *)bytes.at);
}

/* Each cut short at every byte, and with one too many. */
static void nothing_but_a_whole_message_is_read(void **state)
{
    static const char *const messages[] = {
        BYTES_BEGIN_1,    BYTES_COMMIT_1, BYTES_POSTS,        BYTES_INSERT,
        BYTES_UPDATE_KEY, BYTES_DELETE,   BYTES_NOTES_UPDATE, BYTES_TYPE,
        BYTES_MESSAGE,    BYTES_TRUNCATE, BYTES_ORIGIN};
    struct postgres_message message;
    char hex[2048];
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        for (size_t len = 0; len < strlen(messages[i]); len += 2) {
            snprintf(hex, sizeof hex, "%.*s", (int)len, messages[i]);
            struct text bytes = bytes_of(hex);
            must(!postgres_message_read(bytes, &message), "%zu bytes of %s were enough",
                 len / 2, messages[i]);
            free((char *)bytes.at);
        }
        snprintf(hex, sizeof hex, "%s00", messages[i]);
        struct text bytes = bytes_of(hex);
        must(!postgres_message_read(bytes, &message), "too much was taken: %s", hex);
        free((char *)bytes.at);
    }
}

static void what_nobody_asked_for_is_refused(void **state)
{
    static const char *const refused[] = {
        "53000002ff01",                   /* a stream of a transaction in progress */
        "50000000000158faf8",             /* a prepared one */
        "49000040394e0001620000000131",   /* a binary value */
        "49000040394b000174000000013131", /* an insert of an old row */
        "44000040394e0001740000000131",   /* a delete of a new one */
        "49000040394e00017480000000",     /* a length that is none */
        "49000040394effff6e",             /* more columns than there are */
        "5400ffffff01",
        "5aff"};
    struct postgres_message message;
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct text bytes = bytes_of(refused[i]);
        must(!postgres_message_read(bytes, &message), "%s was read", refused[i]);
        free((char *)bytes.at);
    }
}

static void frames_say_how_far_the_server_is(void **state)
{
    struct postgres_frame frame;
    struct text data = bytes_of("77"
                                "000000000158faf8"
                                "000000000158fb28"
                                "00030423ff4169cd" BYTES_BEGIN_1);
    (void)state;
    assert_true(postgres_frame_read(data, &frame));
    assert_int_equal(frame.kind, POSTGRES_DATA);
    assert_int_equal(frame.start, 0x158faf8);
    assert_int_equal(frame.end, 0x158fb28);
    assert_int_equal(frame.payload.len, strlen(BYTES_BEGIN_1) / 2);
    free((char *)data.at);

    data = bytes_of("6b"
                    "000000000158fb28"
                    "00030423ff4169cd"
                    "01");
    assert_true(postgres_frame_read(data, &frame));
    assert_int_equal(frame.kind, POSTGRES_KEEPALIVE);
    assert_int_equal(frame.end, 0x158fb28);
    assert_int_equal(frame.at / NANOS_PER_SECOND, 1795662382);
    assert_true(frame.reply);
    assert_false(postgres_frame_read((struct text){data.at, data.len - 1}, &frame));
    assert_false(postgres_frame_read(TEXT(""), &frame));
    assert_false(postgres_frame_read(TEXT("d"), &frame));
    free((char *)data.at);
}

static void our_status_is_what_the_server_reads(void **state)
{
    char status[POSTGRES_STATUS];
    struct text expected = bytes_of("72"
                                    "000000000158fb28"
                                    "000000000158fb28"
                                    "000000000158fb28"
                                    "00000000000f4240"
                                    "01");
    (void)state;
    postgres_status_write(status, 0x158fb28, INT64_C(946684801) * NANOS_PER_SECOND, true);
    assert_int_equal(expected.len, sizeof status);
    assert_memory_equal(status, expected.at, sizeof status);
    free((char *)expected.at);
}

static void times_beyond_ours_are_as_far_as_they_can_be(void **state)
{
    struct postgres_frame frame;
    struct text late = bytes_of("6b00000000000000007fffffffffffffff00");
    struct text early = bytes_of("6b0000000000000000800000000000000000");
    (void)state;
    assert_true(postgres_frame_read(late, &frame));
    assert_true(frame.at > INT64_MAX - 1000000);
    assert_true(postgres_frame_read(early, &frame));
    assert_true(frame.at == 0);
    free((char *)late.at);
    free((char *)early.at);
}

static void messages_of_ours_name_paths(void **state)
{
    static const struct {
        const char *content, *path;
        bool below;
    } rows[] = {{"/posts/1", "/posts/1", false},
                {"/posts/*", "/posts", true},
                {"/*", "/", true},
                {"/", "/", false},
                {"/a/", "/a/", false},
                {"/a//*", "/a", true},
                {"", NULL, false},
                {"*", NULL, false},
                {"posts", NULL, false},
                {"/a/../b", NULL, false},
                {"/a\nb", NULL, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text path;
        bool below;
        bool good = postgres_message_path(text_of(rows[i].content), &path, &below);
        must(good == (rows[i].path != NULL), "\"%s\"", rows[i].content);
        if (good) {
            must(text_is(path, text_of(rows[i].path)), "\"%s\"", rows[i].content);
            must(below == rows[i].below, "\"%s\"", rows[i].content);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_message_is_read),
        cmocka_unit_test(every_kind_of_row_is_read),
        cmocka_unit_test(a_truncate_names_all_its_relations),
        cmocka_unit_test(nothing_but_a_whole_message_is_read),
        cmocka_unit_test(what_nobody_asked_for_is_refused),
        cmocka_unit_test(frames_say_how_far_the_server_is),
        cmocka_unit_test(our_status_is_what_the_server_reads),
        cmocka_unit_test(times_beyond_ours_are_as_far_as_they_can_be),
        cmocka_unit_test(messages_of_ours_name_paths),
    };
    return cmocka_run_group_tests_name("store/postgres_output", tests, NULL, NULL);
}
