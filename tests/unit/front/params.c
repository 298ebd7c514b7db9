/* SPDX-License-Identifier: ISC */
/* One request's parameters: gathered, decoded, forgotten. */
#include "front/params.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_client.h"
#include "libfcgi.h"
#include "must.h"

#define MOST PARAMS_MOST

/* Name, value, ..., NULL as name-value pairs, without the records around them. */
static struct records pairs_of(const char *const *pairs)
{
    struct records with_records = {0}, bytes = {0};
    records_params(&with_records, 1, pairs);
    records_raw(&bytes, with_records.at + 8, with_records.len - 16);
    records_free(&with_records);
    return bytes;
}

static bool add_and_decode(struct params *params, const struct records *bytes,
                           struct cgi *cgi)
{
    *cgi = (struct cgi){.too_long = false};
    assert_true(params_add(params, (struct text){bytes->at, bytes->len}));
    return params_decode(params, cgi);
}

static void parameters_become_a_request(void **state)
{
    static const char *const pairs[] = {"REQUEST_METHOD",
                                        "GET",
                                        "SCRIPT_NAME",
                                        "/a=b",
                                        "QUERY_STRING",
                                        "index=7&wait=60",
                                        "HTTP_IF_NONE_MATCH",
                                        "\"7\"",
                                        "CONTENT_TYPE",
                                        "",
                                        NULL};
    struct params *params = params_new();
    struct records bytes = pairs_of(pairs);
    struct cgi cgi;
    (void)state;
    must(params != NULL, "no memory");
    assert_true(add_and_decode(params, &bytes, &cgi));
    assert_true(text_is(cgi.method, TEXT("GET")));
    assert_true(text_is(cgi.script_name, TEXT("/a=b")));
    assert_true(text_is(cgi.query, TEXT("index=7&wait=60")));
    assert_true(text_is(cgi.if_none_match, TEXT("\"7\"")));
    assert_non_null(cgi.content_type.at);
    assert_int_equal(cgi.content_type.len, 0);
    assert_null(cgi.if_match.at);
    records_free(&bytes);
    params_free(&params);
    assert_null(params);
}

/* nginx before 1.23 passes each Prefer header of a request as one of its own. */
static void several_prefer_headers_are_all_seen(void **state)
{
    static const char *const pairs[] = {"HTTP_PREFER", "respond-async", "HTTP_PREFER",
                                        "wait=60",     "HTTP_PREFER",   "index=7, wait=5",
                                        NULL};
    struct params *params = params_new();
    struct records bytes = pairs_of(pairs);
    struct cgi cgi;
    (void)state;
    must(params != NULL, "no memory");
    assert_true(add_and_decode(params, &bytes, &cgi));
    assert_true(cgi.prefer.has_wait && cgi.prefer.wait == 60 * NANOS_PER_SECOND);
    assert_true(cgi.prefer.has_index && text_is(cgi.prefer.index, TEXT("7")));
    records_free(&bytes);
    params_free(&params);
}

static void each_request_begins_with_none(void **state)
{
    struct params *params = params_new();
    (void)state;
    must(params != NULL, "no memory");
    for (int i = 0; i < 100; i++) {
        const char *pairs[] = {i % 2 == 0 ? "SCRIPT_NAME" : "PATH_INFO", "/a", NULL};
        struct records bytes = pairs_of(pairs);
        struct cgi cgi;
        assert_true(add_and_decode(params, &bytes, &cgi));
        assert_int_equal(cgi.script_name.at != NULL, i % 2 == 0);
        assert_int_equal(cgi.path_info.at != NULL, i % 2 == 1);
        records_free(&bytes);
        params_reset(params);
    }
    struct cgi none = {.too_long = false};
    assert_true(params_decode(params, &none));
    assert_null(none.script_name.at);
    params_free(&params);
}

/* A pair of this many bytes in all, which end in "x". */
static struct records pair_of_len(size_t len)
{
    struct records bytes = {0};
    size_t value = len - 1 - 4 - 11;
    unsigned char lengths[] = {11, (unsigned char)(0x80 | value >> 24),
                               (unsigned char)(value >> 16), (unsigned char)(value >> 8),
                               (unsigned char)value};
    records_raw(&bytes, lengths, sizeof lengths);
    records_raw(&bytes, "SCRIPT_NAME", 11);
    while (bytes.len < len)
        records_raw(&bytes, "x", 1);
    return bytes;
}

