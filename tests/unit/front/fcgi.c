/* SPDX-License-Identifier: ISC */
/* The reader: records in, requests out, whatever the pieces that they come in. */
#include "front/fcgi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_client.h"
#include "must.h"

/* --- what comes of a stream, event for event --- */

struct course {
    struct fcgi_reader *reader;
    bool stays_busy; /* a request is not answered before the stream ends */
    bool over;
    FILE *out;
    char *text;
    size_t len;
};

#define BODY_MOST 20

static void note_whole(struct course *course)
{
    struct fcgi_reader *reader = course->reader;
    const struct cgi *cgi = fcgi_reader_cgi(reader);
    uint16_t id = fcgi_reader_id(reader);
    fprintf(course->out, "%u%s: %.*s %.*s%s%.*s", id,
            fcgi_reader_keeps(reader) ? "+" : "", (int)cgi->method.len, cgi->method.at,
            (int)cgi->script_name.len, cgi->script_name.at, cgi->query.len > 0 ? "?" : "",
            (int)cgi->query.len, cgi->query.at);
    if (cgi->body_length > 0)
        fprintf(course->out, " %llu \"%.*s\"", (unsigned long long)cgi->body_length,
                (int)cgi->body.len, cgi->body.at);
    fputs(cgi->too_long ? " too long\n" : "\n", course->out);
    fcgi_reader_follow(reader, course->stays_busy ? id : 0);
}

static void note_answer(struct course *course)
{
    struct text said = fcgi_reader_answer(course->reader);
    fputs("say", course->out);
    for (size_t i = 0; i < said.len; i++)
        fprintf(course->out, " %02x", (unsigned char)said.at[i]);
    fputc('\n', course->out);
}

static void note(struct course *course, enum fcgi_event event)
{
    switch (event) {
    case FCGI_MORE:
        break;
    case FCGI_HEAD:
        fcgi_keep_body(course->reader, BODY_MOST);
        break;
    case FCGI_WHOLE:
        note_whole(course);
        break;
    case FCGI_ABORTED:
        fprintf(course->out, "%u: aborted\n", fcgi_reader_id(course->reader));
        fcgi_reader_reset(course->reader);
        break;
    case FCGI_REPLY:
        note_answer(course);
        break;
    case FCGI_LAST:
        note_answer(course);
        fputs("last\n", course->out);
        course->over = true;
        break;
    case FCGI_BROKEN:
        fprintf(course->out, "broken: %s\n", fcgi_reader_wrong(course->reader));
        course->over = true;
        break;
    }
}

/* From memory of its own, so that a sanitizer sees what is read behind its end, or after
 * it was given back. */
static void feed(struct course *course, const char *at, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    struct text bytes = {copy, len};
    must(copy != NULL, "no memory");
    memcpy(copy, at, len);
    while (bytes.len > 0 && !course->over) {
        enum fcgi_event event = fcgi_feed(course->reader, &bytes);
        assert_true(event != FCGI_MORE || bytes.len == 0);
        if (event == FCGI_WHOLE) /* the parameters have to be the reader's own by now */
            memset(copy, '#', (size_t)(bytes.at - copy));
        note(course, event);
    }
    free(copy);
}

/* The stream in two pieces, or, with `split` 0, byte by byte. */
static char *run(const struct records *stream, size_t split, bool stays_busy)
{
    struct course course = {.reader = fcgi_reader_new(), .stays_busy = stays_busy};
    course.out = open_memstream(&course.text, &course.len);
    must(course.reader != NULL && course.out != NULL, "no memory");
    if (split > 0) {
        feed(&course, stream->at, split);
        feed(&course, stream->at + split, stream->len - split);
    } else {
        for (size_t i = 0; i < stream->len; i++)
            feed(&course, stream->at + i, 1);
    }
    if (!course.over && !fcgi_reader_rests(course.reader))
        fputs("half\n", course.out);
    fclose(course.out);
    fcgi_reader_free(&course.reader);
    return course.text;
}

