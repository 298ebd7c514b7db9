#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/json.h"
#include "must.h"
#include "office.h"

static int start(void **state)
{
    *state = malloc(sizeof(struct office));
    office_open(*state, &office_rules);
    return 0;
}

static int stop(void **state)
{
    office_close(*state);
    free(*state);
    return 0;
}

static int ask(struct office *office, struct visit *visit, const char *method,
               const char *endpoint)
{
    struct cgi cgi = {.method = text_of(method), .endpoint = text_of(endpoint)};
    return office_ask(office, visit, &cgi);
}

static void each_endpoint_has_its_type(void **state)
{
    static const struct {
        const char *endpoint, *type;
    } rows[] = {
        {"health", "text/plain; charset=utf-8"},
        {"status", "application/json"},
        {"metrics", "text/plain; version=0.0.4; charset=utf-8"},
    };
    struct office *office = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct visit get, head;
        char value[256];
        assert_int_equal(ask(office, &get, "GET", rows[i].endpoint), 200);
        assert_string_equal(visit_header(&get, "Content-Type", value), rows[i].type);
        assert_string_equal(visit_header(&get, "Cache-Control", value), "no-store");
        assert_true(get.body_len > 0);
        assert_int_equal(ask(office, &head, "HEAD", rows[i].endpoint), 200);
        assert_int_equal(head.body_len, 0);
        assert_int_equal(ask(office, &head, "POST", rows[i].endpoint), 405);
        assert_string_equal(visit_header(&head, "Allow", value), "GET, HEAD");
    }
}

static void the_status_is_of_this_moment(void **state)
{
    struct office *office = *state;
    struct visit visit, waiting;
    struct json_error error;
    char expected[64];
    struct cgi cgi = {.method = TEXT("GET"),
                      .script_name = TEXT("/b"),
                      .query = TEXT("index=0&wait=50")};
    office_put(office, "/a", "1");
    office_serve(office, &waiting, &cgi);
    ask(office, &visit, "GET", "status");
    assert_true(json_check((struct text){visit.body, visit.body_len}, &error));
    assert_non_null(strstr(visit.body, "\"resources\":1,"));
    assert_non_null(strstr(visit.body, "\"waiting\":1,"));
    snprintf(expected, sizeof expected, "\"index\":%llu,",
             (unsigned long long)store_index(office->store));
    assert_non_null(strstr(visit.body, expected));
    office_put(office, "/b", "1");
    visit_await(&waiting);
    ask(office, &visit, "GET", "metrics");
    assert_non_null(strstr(visit.body, "\nfcgiwait_waiting 0\n"));
    assert_non_null(strstr(visit.body, "\nfcgiwait_held_changed_total 1\n"));
}

static void another_endpoint_is_the_administrators_mistake(void **state)
{
    struct office *office = *state;
    struct visit visit;
    assert_int_equal(ask(office, &visit, "GET", "stats"), 500);
    assert_non_null(strstr(visit.body, "FCGIWAIT_ENDPOINT"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_endpoint_has_its_type),
        TEST(the_status_is_of_this_moment),
        TEST(another_endpoint_is_the_administrators_mistake),
    };
    return cmocka_run_group_tests_name("desk/endpoint", tests, NULL, NULL);
}