/* Around the first buffer's size, and around the most. */
static void as_much_as_one_record_holds_is_kept(void **state)
{
    static const size_t lengths[] = {4095, 4096, 4097, 40000, MOST - 1, MOST, MOST + 1};
    struct params *params = params_new();
    (void)state;
    must(params != NULL, "no memory");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t piece = 1; piece <= lengths[i]; piece = piece * 40 + 3) {
            struct records bytes = pair_of_len(lengths[i]);
            struct cgi cgi = {.too_long = false};
            for (size_t at = 0; at < bytes.len; at += piece) {
                size_t left = bytes.len - at;
                struct text t = {bytes.at + at, left < piece ? left : piece};
                assert_true(params_add(params, t));
            }
            assert_true(params_decode(params, &cgi));
            assert_int_equal(cgi.too_long, lengths[i] > MOST);
            assert_int_equal(cgi.script_name.len,
                             lengths[i] > MOST ? 0 : lengths[i] - 16);
            records_free(&bytes);
            params_reset(params);
        }
    params_free(&params);
}

static void what_is_too_long_stays_too_long_until_the_reset(void **state)
{
    static char bytes[MOST];
    struct params *params = params_new();
    struct cgi cgi = {.too_long = false};
    (void)state;
    must(params != NULL, "no memory");
    assert_true(params_add(params, (struct text){bytes, MOST}));
    assert_true(params_add(params, (struct text){bytes, 1}));
    assert_true(params_add(params, (struct text){bytes, MOST}));
    assert_true(params_decode(params, &cgi));
    assert_true(cgi.too_long);
    params_reset(params);
    cgi.too_long = true;
    assert_true(params_decode(params, &cgi));
    assert_false(cgi.too_long);
    params_free(&params);
}