static void must_become(struct records *stream, bool stays_busy, const char *expected)
{
    for (size_t split = 0; split <= stream->len; split++) {
        char *text = run(stream, split, stays_busy);
        if (strcmp(text, expected) != 0)
            fail_msg("split at %zu of %zu: %s instead of %s", split, stream->len, text,
                     expected);
        free(text);
    }
    records_free(stream);
}

/* --- requests --- */

static void requests_come_whole_from_any_pieces(void **state)
{
    struct records stream = {0};
    (void)state;
    records_get(&stream, 1, true, "/a?index=7&wait=60");
    records_put(&stream, 65535, false, "/b", "hello");
    records_get(&stream, 256, true, "/");
    must_become(&stream, false,
                "1+: GET /a?index=7&wait=60\n"
                "65535: PUT /b 5 \"hello\"\n"
                "256+: GET /\n");
}

static void a_request_without_parameters_is_one(void **state)
{
    struct records stream = {0};
    (void)state;
    records_begin(&stream, 1, true);
    records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
    records_add(&stream, FCGI_STDIN, 1, NULL, 0);
    must_become(&stream, false, "1+:  \n");
}

static void parameters_and_bodies_come_in_several_records(void **state)
{
    struct records stream = {0};
    const char pairs[] = "\x0e\x03REQUEST_METHODPUT\x0b\x02SCRIPT_NAME/a";
    (void)state;
    records_begin(&stream, 1, true);
    for (size_t at = 0; at < sizeof pairs - 1; at += 5) {
        size_t left = sizeof pairs - 1 - at;
        records_add(&stream, FCGI_PARAMS, 1, pairs + at, left < 5 ? left : 5);
    }
    records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
    records_add(&stream, FCGI_STDIN, 1, "hel", 3);
    records_add(&stream, FCGI_STDIN, 1, "lo", 2);
    records_add(&stream, FCGI_STDIN, 1, NULL, 0);
    must_become(&stream, false, "1+: PUT /a 5 \"hello\"\n");
}

/* A record of this type with `padding` bytes behind its content. */
static void add_padded(struct records *stream, int type, const char *content,
                       unsigned char padding)
{
    static const char zeros[255];
    size_t len = strlen(content);
    unsigned char header[8] = {
        FCGI_VERSION_1, (unsigned char)type, 0, 1, 0, (unsigned char)len, padding, 0x77};
    records_raw(stream, header, sizeof header);
    records_raw(stream, content, len);
    records_raw(stream, zeros, padding);
}

static void padding_is_passed_over(void **state)
{
    struct records stream = {0};
    (void)state;
    records_begin(&stream, 1, true);
    add_padded(&stream, FCGI_PARAMS, "\x0b\x02SCRIPT_NAME/a", 7);
    add_padded(&stream, FCGI_PARAMS, "", 255);
    add_padded(&stream, FCGI_STDIN, "x", 1);
    add_padded(&stream, FCGI_STDIN, "", 8);
    records_get(&stream, 2, false, "/b");
    must_become(&stream, false, "1+:  /a 1 \"x\"\n2: GET /b\n");
}

static void a_body_over_the_limit_is_counted_and_dropped(void **state)
{
    struct records stream = {0};
    (void)state;
    records_put(&stream, 1, true, "/a", "exactly twenty bytes");
    records_put(&stream, 2, true, "/a", "this is twenty-one ..");
    records_put(&stream, 3, true, "/a", "short");
    must_become(&stream, false,
                "1+: PUT /a 20 \"exactly twenty bytes\"\n"
                "2+: PUT /a 21 \"\"\n"
                "3+: PUT /a 5 \"short\"\n");
}

