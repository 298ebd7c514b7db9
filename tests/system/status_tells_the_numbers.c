/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <json-c/json.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

static json_object *read_status(const struct stack *stack)
{
    struct answer answer = http_get(stack->port, "/fcgiwait/status", NULL);
    assert_int_equal(answer.status, 200);
    answer_must_have(&answer, "Content-Type", "application/json");
    answer_must_have(&answer, "Cache-Control", "no-store");
    json_object *status = json_tokener_parse(answer.body);
    must(status != NULL, "not JSON: %s", answer.body);
    answer_free(&answer);
    return status;
}

static int64_t number(json_object *status, const char *name)
{
    json_object *value = json_object_object_get(status, name);
    must(json_object_is_type(value, json_type_int), "%s is not a whole number", name);
    return json_object_get_int64(value);
}

static const struct stack_options three_threads = {.config = "threads = 3;"};

static void the_status_is_json_with_these_names(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    char index[24];
    http_put(stack->port, "/a", "1", NULL);
    http_put(stack->port, "/b", "1", NULL);
    http_put(stack->port, "/c", "1", NULL);
    http_publish(stack->port, "DELETE", "/b", index);
    clients_open(&clients, stack->port, 7);
    clients_ask(&clients, "/none?index=0&wait=50");
    await_waiting(stack, 7);
    json_object *status = read_status(stack);
    assert_string_equal(json_object_get_string(json_object_object_get(status, "version")),
                        PACKAGE_VERSION);
    assert_true(number(status, "uptime") >= 0 && number(status, "uptime") < 1000);
    assert_int_equal(number(status, "resources"), 2);
    assert_int_equal(number(status, "waiting"), 7);
    assert_int_equal(number(status, "threads"), 3);
    assert_int_equal(number(status, "index"), atoll(index));
    json_object_put(status);
    clients_close(&clients);
}

static void every_answer_is_counted(void **state)
{
    struct stack *stack = *state;
    static const struct {
        const char *name, *path;
    } rows[] = {{"answers_200", "/a"},
                {"answers_304", "/none?index=0&wait=0"},
                {"answers_404", "/none"},
                {"answers_other", "/a//b"},
                {"held_expired", "/none?index=0&wait=10ms"}};
    http_put(stack->port, "/a", "1", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_object *before = read_status(stack);
        for (int k = 0; k < 3; k++) {
            struct answer answer = http_get(stack->port, rows[i].path, NULL);
            answer_free(&answer);
        }
        json_object *after = read_status(stack);
        int64_t own = i == 0; /* the status itself is a 200 */
        must(number(after, rows[i].name) - number(before, rows[i].name) == 3 + own,
             "%s: %lld, then %lld", rows[i].name, (long long)number(before, rows[i].name),
             (long long)number(after, rows[i].name));
        json_object_put(before);
        json_object_put(after);
    }
}

static void health_is_ok(void **state)
{
    struct stack *stack = *state;
    struct answer answer = http_get(stack->port, "/fcgiwait/health", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "ok\n");
    answer_free(&answer);
}

static void endpoints_are_only_read(void **state)
{
    static const char *const names[] = {"health", "status", "metrics"};
    struct stack *stack = *state;
    char path[64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/fcgiwait/%s", names[i]);
        struct answer answer =
            http(&(struct http){.port = stack->port, .method = "POST", .path = path});
        assert_int_equal(answer.status, 405);
        answer_must_have(&answer, "Allow", "GET, HEAD");
        answer_free(&answer);
    }
}

static void the_metrics_have_the_numbers(void **state)
{
    struct stack *stack = *state;
    char line[64];
    http_put(stack->port, "/a", "1", NULL);
    struct answer answer = http_get(stack->port, "/fcgiwait/metrics", NULL);
    assert_int_equal(answer.status, 200);
    answer_must_have(&answer, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    snprintf(line, sizeof line, "\nfcgiwait_resources %lld\n",
             stack_status(stack, "resources"));
    assert_non_null(strstr(answer.body, line));
    assert_non_null(strstr(answer.body, "\n# TYPE fcgiwait_waiting gauge\n"));
    assert_non_null(strstr(answer.body, "\n# TYPE fcgiwait_requests_total counter\n"));
    answer_free(&answer);
}

/* The status may be asked before the last one of them is counted. */
static void deliveries_are_timed(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    int64_t count = 0;
    clients_open(&clients, stack->port, 7);
    clients_ask(&clients, "/timed?index=0&wait=50");
    await_waiting(stack, 7);
    http_put(stack->port, "/timed", "1", NULL);
    clients_await(&clients);
    for (int i = 0; i < 1000 && count < 7; i++) {
        json_object *status = read_status(stack);
        count = number(json_object_object_get(status, "delivery_seconds"), "count");
        json_object_put(status);
    }
    assert_int_equal(count, 7);
    clients_close(&clients);
}

static void promtool_accepts_the_metrics(void **state)
{
    struct stack *stack = *state;
    if (system("command -v promtool >/dev/null") != 0) {
        print_message("promtool is missing. On Debian: apt-get install prometheus\n");
        skip();
    }
    struct answer answer = http_get(stack->port, "/fcgiwait/metrics", NULL);
    FILE *promtool = popen("promtool check metrics", "w");
    assert_non_null(promtool);
    fputs(answer.body, promtool);
    int status = pclose(promtool);
    must(WIFEXITED(status) && WEXITSTATUS(status) == 0, "promtool refuses:\n%s",
         answer.body);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(the_status_is_json_with_these_names, &three_threads),
        stack_test(every_answer_is_counted, NULL),
        stack_test(health_is_ok, NULL),
        stack_test(endpoints_are_only_read, NULL),
        stack_test(the_metrics_have_the_numbers, NULL),
        stack_test(deliveries_are_timed, NULL),
        stack_test(promtool_accepts_the_metrics, NULL),
    };
    return cmocka_run_group_tests_name("status_tells_the_numbers", tests, NULL, NULL);
}
