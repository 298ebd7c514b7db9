/* SPDX-License-Identifier: ISC */
/* What log_level "debug" says of each request. Standard error is a file here. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fcgiwait/log.h"
#include "must.h"
#include "service/pending.h"
#include "service_rig.h"
#include "slow_store.h"

struct bench {
    struct service_rig rig; /* first */
    int before, file;
    char text[8192];
};

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    *state = bench;
    service_rig_open(&bench->rig, &service_rig_rules);
    fflush(stderr);
    bench->before = dup(STDERR_FILENO);
    bench->file = memfd_create("log", MFD_CLOEXEC);
    must(dup2(bench->file, STDERR_FILENO) >= 0, "no standard error");
    log_open("fcgiwait");
    log_set_level(LOG_LEVEL_DEBUG);
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;
    log_set_level(LOG_LEVEL_INFO);
    dup2(bench->before, STDERR_FILENO);
    close(bench->before);
    close(bench->file);
    service_rig_close(&bench->rig);
    free(bench);
    return 0;
}

static const char *said(struct bench *bench)
{
    ssize_t n = pread(bench->file, bench->text, sizeof bench->text - 1, 0);
    bench->text[n > 0 ? n : 0] = '\0';
    return bench->text;
}

static void must_say(struct bench *bench, const char *what)
{
    if (strstr(said(bench), what) == NULL)
        fail_msg("not \"%s\" but: %s", what, bench->text);
}

static void what_is_answered_at_once_has_two_lines(void **state)
{
    struct bench *bench = *state;
    struct visit visit;
    struct cgi cgi = {.method = TEXT("GET"), .script_name = TEXT("/none")};
    assert_int_equal(service_rig_ask(&bench->rig, &visit, &cgi), 404);
    must_say(bench, "debug: request 1: GET /none\n");
    must_say(bench, "debug: request 1: 404\n");
}

static void a_wait_is_told_from_its_beginning_to_its_end(void **state)
{
    struct bench *bench = *state;
    struct visit visit;
    struct cgi cgi = {.method = TEXT("GET"),
                      .script_name = TEXT("/a"),
                      .query = TEXT("index=0&wait=9")};
    service_rig_serve(&bench->rig, &visit, &cgi);
    must_say(bench, "debug: request 1: GET /a, index 0, wait 9 s\n");
    must_say(bench, "debug: request 1: held on index 0 for 8.98 s\n");
    assert_null(strstr(said(bench), "request 1: 200"));
    service_rig_put(&bench->rig, "/a", "1");
    assert_int_equal(visit_await(&visit), 200);
    must_say(bench, "debug: request 1: 200 after ");
    must_say(bench, " s, index "); /* the change's */
}

static void who_goes_away_is_told(void **state)
{
    struct bench *bench = *state;
    struct visit visit;
    struct cgi cgi = {.method = TEXT("GET"),
                      .script_name = TEXT("/a"),
                      .query = TEXT("index=0&wait=9")};
    service_rig_serve(&bench->rig, &visit, &cgi);
    assert_true(service_hangup(&visit.request));
    service_hung_up(&visit.request);
    must_say(bench, "debug: request 1: hung up after ");
}

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"

static struct cgi traced_put(void)
{
    return (struct cgi){.method = TEXT("PUT"),
                        .script_name = TEXT("/a"),
                        .access = TEXT("publish"),
                        .traceparent = TEXT("00-" ID "-00f067aa0ba902b7-01"),
                        .body = TEXT("1"),
                        .body_length = 1};
}

static void a_trace_is_told_with_the_request_and_the_index_with_the_reply(void **state)
{
    struct bench *bench = *state;
    struct visit visit;
    char replied[64];
    struct cgi cgi = traced_put();
    assert_int_equal(service_rig_ask(&bench->rig, &visit, &cgi), 201);
    must_say(bench, "debug: request 1: trace " ID ", PUT /a\n");
    snprintf(replied, sizeof replied, "debug: request 1: 201, index %llu\n",
             (unsigned long long)service_rig_index(&bench->rig, "/a", SCOPE_SELF));
    must_say(bench, replied);
    cgi.traceparent = TEXT("00-" ID "-forged");
    service_rig_ask(&bench->rig, &visit, &cgi);
    must_say(bench, "debug: request 2: PUT /a\n");
}