static void a_body_much_over_the_limit_takes_no_memory(void **state)
{
    struct records stream = {0};
    char piece[60000] = {'x'};
    (void)state;
    records_begin(&stream, 1, true);
    records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
    for (int i = 0; i < 100; i++)
        records_add(&stream, FCGI_STDIN, 1, piece, sizeof piece);
    records_add(&stream, FCGI_STDIN, 1, NULL, 0);
    char *text = run(&stream, stream.len, false);
    assert_string_equal(text, "1+:   6000000 \"\"\n");
    free(text);
    records_free(&stream);
}

static void parameters_that_are_too_long_make_a_request_all_the_same(void **state)
{
    struct records stream = {0};
    static char value[40000];
    const char *pairs[] = {"REQUEST_METHOD", "GET", "HTTP_COOKIE", value,
                           "HTTP_X",         value, NULL};
    (void)state;
    memset(value, 'c', sizeof value - 1);
    for (size_t split = 1; split < 3; split++) {
        records_begin(&stream, 1, true);
        /* Two records: one would be too long for a record. */
        const char *first[] = {pairs[0], pairs[1], pairs[2], pairs[3], NULL};
        struct records content = {0};
        records_params(&content, 1, first);
        records_raw(&stream, content.at, content.len - 8);
        content.len = 0;
        records_params(&content, 1, pairs + 4);
        records_raw(&stream, content.at, content.len);
        records_free(&content);
        records_add(&stream, FCGI_STDIN, 1, NULL, 0);
        records_get(&stream, 2, true, "/after");
        char *text = run(&stream, stream.len / split, false);
        assert_string_equal(text, "1+:   too long\n2+: GET /after\n");
        free(text);
        records_free(&stream);
    }
}

static void half_a_request_is_told_from_rest(void **state)
{
    struct records stream = {0};
    (void)state;
    records_get(&stream, 1, true, "/a");
    for (size_t len = 1; len < stream.len; len++) {
        struct records half = {.at = stream.at, .len = len};
        char *text = run(&half, len, false);
        assert_string_equal(text, "half\n");
        free(text);
    }
    records_free(&stream);
}

/* --- lengths of names and values --- */

static void raw_pair(struct records *stream, const void *lengths, size_t lengths_len,
                     size_t name_len, size_t value_len)
{
    static char bytes[70000];
    struct records content = {0};
    memset(bytes, 'n', sizeof bytes);
    records_raw(&content, lengths, lengths_len);
    records_raw(&content, bytes, name_len + value_len);
    records_begin(stream, 1, true);
    records_add(stream, FCGI_PARAMS, 1, content.at, content.len);
    records_add(stream, FCGI_PARAMS, 1, NULL, 0);
    records_add(stream, FCGI_STDIN, 1, NULL, 0);
    records_free(&content);
}

static size_t put_length(unsigned char *out, size_t len, bool is_long)
{
    if (!is_long) {
        out[0] = (unsigned char)len;
        return 1;
    }
    out[0] = (unsigned char)(0x80 | len >> 24);
    out[1] = (unsigned char)(len >> 16);
    out[2] = (unsigned char)(len >> 8);
    out[3] = (unsigned char)len;
    return 4;
}

/* Both forms on both sides of every boundary; a byte order or a sign that is wrong shows
 * at one of them. */
static void both_forms_of_lengths_are_read_at_every_boundary(void **state)
{
    static const size_t lengths[] = {0,   1,   126, 127, 128,   129,
                                     255, 256, 257, 511, 32767, 32768};
    size_t count = sizeof lengths / sizeof *lengths;
    (void)state;
    for (size_t i = 0; i < count * count * 4; i++) {
        size_t name = lengths[i / 4 % count], value = lengths[i / 4 / count];
        bool long_name = (i & 1) != 0 || name > 127,
             long_value = (i & 2) != 0 || value > 127;
        unsigned char bytes[8];
        struct records stream = {0};
        if (name + value > 65000)
            continue;
        size_t len = put_length(bytes, name, long_name);
        len += put_length(bytes + len, value, long_value);
        raw_pair(&stream, bytes, len, name, value);
        char *text = run(&stream, stream.len, false);
        if (strcmp(text, "1+:  \n") != 0)
            fail_msg("name of %zu, value of %zu: %s", name, value, text);
        free(text);
        /* One byte less than was promised. */
        if (name + value > 0) {
            stream.len = 0;
            raw_pair(&stream, bytes, len, 0, name + value - 1);
            text = run(&stream, stream.len, false);
            if (strncmp(text, "broken: ", 8) != 0)
                fail_msg("name of %zu, value of %zu, cut: %s", name, value, text);
            free(text);
        }
        records_free(&stream);
    }
}

