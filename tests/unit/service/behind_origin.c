/* SPDX-License-Identifier: ISC */
/* Readers of an API that has the documents: what is the API's stays the API's. */
#include <stdio.h>

#include "must.h"
#include "service_rig.h"

#define ACCEL(url) "X-Accel-Redirect: " url "\r\n\r\n"

static struct cgi get(const char *path, const char *query)
{
    return (struct cgi){.method = TEXT("GET"),
                        .script_name = text_of(path),
                        .query = text_of(query),
                        .origin = TEXT("/_origin")};
}

static uint64_t touch(struct service_rig *service_rig, const char *path)
{
    struct visit visit;
    struct cgi cgi = {.method = TEXT("POST"),
                      .script_name = text_of(path),
                      .access = TEXT("publish"),
                      .origin_status = TEXT("200")};
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 204);
    return store_index(service_rig->store);
}

static void must_go_there(const struct visit *visit, const char *line, bool with_index)
{
    char value[256];
    assert_int_equal(visit->status, 200);
    assert_string_equal(visit->body, line);
    assert_null(visit_header(visit, "ETag", value));
    assert_null(visit_header(visit, "Last-Modified", value));
    assert_true((visit_header(visit, "X-Polling-Index", value) != NULL) == with_index);
}

static void an_entity_tag_without_a_wait_is_the_apis_business(void **state)
{
    static const char *const tags[] = {"*", "\"abc\"", "W/\"1\""};
    struct service_rig *service_rig = *state;
    struct visit visit;
    char ours[32];
    snprintf(ours, sizeof ours, "\"%llu\"",
             (unsigned long long)touch(service_rig, "/posts"));
    struct cgi cgi = get("/posts", "a=1");
    for (size_t i = 0; i <= sizeof tags / sizeof *tags; i++) {
        cgi.if_none_match = text_of(i > 0 ? tags[i - 1] : ours);
        service_rig_ask(service_rig, &visit, &cgi);
        must_go_there(&visit, ACCEL("/_origin/posts?a=1"), true);
    }
    cgi.if_none_match = (struct text){NULL, 0};
    cgi.if_match = TEXT("\"of the API\"");
    cgi.if_unmodified_since = TEXT("Sun, 06 Nov 1994 08:49:37 GMT");
    service_rig_ask(service_rig, &visit, &cgi);
    must_go_there(&visit, ACCEL("/_origin/posts?a=1"), true);
}

static void no_304_of_ours_has_an_entity_tag(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    char query[64], value[256];
    snprintf(query, sizeof query, "index=%llu&wait=30ms",
             (unsigned long long)touch(service_rig, "/posts"));
    struct cgi cgi = get("/posts", query);
    service_rig_serve(service_rig, &visit, &cgi);
    assert_int_equal(visit_await(&visit), 304);
    assert_non_null(visit_header(&visit, "X-Polling-Index", value));
    assert_null(visit_header(&visit, "ETag", value));
    memcpy(strstr(query, "30ms"), "0\0", 2);
    cgi = get("/posts", query);
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 304);
    assert_null(visit_header(&visit, "ETag", value));
}

/* For a web server that makes an entity tag of the index. */
static void an_entity_tag_with_a_wait_may_be_the_index(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    char tag[32];
    snprintf(tag, sizeof tag, "W/\"%llu\"",
             (unsigned long long)touch(service_rig, "/posts"));
    struct cgi cgi = get("/posts", "wait=50");
    cgi.if_none_match = text_of(tag);
    service_rig_serve(service_rig, &visit, &cgi);
    assert_false(visit_is_answered(&visit));
    touch(service_rig, "/posts/1");
    visit_await(&visit);
    must_go_there(&visit, ACCEL("/_origin/posts"), true);
}

static void what_can_be_no_resource_is_passed_on_at_once(void **state)
{
    static const struct {
        const char *path, *line;
    } rows[] = {
        {"/posts//1", ACCEL("/_origin/posts//1?index=0a")},
        {"/a/path/longer/than/they/may/be",
         ACCEL("/_origin/a/path/longer/than/they/may/be?index=0a")},
        {"/a\tb", ACCEL("/_origin/a%09b?index=0a")},
        {"/a/../b", ACCEL("/_origin/a/%252E%252E/b?index=0a")},
    };
    struct service_rig *service_rig = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct visit visit;
        struct cgi cgi = get(rows[i].path, "index=0a&_index=0&_wait=50");
        cgi.query_names = TEXT("_index,_wait");
        service_rig_ask(service_rig, &visit, &cgi);
        must_go_there(&visit, rows[i].line, false);
        cgi.method = TEXT("HEAD");
        service_rig_ask(service_rig, &visit, &cgi);
        must_go_there(&visit, rows[i].line, false);
        cgi.method = TEXT("PUT");
        cgi.access = TEXT("publish");
        assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 400);
    }
}

/* The configuration is wrong then, and nobody would find out. */
static void no_path_at_all_is_not_passed_on(void **state)
{
    struct visit visit;
    struct cgi cgi = get("", "");
    assert_int_equal(service_rig_ask(*state, &visit, &cgi), 400);
}

static void a_deadline_ends_the_wait_with_its_304(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    char expires[32], query[64];
    snprintf(query, sizeof query, "index=%llu&wait=50",
             (unsigned long long)touch(service_rig, "/posts"));
    struct cgi cgi = get("/posts", query);
    nanos at = clock_wall() / NANOS_PER_SECOND + 2;
    snprintf(expires, sizeof expires, "%lld", (long long)at);
    cgi.expires = text_of(expires);
    service_rig_serve(service_rig, &visit, &cgi);
    assert_false(visit_is_answered(&visit));
    assert_int_equal(visit_await(&visit), 304);
    assert_true(clock_wall() < (at + 10) * NANOS_PER_SECOND);
    cgi.expires = TEXT("1000000000");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 304);
}

#define TEST(name) service_rig_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_entity_tag_without_a_wait_is_the_apis_business),
        TEST(no_304_of_ours_has_an_entity_tag),
        TEST(an_entity_tag_with_a_wait_may_be_the_index),
        TEST(what_can_be_no_resource_is_passed_on_at_once),
        TEST(no_path_at_all_is_not_passed_on),
        TEST(a_deadline_ends_the_wait_with_its_304),
    };
    return cmocka_run_group_tests_name("service/behind_origin", tests, NULL, NULL);
}