static void lengths_take_one_byte_or_four(void **state)
{
    static const struct {
        struct text bytes;
        size_t len, left; /* len SIZE_MAX: there is none */
    } rows[] = {
        {TEXT("\0x"), 0, 1},
        {TEXT("\x7fx"), 127, 1},
        {TEXT("\x80\0\0\0x"), 0, 1},
        {TEXT("\x80\0\0\x7f"), 127, 0},
        {TEXT("\x80\0\0\x80"), 128, 0},
        {TEXT("\x80\x01\x02\x03"), 0x10203, 0},
        {TEXT("\x81\0\0\0"), 0x1000000, 0},
        {TEXT("\xff\xff\xff\xff"), 0x7fffffff, 0},
        {TEXT(""), SIZE_MAX, 0},
        {TEXT("\x80"), SIZE_MAX, 1},
        {TEXT("\x80\0\0"), SIZE_MAX, 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text rest = rows[i].bytes;
        size_t len = 0;
        bool taken = params_take_length(&rest, &len);
        if (taken != (rows[i].len != SIZE_MAX) || (taken && len != rows[i].len) ||
            rest.len != rows[i].left)
            fail_msg("row %zu: %zu, %zu left", i, len, rest.len);
    }
}

static void a_pair_is_whole_or_none(void **state)
{
    static const struct {
        struct text bytes;
        struct text name, value; /* of NULL: there is no pair */
        size_t left;
    } rows[] = {
        {TEXT("\x01\x01nv"), TEXT("n"), TEXT("v"), 0},
        {TEXT("\x01\x01nvx"), TEXT("n"), TEXT("v"), 1},
        {TEXT("\0\0"), TEXT(""), TEXT(""), 0},
        {TEXT("\x01\0n"), TEXT("n"), TEXT(""), 0},
        {TEXT("\0\x01v"), TEXT(""), TEXT("v"), 0},
        {TEXT("\x80\0\0\x01\x01nv"), TEXT("n"), TEXT("v"), 0},
        {TEXT("\x01\x80\0\0\x01nv"), TEXT("n"), TEXT("v"), 0},
        {TEXT("\x03\x01n=mv"), TEXT("n=m"), TEXT("v"), 0},
        {TEXT("\x01\x01n"), {NULL, 0}, {NULL, 0}, 0},
        {TEXT("\x01"), {NULL, 0}, {NULL, 0}, 0},
        {TEXT("\xff\xff\xff\xff\xff\xff\xff\xffnv"), {NULL, 0}, {NULL, 0}, 0},
        {TEXT("\x02\x01n\0v"), {NULL, 0}, {NULL, 0}, 0},
        {TEXT("\x01\x03n\x7f\0\1"), TEXT("n"), TEXT("\x7f\0\1"), 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text rest = rows[i].bytes, name, value;
        bool taken = params_take_pair(&rest, &name, &value);
        if (taken != (rows[i].name.at != NULL))
            fail_msg("row %zu: taken %d", i, taken);
        if (taken && (!text_is(name, rows[i].name) || !text_is(value, rows[i].value) ||
                      rest.len != rows[i].left))
            fail_msg("row %zu: %.*s=%.*s, %zu left", i, (int)name.len, name.at,
                     (int)value.len, value.at, rest.len);
    }
}

/* --- as libfcgi does it --- */

/* The pair, with lengths in one byte or in four. */
static void add_pair(struct records *bytes, size_t name, size_t value, bool is_long)
{
    const size_t lengths[] = {name, value};
    for (int i = 0; i < 2; i++) {
        size_t len = lengths[i];
        unsigned char four[] = {(unsigned char)(0x80 | len >> 24),
                                (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                                (unsigned char)len};
        if (is_long || len > 127)
            records_raw(bytes, four, 4);
        else
            records_raw(bytes, four + 3, 1);
    }
    for (size_t i = 0; i < name; i++)
        records_raw(bytes, &"ABCDEFGHIJKLM"[i % 13], 1);
    for (size_t i = 0; i < value; i++)
        records_raw(bytes, &"nopqrstuvwxyz="[i % 14], 1);
}

static void must_be_as_libfcgi_has_it(struct text bytes, size_t record)
{
    struct libfcgi libfcgi;
    struct text rest = bytes, name, value;
    bool taken = true;
    libfcgi_decode(&libfcgi, bytes, record);
    char **theirs = libfcgi.environment;
    while (rest.len > 0 && (taken = params_take_pair(&rest, &name, &value))) {
        if (theirs == NULL)
            continue; /* they know the end */
        assert_non_null(*theirs);
        assert_int_equal(strlen(*theirs), name.len + 1 + value.len);
        assert_memory_equal(*theirs, name.at, name.len);
        assert_int_equal((*theirs)[name.len], '=');
        assert_memory_equal(*theirs + name.len + 1, value.at, value.len);
        theirs++;
    }
    assert_int_equal(taken, theirs != NULL);
    if (theirs != NULL)
        assert_null(*theirs);
    libfcgi_forget(&libfcgi);
}

/* Both forms of a length, around the edge between them and around others; whole, and cut
 * off at every byte of the last pair. */
static void libfcgi_hears_the_same(void **state)
{
    static const size_t lengths[] = {0, 1, 126, 127, 128, 129, 255, 256, 257, 5000};
    size_t count = sizeof lengths / sizeof *lengths;
    (void)state;
    for (size_t i = 0; i < count * count; i++)
        for (int form = 0; form < 4; form++) {
            struct records bytes = {0};
            add_pair(&bytes, 3, 2, form / 2 == 1);
            size_t first = bytes.len;
            add_pair(&bytes, lengths[i / count], lengths[i % count], form % 2 == 1);
            for (size_t len = bytes.len; len >= first; len--)
                if (len + 12 > bytes.len || len < first + 12)
                    must_be_as_libfcgi_has_it((struct text){bytes.at, len}, 100);
            records_free(&bytes);
        }
}

static void libfcgi_hears_the_same_of_as_much_as_is_kept(void **state)
{
    struct records bytes = {0};
    (void)state;
    add_pair(&bytes, 1000, 60000, false);
    add_pair(&bytes, 100, MOST - bytes.len - 5 - 100, false);
    assert_int_equal(bytes.len, MOST);
    must_be_as_libfcgi_has_it((struct text){bytes.at, bytes.len}, MOST);
    must_be_as_libfcgi_has_it((struct text){bytes.at, bytes.len}, 4000);
    records_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_become_a_request),
        cmocka_unit_test(several_prefer_headers_are_all_seen),
        cmocka_unit_test(each_request_begins_with_none),
        cmocka_unit_test(as_much_as_one_record_holds_is_kept),
        cmocka_unit_test(what_is_too_long_stays_too_long_until_the_reset),
        cmocka_unit_test(lengths_take_one_byte_or_four),
        cmocka_unit_test(a_pair_is_whole_or_none),
        cmocka_unit_test(libfcgi_hears_the_same),
        cmocka_unit_test(libfcgi_hears_the_same_of_as_much_as_is_kept),
    };
    return cmocka_run_group_tests_name("front/params", tests, NULL, NULL);
}