static void a_long_value_is_the_value(void **state)
{
    static const size_t lengths[] = {127, 128, 255, 256, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct records stream = {0};
        char query[1001] = {0}, expected[1100];
        memset(query, 'q', lengths[i]);
        const char *pairs[] = {"REQUEST_METHOD", "GET", "QUERY_STRING", query, NULL};
        snprintf(expected, sizeof expected, "1+: GET ?%s\n", query);
        records_begin(&stream, 1, true);
        records_params(&stream, 1, pairs);
        records_add(&stream, FCGI_STDIN, 1, NULL, 0);
        char *text = run(&stream, stream.len, false);
        assert_string_equal(text, expected);
        free(text);
        records_free(&stream);
    }
}

/* Nothing is allocated for what a length says before the bytes are there. */
static void lengths_that_lie_are_refused(void **state)
{
    static const struct text lies[] = {
        TEXT("\x01"),
        TEXT("\x80"),
        TEXT("\x80\x00\x00"),
        TEXT("\x80\x00\x00\x01"),
        TEXT("\x02\x02xxx"),
        TEXT("\x00\x01"),
        TEXT("\xff\xff\xff\xff\xff\xff\xff\xffx"),
        TEXT("\x7f\xff\xff\xff\xffx"),
        TEXT("\xff\xff\xff\xff\x01x"),
        TEXT("\x01\x01\0v"),
        TEXT("\x01\x01nv\x01"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct records stream = {0};
        records_begin(&stream, 1, true);
        records_add(&stream, FCGI_PARAMS, 1, lies[i].at, lies[i].len);
        records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
        must_become(&stream, false, "broken: parameters that are not name-value pairs\n");
    }
}

/* --- what else comes --- */

static void an_abort_ends_what_is_being_read(void **state)
{
    struct records stream = {0};
    (void)state;
    records_begin(&stream, 3, true);
    records_add(&stream, FCGI_ABORT_REQUEST, 3, NULL, 0);
    records_begin(&stream, 4, true);
    records_add(&stream, FCGI_PARAMS, 4, NULL, 0);
    records_add(&stream, FCGI_STDIN, 4, "x", 1);
    records_add(&stream, FCGI_ABORT_REQUEST, 4, NULL, 0);
    records_add(&stream, FCGI_ABORT_REQUEST, 4, NULL, 0); /* again: nobody's */
    records_get(&stream, 5, true, "/a");
    must_become(&stream, false, "3: aborted\n4: aborted\n5+: GET /a\n");
}

static void an_abort_ends_what_is_being_answered(void **state)
{
    struct records stream = {0};
    (void)state;
    records_get(&stream, 3, true, "/a");
    records_add(&stream, FCGI_ABORT_REQUEST, 2, NULL, 0);
    records_add(&stream, FCGI_STDIN, 3, "late", 4);
    records_add(&stream, FCGI_ABORT_REQUEST, 3, NULL, 0);
    must_become(&stream, true, "3+: GET /a\n3: aborted\n");
}

static void a_second_request_is_told_that_there_is_one(void **state)
{
    struct records stream = {0};
    (void)state;
    records_get(&stream, 3, true, "/a");
    records_get(&stream, 0x102, true, "/b");
    records_add(&stream, FCGI_ABORT_REQUEST, 3, NULL, 0);
    records_get(&stream, 4, true, "/c");
    must_become(&stream, true,
                "3+: GET /a\n"
                "say 01 03 01 02 00 08 00 00 00 00 00 00 01 00 00 00\n"
                "3: aborted\n"
                "4+: GET /c\n");
}

static void a_request_between_the_records_of_another_is_refused(void **state)
{
    struct records stream = {0};
    (void)state;
    records_begin(&stream, 1, true);
    records_get(&stream, 2, true, "/b");
    records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
    records_add(&stream, FCGI_STDIN, 1, NULL, 0);
    must_become(&stream, false,
                "say 01 03 00 02 00 08 00 00 00 00 00 00 01 00 00 00\n"
                "1+:  \n");
}

static void only_responders_are_played(void **state)
{
    static const unsigned char roles[][8] = {
        {0, FCGI_AUTHORIZER, 0}, {0, FCGI_FILTER, 1}, {0, 0, 1}, {1, FCGI_RESPONDER, 1}};
    static const char refused[] = "say 01 03 00 07 00 08 00 00 00 00 00 00 03 00 00 00\n";
    (void)state;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        struct records stream = {0};
        records_add(&stream, FCGI_BEGIN_REQUEST, 7, roles[i], 8);
        records_params(&stream, 7, (const char *const[]){"REQUEST_METHOD", "GET", NULL});
        records_get(&stream, 8, true, "/a");
        char expected[128];
        snprintf(expected, sizeof expected, "%s%s", refused,
                 (roles[i][2] & FCGI_KEEP_CONN) != 0 ? "8+: GET /a\n" : "last\n");
        must_become(&stream, false, expected);
    }
}

