/* SPDX-License-Identifier: ISC */
/* The records of an answer and of its pieces, from wherever the socket stopped taking
 * them. */
#include "front/record.h"

#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

#define CONTENT_MOST 65528 /* of one record */

/* Content with this much head and body; every byte tells its place. To be freed is what
 * its head points to. */
static struct content content_of(size_t head, size_t body, bool ends)
{
    char *bytes = malloc(head + body + 1);
    must(bytes != NULL, "no memory");
    for (size_t i = 0; i < head + body; i++)
        bytes[i] = (char)(i * 7 + 1);
    return (struct content){{bytes, head}, {bytes + head, body}, ends};
}

struct bytes {
    char *at;
    size_t len;
};

/* What a socket that takes everything gets from byte `sent` on. */
static struct bytes gather(const struct content *content, size_t sent)
{
    size_t len = record_len(content) - sent;
    struct bytes got = {malloc(len + 1), 0};
    must(got.at != NULL, "no memory");
    while (got.len < len) {
        struct record_work work;
        struct iovec pieces[RECORD_PIECES];
        int count = record_pieces(content, 0x102, sent + got.len, &work, pieces);
        assert_in_range(count, 1, RECORD_PIECES);
        for (int i = 0; i < count; i++) {
            assert_true(pieces[i].iov_len > 0 && got.len + pieces[i].iov_len <= len);
            memcpy(got.at + got.len, pieces[i].iov_base, pieces[i].iov_len);
            got.len += pieces[i].iov_len;
        }
    }
    return got;
}

static size_t take_record(const struct bytes *bytes, size_t *at, int type)
{
    const unsigned char *header = (const unsigned char *)bytes->at + *at;
    assert_true(bytes->len - *at >= RECORD_HEADER);
    assert_int_equal(header[0], FCGI_VERSION_1);
    assert_int_equal(header[1], type);
    assert_int_equal(header[2] << 8 | header[3], 0x102);
    assert_int_equal(header[6], 0);
    size_t len = (size_t)header[4] << 8 | header[5];
    *at += RECORD_HEADER;
    assert_true(bytes->len - *at >= len);
    return len;
}

/* STDOUT records with the content in order; with the end an empty one, END_REQUEST. */
static void must_be(const struct bytes *bytes, size_t content, bool ends)
{
    size_t at = 0, seen = 0, len;
    while ((ends || seen < content) && (len = take_record(bytes, &at, FCGI_STDOUT)) > 0) {
        for (size_t i = 0; i < len; i++, seen++)
            if (bytes->at[at + i] != (char)(seen * 7 + 1))
                fail_msg("byte %zu of the content is wrong", seen);
        at += len;
    }
    assert_int_equal(seen, content);
    if (!ends) {
        assert_int_equal(at, bytes->len);
        return;
    }
    assert_int_equal(take_record(bytes, &at, FCGI_END_REQUEST), 8);
    assert_memory_equal(bytes->at + at, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(at + 8, bytes->len);
}

static const struct {
    size_t head, body;
} sizes[] = {
    {1, 0},
    {300, 0},
    {300, 1},
    {300, 1000},
    {300, CONTENT_MOST - 301},
    {300, CONTENT_MOST - 300},
    {300, CONTENT_MOST - 299},
    {300, 65535},
    {300, 65536},
    {300, 2 * CONTENT_MOST - 300},
    {300, 2 * CONTENT_MOST - 299},
    {300, 2 * CONTENT_MOST - 300 - 8}, /* the end crosses where a record would begin */
    {1536, 10 * CONTENT_MOST},         /* more records than are looked at in one turn */
};

static void an_answer_is_whole_at_every_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof sizes / sizeof *sizes); i++) {
        struct content content =
            content_of(sizes[i / 2].head, sizes[i / 2].body, i % 2 == 0);
        struct bytes whole = gather(&content, 0);
        assert_int_equal(whole.len, record_len(&content));
        must_be(&whole, sizes[i / 2].head + sizes[i / 2].body, content.ends);
        free(whole.at);
        free((char *)content.head.at);
    }
}

static void must_go_on_at(const struct content *content, const struct bytes *whole,
                          size_t sent)
{
    struct bytes rest = gather(content, sent);
    if (rest.len != whole->len - sent || memcmp(rest.at, whole->at + sent, rest.len) != 0)
        fail_msg("from byte %zu of %zu on it is wrong", sent, whole->len);
    free(rest.at);
}

static bool is_near_an_edge(size_t sent, const struct bytes *whole)
{
    size_t in_record = sent % (RECORD_HEADER + CONTENT_MOST);
    return in_record < 40 || in_record > RECORD_HEADER + CONTENT_MOST - 40 ||
           (in_record > 290 && in_record < 320) || whole->len - sent < 80;
}

/* Every single offset of small ones; of large ones those at edges, and some between. */
static void an_answer_goes_on_from_every_offset(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof sizes / sizeof *sizes - 1); i++) {
        struct content content =
            content_of(sizes[i / 2].head, sizes[i / 2].body, i % 2 == 0);
        struct bytes whole = gather(&content, 0);
        for (size_t sent = 0; sent < whole.len; sent++)
            if (whole.len < 3000 || is_near_an_edge(sent, &whole) || sent % 9973 == 0)
                must_go_on_at(&content, &whole, sent);
        free(whole.at);
        free((char *)content.head.at);
    }
}

static void ends_have_their_status(void **state)
{
    unsigned char end[RECORD_END];
    (void)state;
    record_complete(end, 0x102);
    assert_memory_equal(end, "\x01\x03\x01\x02\0\x08\0\0\0\0\0\0\0\0\0\0", RECORD_END);
    record_end(end, 1, FCGI_OVERLOADED);
    assert_memory_equal(end, "\x01\x03\0\x01\0\x08\0\0\0\0\0\0\x02\0\0\0", RECORD_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_whole_at_every_size),
        cmocka_unit_test(an_answer_goes_on_from_every_offset),
        cmocka_unit_test(ends_have_their_status),
    };
    return cmocka_run_group_tests_name("front/record", tests, NULL, NULL);
}
