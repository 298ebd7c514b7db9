/* SPDX-License-Identifier: ISC */
/* PUT, PATCH, POST and DELETE where the location grants them. */
#include <stdio.h>

#include "fcgiwait/json.h"
#include "must.h"
#include "service_rig.h"
#include "slow_store.h"

static struct cgi publish(const char *method, const char *type, const char *body)
{
    struct text t = text_of(body);
    return (struct cgi){.method = text_of(method),
                        .script_name = TEXT("/a"),
                        .access = TEXT("publish"),
                        .content_type = text_of(type),
                        .body = t,
                        .body_length = t.len};
}

static int ask(struct service_rig *service_rig, const char *method, const char *type,
               const char *body)
{
    struct visit visit;
    struct cgi cgi = publish(method, type, body);
    return service_rig_ask(service_rig, &visit, &cgi);
}

static void must_hold(struct service_rig *service_rig, const char *type, const char *body)
{
    struct visit visit;
    char value[256];
    struct cgi cgi = {.method = TEXT("GET"), .script_name = TEXT("/a")};
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 200);
    assert_string_equal(visit.body, body);
    assert_string_equal(visit_header(&visit, "Content-Type", value), type);
}

static void each_method_does_its_own(void **state)
{
    struct service_rig *service_rig = *state;
    assert_int_equal(ask(service_rig, "DELETE", NULL, NULL), 404);
    assert_int_equal(ask(service_rig, "PATCH", "application/merge-patch+json", "{}"),
                     404);
    assert_int_equal(ask(service_rig, "PUT", "application/json", "{\"a\":1}"), 201);
    assert_int_equal(ask(service_rig, "PUT", "application/json", "{\"a\":2}"), 204);
    assert_int_equal(ask(service_rig, "PUT", "application/json", "{\"a\":2}"), 204);
    assert_int_equal(
        ask(service_rig, "PATCH", "application/merge-patch+json", "{\"b\":3}"), 204);
    must_hold(service_rig, "application/json", "{\"a\":2,\"b\":3}");
    assert_int_equal(ask(service_rig, "POST", NULL, NULL), 204);
    must_hold(service_rig, "application/json", "{\"a\":2,\"b\":3}");
    assert_int_equal(ask(service_rig, "DELETE", NULL, NULL), 204);
    assert_int_equal(ask(service_rig, "DELETE", NULL, NULL), 404);
    assert_int_equal(ask(service_rig, "PUT", NULL, "x"), 201);
    must_hold(service_rig, "application/octet-stream", "x");
    assert_int_equal(ask(service_rig, "PUT", "  text/plain\t", ""), 204);
    must_hold(service_rig, "text/plain", "");
}

static void the_answer_carries_the_new_index(void **state)
{
    static const char *const methods[] = {"PUT", "POST", "DELETE"};
    struct service_rig *service_rig = *state;
    uint64_t before = 0;
    for (int i = 0; i < 3; i++) {
        struct visit visit;
        char value[256], expected[32];
        struct cgi cgi = publish(methods[i], "text/plain", i == 0 ? "x" : NULL);
        service_rig_ask(service_rig, &visit, &cgi);
        uint64_t index = service_rig_index(service_rig, "/a", SCOPE_SELF);
        assert_true(index > before);
        before = index;
        snprintf(expected, sizeof expected, "\"%llu\"", (unsigned long long)index);
        assert_string_equal(visit_header(&visit, "ETag", value), expected);
        assert_non_null(visit_header(&visit, "X-Polling-Index", value));
        assert_int_equal(visit.body_len, 0);
        assert_int_equal(store_index(service_rig->store), index);
    }
    assert_int_equal(counter_read(&service_rig->counters.publishes), 3);
    assert_int_equal(histogram_count(&service_rig->counters.publish), 3);
}

/* 412, and nothing changes. */
static void preconditions_are_honoured(void **state)
{
    static const char *const methods[] = {"PUT", "POST", "DELETE", "PATCH"};
    struct service_rig *service_rig = *state;
    struct visit visit;
    ask(service_rig, "PUT", "application/json", "{}");
    uint64_t index = service_rig_index(service_rig, "/a", SCOPE_SELF);
    for (int i = 0; i < 4; i++) {
        struct cgi cgi = publish(methods[i], "application/merge-patch+json",
                                 methods[i][1] == 'O' ? NULL : "{\"a\":1}");
        cgi.if_match = TEXT("\"1\"");
        assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 412);
        cgi.if_match = TEXT("");
        assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 412);
        cgi.if_match = (struct text){NULL, 0};
        cgi.if_none_match = TEXT("*");
        assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 412);
    }
    assert_int_equal(service_rig_index(service_rig, "/a", SCOPE_SELF), index);
    char tag[32];
    snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)index);
    struct cgi cgi = publish("DELETE", NULL, NULL);
    cgi.if_match = text_of(tag);
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 204);
    cgi = publish("PUT", "text/plain", "x");
    cgi.if_none_match = TEXT("*");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 201);
}

