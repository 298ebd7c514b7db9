/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "fcgiwait/json.h"
#include "must.h"
#include "service_rig.h"

static int ask(struct service_rig *service_rig, struct visit *visit, const char *method,
               const char *endpoint)
{
    struct cgi cgi = {.method = text_of(method), .endpoint = text_of(endpoint)};
    return service_rig_ask(service_rig, visit, &cgi);
}

static void each_endpoint_has_its_type(void **state)
{
    static const struct {
        const char *endpoint, *type;
    } rows[] = {
        {"health", "text/plain; charset=utf-8"},
        {"status", "application/json"},
        {"metrics", "text/plain; version=0.0.4; charset=utf-8"},
        {"page", "text/html; charset=utf-8"},
    };
    struct service_rig *service_rig = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct visit get, head;
        char value[256];
        assert_int_equal(ask(service_rig, &get, "GET", rows[i].endpoint), 200);
        assert_string_equal(visit_header(&get, "Content-Type", value), rows[i].type);
        assert_string_equal(visit_header(&get, "Cache-Control", value), "no-store");
        assert_true(get.body_len > 0);
        assert_int_equal(ask(service_rig, &head, "HEAD", rows[i].endpoint), 200);
        assert_int_equal(head.body_len, 0);
        assert_int_equal(ask(service_rig, &head, "POST", rows[i].endpoint), 405);
        assert_string_equal(visit_header(&head, "Allow", value), "GET, HEAD");
    }
}

static void the_status_is_of_this_moment(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit, waiting;
    struct json_error error;
    char expected[64];
    struct cgi cgi = {.method = TEXT("GET"),
                      .script_name = TEXT("/b"),
                      .query = TEXT("index=0&wait=50")};
    service_rig_put(service_rig, "/a", "1");
    service_rig_serve(service_rig, &waiting, &cgi);
    ask(service_rig, &visit, "GET", "status");
    assert_true(json_check((struct text){visit.body, visit.body_len}, &error));
    assert_non_null(strstr(visit.body, "\"resources\":1,"));
    assert_non_null(strstr(visit.body, "\"waiting\":1,"));
    snprintf(expected, sizeof expected, "\"index\":%llu,",
             (unsigned long long)store_index(service_rig->store));
    assert_non_null(strstr(visit.body, expected));
    service_rig_put(service_rig, "/b", "1");
    visit_await(&waiting);
    ask(service_rig, &visit, "GET", "metrics");
    assert_non_null(strstr(visit.body, "\nfcgiwait_waiting 0\n"));
    assert_non_null(strstr(visit.body, "\nfcgiwait_held_changed_total 1\n"));
}

static void another_endpoint_is_the_administrators_mistake(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    assert_int_equal(ask(service_rig, &visit, "GET", "stats"), 500);
    assert_non_null(strstr(visit.body, "FCGIWAIT_ENDPOINT"));
}

#define TEST(name) service_rig_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_endpoint_has_its_type),
        TEST(the_status_is_of_this_moment),
        TEST(another_endpoint_is_the_administrators_mistake),
    };
    return cmocka_run_group_tests_name("service/endpoint", tests, NULL, NULL);
}
