/* SPDX-License-Identifier: ISC */
/* Header blocks, and who owns what is sent. */
#include "fcgiwait/reply.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"

static const struct reply_options plain = {.cache_control = "no-store", .applied = -1};

static const char *head_of(struct reply *reply)
{
    static char head[REPLY_HEAD + 1];
    memcpy(head, reply->head, reply->head_len);
    head[reply->head_len] = '\0';
    return head;
}

static struct present present_of(const char *type, const char *body)
{
    struct document *document = document_new(text_of(type), text_of(body));
    must(document != NULL, "no memory");
    return (struct present){7, 1000000000 * NANOS_PER_SECOND + 999, document, false};
}

static void a_document_is_sent_as_it_is(void **state)
{
    struct present present = present_of("text/plain", "hello");
    struct reply reply;
    (void)state;
    reply_present(&reply, &present, &plain);
    present_dispose(&present); /* the reply has a reference of its own */
    assert_string_equal(head_of(&reply),
                        "Status: 200 OK\r\n"
                        "X-Polling-Index: 7\r\n"
                        "ETag: \"7\"\r\n"
                        "Cache-Control: no-store\r\n"
                        "Vary: Prefer\r\n"
                        "Content-Type: text/plain\r\n"
                        "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
                        "Content-Length: 5\r\n\r\n");
    assert_true(text_is(reply.body, TEXT("hello")));
    assert_ptr_equal(reply.body.at, reply.document->body.at); /* shared, not copied */
    reply_dispose(&reply);
    assert_null(reply.document);
}

static void without_a_change_there_is_no_body(void **state)
{
    struct reply reply;
    struct reply_options options = {.cache_control = "", .applied = 1500 * NANOS_PER_MS};
    (void)state;
    reply_unchanged(&reply, 7, &options);
    assert_string_equal(head_of(&reply), "Status: 304 Not Modified\r\n"
                                         "X-Polling-Index: 7\r\n"
                                         "ETag: \"7\"\r\n"
                                         "Vary: Prefer\r\n"
                                         "Preference-Applied: wait=1.5\r\n\r\n");
    assert_int_equal(reply.body.len, 0);
    reply_dispose(&reply);
}

static void the_way_to_the_origin_ends_the_header_block(void **state)
{
    struct reply reply;
    struct reply_options options = plain;
    (void)state;
    options.behind_origin = true;
    reply_redirect(&reply, 7, strdup("X-Accel-Redirect: /o/a\r\n\r\n"), &options);
    assert_string_equal(head_of(&reply), "Status: 200 OK\r\n"
                                         "X-Polling-Index: 7\r\n"
                                         "Cache-Control: no-store\r\n"
                                         "Vary: Prefer\r\n");
    assert_true(text_is(reply.body, TEXT("X-Accel-Redirect: /o/a\r\n\r\n")));
    reply_dispose(&reply);
    reply_passed(&reply, strdup("X-Accel-Redirect: /o/a\r\n\r\n"));
    assert_string_equal(head_of(&reply), "Status: 200 OK\r\n");
    assert_true(text_is(reply.body, TEXT("X-Accel-Redirect: /o/a\r\n\r\n")));
    reply_dispose(&reply);
}

static void publishes_and_options_have_short_answers(void **state)
{
    struct reply reply;
    (void)state;
    reply_published(&reply, 201, 7);
    assert_string_equal(head_of(&reply), "Status: 201 Created\r\nX-Polling-Index: 7\r\n"
                                         "ETag: \"7\"\r\nContent-Length: 0\r\n\r\n");
    reply_dispose(&reply);
    reply_published(&reply, 204, 7);
    assert_string_equal(head_of(&reply),
                        "Status: 204 No Content\r\nX-Polling-Index: 7\r\n"
                        "ETag: \"7\"\r\n\r\n");
    reply_dispose(&reply);
    reply_reported(&reply, 7);
    assert_string_equal(head_of(&reply),
                        "Status: 204 No Content\r\nX-Polling-Index: 7\r\n\r\n");
    reply_dispose(&reply);
    reply_kept(&reply, 202);
    assert_string_equal(head_of(&reply),
                        "Status: 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    reply_dispose(&reply);
    reply_kept(&reply, 204);
    assert_string_equal(head_of(&reply), "Status: 204 No Content\r\n\r\n");
    reply_dispose(&reply);
    reply_allow(&reply, "Allow: GET\r\n", "X: 1\r\n");
    assert_string_equal(head_of(&reply),
                        "Status: 204 No Content\r\nAllow: GET\r\nX: 1\r\n\r\n");
    reply_dispose(&reply);
}

static void bytes_are_the_replys_own(void **state)
{
    struct reply reply;
    (void)state;
    reply_bytes(&reply, "text/plain", strdup("ok\n"), 3, false);
    assert_true(text_is(reply.body, TEXT("ok\n")));
    reply_dispose(&reply);
    reply_bytes(&reply, "text/plain", strdup("ok\n"), 3, true);
    assert_int_equal(reply.body.len, 0);
    assert_non_null(strstr(head_of(&reply), "Content-Length: 3\r\n"));
    reply_dispose(&reply);
    reply_bytes(&reply, "text/plain", NULL, 0, false);
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(head_of(&reply), "Retry-After: "));
    reply_dispose(&reply);
}