static void what_is_declared_as_json_has_to_be_json(void **state)
{
    static const struct {
        const char *type, *body;
        int status;
    } rows[] = {
        {"application/json", "{\"a\":}", 400},
        {"APPLICATION/JSON; charset=utf-8", "{\"a\":}", 400},
        {"application/problem+json", "nope", 400},
        {"application/json", "", 400},
        {"text/plain", "{\"a\":}", 201},
        {"application/jsonp", "nope", 204},
        {"application/json", " [1, 2] ", 204},
    };
    struct service_rig *service_rig = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = ask(service_rig, "PUT", rows[i].type, rows[i].body);
        if (status != rows[i].status)
            fail_msg("row %zu: %d", i, status);
    }
}

static void an_error_in_json_is_told_with_its_offset(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct json_error error;
    struct cgi cgi = publish("PUT", "application/json", "{\"a\":x}");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 400);
    assert_non_null(strstr(visit.body, "offset 5"));
    assert_true(json_check((struct text){visit.body, visit.body_len}, &error));
}

static void patches_have_their_own_type(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    char value[256];
    ask(service_rig, "PUT", "application/json", "{}");
    struct cgi cgi = publish("PATCH", "application/json", "{}");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 415);
    assert_string_equal(visit_header(&visit, "Accept-Patch", value),
                        "application/merge-patch+json");
    assert_int_equal(ask(service_rig, "PATCH", NULL, "{}"), 415);
    assert_int_equal(ask(service_rig, "PATCH", "application/merge-patch+json", "{"), 400);
    ask(service_rig, "PUT", "text/plain", "x");
    assert_int_equal(ask(service_rig, "PATCH", "application/merge-patch+json", "{}"),
                     409);
}

static void bodies_are_limited_and_whole(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    char large[102];
    memset(large, 'x', 101);
    large[101] = '\0';
    assert_int_equal(ask(service_rig, "PUT", "text/plain", large + 1), 201);
    /* As the reader gives it: counted, not kept. */
    struct cgi cgi = publish("PUT", "text/plain", NULL);
    cgi.body_length = 101;
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 413);
    assert_non_null(strstr(visit.body, "100 bytes"));
    cgi = publish("PUT", "text/plain", "hello");
    cgi.content_length = TEXT("6");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 400);
    cgi.content_length = TEXT("five");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 400);
    cgi.content_length = TEXT("5");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 204);
    must_hold(service_rig, "text/plain", "hello");
    assert_int_equal(ask(service_rig, "POST", NULL, "x"), 400);
}

/* The reader dropped the body under the old limit. */
static void a_reload_does_not_make_a_dropped_body_an_empty_one(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct service_rules rules = service_rig_rules;
    ask(service_rig, "PUT", "text/plain", "hello");
    struct cgi cgi = publish("PUT", "text/plain", NULL);
    cgi.body_length = 101;
    rules.limit_body = 1000;
    assert_true(service_set_rules(service_rig->service, &rules));
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 413);
    must_hold(service_rig, "text/plain", "hello");
}

static void types_have_to_fit_a_header(void **state)
{
    struct service_rig *service_rig = *state;
    char type[REPLY_TYPE_MAX + 1];
    memset(type, 't', REPLY_TYPE_MAX);
    type[REPLY_TYPE_MAX] = '\0';
    assert_int_equal(ask(service_rig, "PUT", type, "x"), 400);
    assert_int_equal(ask(service_rig, "PUT", "text/plain\r\nX-Forged: 1", "x"), 400);
    type[REPLY_TYPE_MAX - 1] = '\0';
    assert_int_equal(ask(service_rig, "PUT", type, "x"), 201);
    must_hold(service_rig, type, "x");
}

static void no_more_resources_than_allowed_are_made(void **state)
{
    struct service_rig *service_rig = *state;
    store_set_limit(service_rig->store, 0);
    assert_int_equal(ask(service_rig, "PUT", "text/plain", "x"), 507);
    store_set_limit(service_rig->store, 1);
    assert_int_equal(ask(service_rig, "PUT", "text/plain", "x"), 201);
}

/* The store answers from another thread, when everything that the request pointed to is
 * long gone. */
static void an_edit_outlives_its_request(void **state)
{
    struct service_rig *service_rig = *state;
    static struct slow_store slow; /* the service_rig's until it closes */
    struct visit visit;
    char path[] = "/a", type[] = "text/plain", body[] = "hello", match[] = "*";
    slow_store_open(&slow, service_rig);
    struct cgi cgi = publish("PUT", type, body);
    cgi.script_name = text_of(path);
    cgi.if_none_match = text_of(match);
    service_rig_serve(service_rig, &visit, &cgi);
    assert_false(visit_is_answered(&visit));
    assert_false(service_hangup(&visit.request)); /* nobody can take it back */
    memset(path, '#', sizeof path);
    memset(type, '#', sizeof type);
    memset(body, '#', sizeof body);
    memset(match, '#', sizeof match);
    slow_store_go_on(&slow);
    assert_int_equal(visit_await(&visit), 201);
    struct present present;
    tree_look(service_rig->tree, TEXT("/a"), SCOPE_SELF, &present);
    assert_true(document_same(present.document, TEXT("text/plain"), TEXT("hello")));
    present_dispose(&present);
}