static void get_values_says_what_is_true(void **state)
{
    struct records stream = {0}, content = {0};
    (void)state;
    records_params(&content, 0,
                   (const char *const[]){"FCGI_MAX_CONNS", "", "FCGI_MPXS_CONNS", "",
                                         "FCGI_MAX_REQS", "", "X", "y", NULL});
    records_add(&stream, FCGI_GET_VALUES, 0, content.at + 8, content.len - 16);
    records_add(&stream, FCGI_GET_VALUES, 0, NULL, 0);
    records_add(&stream, FCGI_GET_VALUES, 0, "\xff\xff\xff\xff", 4);
    records_add(&stream, FCGI_GET_VALUES, 0,
                "\x0f\x00"
                "FCGI_MPXS_CONN",
                16);
    records_free(&content);
    must_become(&stream, false,
                "say 01 0a 00 00 00 12 00 00 0f 01 46 43 47 49 5f 4d 50 58 53 5f 43 4f "
                "4e 4e 53 30\n"
                "say 01 0a 00 00 00 00 00 00\n"
                "say 01 0a 00 00 00 00 00 00\n"
                "say 01 0a 00 00 00 00 00 00\n");
}

/* The same name over and over, and more than is looked at. */
static void get_values_without_end_has_an_answer_with_one(void **state)
{
    struct records stream = {0}, content = {0};
    (void)state;
    while (content.len < 60000)
        records_raw(&content,
                    "\x0f\x00"
                    "FCGI_MPXS_CONNS",
                    17);
    records_add(&stream, FCGI_GET_VALUES, 0, content.at, content.len);
    records_get(&stream, 1, true, "/a");
    char *text = run(&stream, stream.len, false);
    assert_true(strncmp(text, "say 01 0a 00 00 ", 16) == 0);
    assert_true(strlen(text) < 3 * 512 + 20);
    assert_non_null(strstr(text, "\n1+: GET /a\n"));
    free(text);
    records_free(&content);
    records_free(&stream);
}

static void an_unknown_type_is_called_that(void **state)
{
    struct records stream = {0};
    (void)state;
    records_add(&stream, 99, 0, "what", 4);
    records_add(&stream, FCGI_STDIN, 0, NULL, 0);
    records_begin(&stream, 1, true);
    records_add(&stream, 200, 0, NULL, 0);
    records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
    records_add(&stream, FCGI_STDIN, 1, NULL, 0);
    must_become(&stream, false,
                "say 01 0b 00 00 00 08 00 00 63 00 00 00 00 00 00 00\n"
                "say 01 0b 00 00 00 08 00 00 05 00 00 00 00 00 00 00\n"
                "say 01 0b 00 00 00 08 00 00 c8 00 00 00 00 00 00 00\n"
                "1+:  \n");
}