/* A line is cut at its end. */
static void a_trace_is_told_with_the_longest_path(void **state)
{
    struct bench *bench = *state;
    struct visit visit;
    char path[1001];
    struct cgi cgi = traced_put();
    struct service_rules rules = service_rig_rules;
    rules.limit_path = sizeof path - 1;
    must(service_set_rules(bench->rig.service, &rules), "no memory");
    snprintf(path, sizeof path, "/%0*d", (int)sizeof path - 2, 0);
    cgi.script_name = text_of(path);
    assert_int_equal(service_rig_ask(&bench->rig, &visit, &cgi), 201);
    must_say(bench, "debug: request 1: trace " ID ", PUT /0");
}

/* Of what was served, the store has got all before service_rig_serve() returns. */
static void must_be_traced(const struct slow_store *slow, size_t count)
{
    assert_int_equal(slow->waiting, 1);
    assert_int_equal(slow->count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(text_is(slow->kept[i].trace, TEXT(ID)));
}

static void a_trace_goes_to_the_store_with_each_change(void **state)
{
    static struct slow_store slow; /* the rig's until it closes */
    struct bench *bench = *state;
    struct visit put, report;
    struct cgi cgi = traced_put();
    slow_store_open(&slow, &bench->rig);
    service_rig_serve(&bench->rig, &put, &cgi);
    must_be_traced(&slow, 1);
    slow_store_go_on(&slow);
    visit_await(&put);
    cgi.origin_status = TEXT("200");
    cgi.location = TEXT("/b");
    cgi.also = TEXT("/c /d/*");
    service_rig_serve(&bench->rig, &report, &cgi);
    must_be_traced(&slow, 4);
    slow_store_go_on(&slow);
    visit_await(&report);
}

static void what_counts_again_has_its_trace_still(void **state)
{
    struct bench *bench = *state;
    char id[] = ID;
    struct pending *pending =
        pending_new(bench->rig.service, NULL, 1, sizeof "/a" + sizeof ID, NULL);
    pending->edits[0].path = pending_keep(pending, TEXT("/a"));
    pending->edits[0].trace = pending_keep(pending, text_of(id));
    memset(id, '#', sizeof id);
    struct pending *copy = pending_copy(pending, NULL);
    pending_free(&pending);
    assert_true(text_is(copy->edits[0].path, TEXT("/a")));
    assert_true(text_is(copy->edits[0].trace, TEXT(ID)));
    pending_free(&copy);
}

static void each_method_is_told_by_its_name(void **state)
{
    static const char *const methods[] = {"OPTIONS", "PATCH", "POST", "DELETE", "QUERY"};
    struct bench *bench = *state;
    struct visit visit;
    char line[64];
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct cgi cgi = {.method = text_of(methods[i]), .script_name = TEXT("/a")};
        service_rig_ask(&bench->rig, &visit, &cgi);
        snprintf(line, sizeof line, "request %zu: %s /a\n", i + 1, methods[i]);
        must_say(bench, line);
    }
    struct cgi other = {.method = TEXT("BREW"), .script_name = TEXT("/a")};
    service_rig_ask(&bench->rig, &visit, &other);
    must_say(bench, ": another method /a\n");
}

static void an_index_that_is_none_is_told_as_such(void **state)
{
    struct bench *bench = *state;
    struct visit visit;
    struct cgi cgi = {
        .method = TEXT("HEAD"), .script_name = TEXT("/a\nb"), .query = TEXT("index=abc")};
    service_rig_ask(&bench->rig, &visit, &cgi);
    must_say(bench, "debug: request 1: HEAD /a?b, an index of somebody else\n");
}

static void at_info_nothing_is_said(void **state)
{
    struct bench *bench = *state;
    struct visit visit;
    struct cgi cgi = {.method = TEXT("GET"), .script_name = TEXT("/none")};
    log_set_level(LOG_LEVEL_INFO);
    service_rig_ask(&bench->rig, &visit, &cgi);
    assert_string_equal(said(bench), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_answered_at_once_has_two_lines),
        TEST(a_wait_is_told_from_its_beginning_to_its_end),
        TEST(who_goes_away_is_told),
        TEST(a_trace_is_told_with_the_request_and_the_index_with_the_reply),
        TEST(a_trace_is_told_with_the_longest_path),
        TEST(a_trace_goes_to_the_store_with_each_change),
        TEST(what_counts_again_has_its_trace_still),
        TEST(each_method_is_told_by_its_name),
        TEST(an_index_that_is_none_is_told_as_such),
        TEST(at_info_nothing_is_said),
    };
    return cmocka_run_group_tests_name("service/trace", tests, NULL, NULL);
}