#define TEST(name) service_rig_test(name, NULL)

/* --- what is no whole document, and conditions --- */

static void what_is_compressed_or_a_part_is_refused_with_what_would_be_right(void **state)
{
    static const char *const refused[] = {"gzip", "br", "deflate, gzip", "aes128gcm"};
    struct service_rig *service_rig = *state;
    struct visit visit;
    char value[256];
    struct cgi put = publish("PUT", "text/plain", "x");
    struct cgi patch = publish("PATCH", "application/merge-patch+json", "{}");
    assert_int_equal(service_rig_ask(service_rig, &visit, &put), 201);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        put.content_encoding = patch.content_encoding = text_of(refused[i]);
        assert_int_equal(service_rig_ask(service_rig, &visit, &put), 415);
        assert_string_equal(visit_header(&visit, "Accept-Encoding", value), "identity");
        assert_non_null(strstr(visit.body, "Content-Encoding"));
        assert_int_equal(service_rig_ask(service_rig, &visit, &patch), 415);
    }
    put.content_encoding = TEXT(" Identity ");
    assert_int_equal(service_rig_ask(service_rig, &visit, &put), 204);
    put.content_range = TEXT("bytes 0-0/10");
    assert_int_equal(service_rig_ask(service_rig, &visit, &put), 400);
    assert_non_null(strstr(visit.body, "Content-Range"));
    put.content_range = TEXT("");
    assert_int_equal(service_rig_ask(service_rig, &visit, &put), 400);
    must_hold(service_rig, "text/plain", "x");
}

/* Strong comparison is asked for; compressed answers have weak tags. */
static void a_weak_tag_is_told_from_an_old_one(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    char tag[32];
    struct cgi cgi = publish("PUT", "text/plain", "x");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 201);
    snprintf(tag, sizeof tag, "W/\"%llu\"",
             (unsigned long long)service_rig_index(service_rig, "/a", SCOPE_SELF));
    cgi.if_match = text_of(tag);
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 412);
    assert_non_null(strstr(visit.body, "weak"));
    cgi.if_match = TEXT("W/\"1\"");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 412);
    assert_null(strstr(visit.body, "weak"));
    cgi.if_match = text_of(tag + 2);
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 204);
}

static void conditions_count_for_every_method(void **state)
{
    static const char *const methods[] = {"GET",   "HEAD", "PUT",
                                          "PATCH", "POST", "DELETE"};
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct cgi cgi = publish("PUT", "application/json", "{\"a\":1}");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 201);
    uint64_t before = store_index(service_rig->store);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        bool writes = i == 2 || i == 3;
        cgi = publish(methods[i], i == 3 ? "application/merge-patch+json" : NULL,
                      writes ? "{\"b\":1}" : NULL);
        cgi.if_match = TEXT("\"1\"");
        assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 412);
        cgi.if_match = (struct text){NULL, 0};
        cgi.if_unmodified_since = TEXT("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 412);
        if (i != 1)
            assert_non_null(strstr(visit.body, "If-Unmodified-Since"));
    }
    assert_int_equal(store_index(service_rig->store), before);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        cgi = publish(methods[i],
                      i == 3 ? "application/merge-patch+json" : "application/json",
                      i == 2 || i == 3 ? "{\"b\":1}" : NULL);
        cgi.if_unmodified_since = TEXT("Fri, 11 Apr 2262 23:47:16 GMT");
        int status = service_rig_ask(service_rig, &visit, &cgi);
        assert_int_equal(status, i < 2 ? 200 : 204);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_compressed_or_a_part_is_refused_with_what_would_be_right),
        TEST(a_weak_tag_is_told_from_an_old_one),
        TEST(conditions_count_for_every_method),
        TEST(each_method_does_its_own),
        TEST(the_answer_carries_the_new_index),
        TEST(preconditions_are_honoured),
        TEST(what_is_declared_as_json_has_to_be_json),
        TEST(an_error_in_json_is_told_with_its_offset),
        TEST(patches_have_their_own_type),
        TEST(bodies_are_limited_and_whole),
        TEST(a_reload_does_not_make_a_dropped_body_an_empty_one),
        TEST(types_have_to_fit_a_header),
        TEST(no_more_resources_than_allowed_are_made),
        TEST(an_edit_outlives_its_request),
    };
    return cmocka_run_group_tests_name("service/publish", tests, NULL, NULL);
}