/* Section 3.3: of a request that is closed, or never began. */
static void records_of_no_request_are_passed_over(void **state)
{
    struct records stream = {0};
    (void)state;
    records_add(&stream, FCGI_PARAMS, 9, "xyz", 3);
    records_add(&stream, FCGI_STDIN, 9, "xyz", 3);
    records_add(&stream, FCGI_ABORT_REQUEST, 9, NULL, 0);
    records_begin(&stream, 1, true);
    records_add(&stream, FCGI_STDIN, 9, "xyz", 3);
    records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
    records_add(&stream, FCGI_DATA, 9, "xyz", 3);
    records_add(&stream, FCGI_STDIN, 1, NULL, 0);
    must_become(&stream, false, "1+:  \n");
}

static void what_is_no_fastcgi_is_broken(void **state)
{
    struct records stream = {0};
    (void)state;
    records_raw(&stream, "GET / HTTP/1.1\r\n", 16);
    must_become(&stream, false, "broken: a record that is not FastCGI version 1\n");
    records_begin(&stream, 1, true);
    records_begin(&stream, 1, true);
    must_become(&stream, false, "broken: a request begun twice\n");
    records_add(&stream, FCGI_BEGIN_REQUEST, 1, "\0\1\1\0\0\0\0", 7);
    must_become(&stream, false, "broken: a BEGIN_REQUEST record of the wrong length\n");
    records_add(&stream, FCGI_BEGIN_REQUEST, 1, NULL, 0);
    must_become(&stream, false, "broken: a BEGIN_REQUEST record of the wrong length\n");
    records_begin(&stream, 1, true);
    records_add(&stream, FCGI_STDIN, 1, NULL, 0);
    must_become(&stream, false, "broken: a record out of its order\n");
    records_begin(&stream, 1, true);
    records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
    records_add(&stream, FCGI_PARAMS, 1, NULL, 0);
    must_become(&stream, false, "broken: a record out of its order\n");
    records_begin(&stream, 1, true);
    records_add(&stream, 99, 1, NULL, 0);
    must_become(&stream, false, "broken: a record out of its order\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_whole_from_any_pieces),
        cmocka_unit_test(a_request_without_parameters_is_one),
        cmocka_unit_test(parameters_and_bodies_come_in_several_records),
        cmocka_unit_test(padding_is_passed_over),
        cmocka_unit_test(a_body_over_the_limit_is_counted_and_dropped),
        cmocka_unit_test(a_body_much_over_the_limit_takes_no_memory),
        cmocka_unit_test(parameters_that_are_too_long_make_a_request_all_the_same),
        cmocka_unit_test(half_a_request_is_told_from_rest),
        cmocka_unit_test(both_forms_of_lengths_are_read_at_every_boundary),
        cmocka_unit_test(a_long_value_is_the_value),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(an_abort_ends_what_is_being_read),
        cmocka_unit_test(an_abort_ends_what_is_being_answered),
        cmocka_unit_test(a_second_request_is_told_that_there_is_one),
        cmocka_unit_test(a_request_between_the_records_of_another_is_refused),
        cmocka_unit_test(only_responders_are_played),
        cmocka_unit_test(get_values_says_what_is_true),
        cmocka_unit_test(get_values_without_end_has_an_answer_with_one),
        cmocka_unit_test(an_unknown_type_is_called_that),
        cmocka_unit_test(records_of_no_request_are_passed_over),
        cmocka_unit_test(what_is_no_fastcgi_is_broken),
    };
    return cmocka_run_group_tests_name("front/fcgi", tests, NULL, NULL);
}