/* Everything as long as it may be. */
static void the_longest_header_block_fits(void **state)
{
    char type[REPLY_TYPE_MAX], cache_control[256], extra[256 + 2];
    struct reply reply;
    struct reply_options options = {.cache_control = cache_control, .applied = INT64_MAX};
    (void)state;
    memset(type, 't', sizeof type - 1);
    type[sizeof type - 1] = '\0';
    memset(cache_control, 'c', sizeof cache_control - 1);
    cache_control[sizeof cache_control - 1] = '\0';
    struct present present = present_of(type, "x");
    present.index = UINT64_MAX;
    reply_present(&reply, &present, &options);
    const char *head = head_of(&reply);
    assert_non_null(strstr(head, type));
    assert_non_null(strstr(head, cache_control));
    assert_non_null(strstr(head, "Preference-Applied: wait=9223372036.854\r\n"));
    assert_string_equal(strstr(head, "Content-Length: "), "Content-Length: 1\r\n\r\n");
    reply_dispose(&reply);
    present_dispose(&present);
    memset(extra, 'e', 254);
    strcpy(extra + 254, "\r\n");
    reply_problem(&reply, &(struct problem){400, type}, extra, false);
    assert_non_null(strstr(head_of(&reply), extra));
    assert_non_null(strstr(head_of(&reply), "\r\n\r\n"));
    reply_dispose(&reply);
}

/* A header that is left out, a type say, would make another reply of it. */
static void a_header_that_does_not_fit_is_a_500(void **state)
{
    static char type[REPLY_HEAD + 1];
    struct reply reply;
    struct reply_options options = {.cache_control = "no-store", .applied = -1};
    (void)state;
    memset(type, 't', sizeof type - 1);
    struct present present = present_of(type, "x");
    reply_present(&reply, &present, &options);
    assert_int_equal(reply.status, 500);
    assert_int_equal(reply.body.len, 0);
    assert_null(strstr(head_of(&reply), "ETag"));
    assert_non_null(strstr(head_of(&reply), "Content-Length: 0\r\n\r\n"));
    reply_dispose(&reply);
    present_dispose(&present);
    reply_problem(&reply, &(struct problem){400, "x"}, type, false);
    assert_int_equal(reply.status, 500);
    reply_dispose(&reply);
    options.cache_control = type;
    reply_unchanged(&reply, 7, &options);
    assert_int_equal(reply.status, 500);
    reply_dispose(&reply);
    reply_redirect(&reply, 7, strdup("X-Accel-Redirect: /a\r\n\r\n"), &options);
    assert_int_equal(reply.status, 500);
    assert_int_equal(reply.body.len, 0);
    reply_dispose(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_sent_as_it_is),
        cmocka_unit_test(without_a_change_there_is_no_body),
        cmocka_unit_test(the_way_to_the_origin_ends_the_header_block),
        cmocka_unit_test(publishes_and_options_have_short_answers),
        cmocka_unit_test(bytes_are_the_replys_own),
        cmocka_unit_test(the_longest_header_block_fits),
        cmocka_unit_test(a_header_that_does_not_fit_is_a_500),
    };
    return cmocka_run_group_tests_name("service/reply", tests, NULL, NULL);
}
