/* SPDX-License-Identifier: ISC */
/* When a stream ends, and how long it goes on at a time. */
#include "fcgiwait/service.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "service_rig.h"

static const struct service_rules rules = {.wait_max = 60 * NANOS_PER_SECOND,
                                           .max_waiting = 100,
                                           .limit_body = 100000,
                                           .limit_path = 200,
                                           .limit_changes = 1000,
                                           .limit_answer = 1000000,
                                           .stream_max = NANOS_PER_SECOND,
                                           .stream_heartbeat = 60 * NANOS_PER_SECOND,
                                           .cache_control = "no-store"};

static const struct service_rules long_rules = {.wait_max = 60 * NANOS_PER_SECOND,
                                                .max_waiting = 100,
                                                .limit_body = 100000,
                                                .limit_path = 200,
                                                .limit_changes = 1000,
                                                .limit_answer = 1000000,
                                                .stream_max = 600 * NANOS_PER_SECOND,
                                                .stream_heartbeat = 60 * NANOS_PER_SECOND,
                                                .cache_control = "no-store"};

static const struct cgi lines = {.method = TEXT("GET"),
                                 .script_name = TEXT("/l/a"),
                                 .accept = TEXT("application/x-ndjson")};

static void sleep_for(nanos span)
{
    nanosleep(&(struct timespec){.tv_sec = span / NANOS_PER_SECOND,
                                 .tv_nsec = span % NANOS_PER_SECOND},
              NULL);
}

static void at_its_end_nothing_else_is_said(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    service_rig_put(rig, "/l/a", "1");
    service_rig_serve(rig, &visit, &lines);
    must_come(&visit.answered, "it does not end");
    assert_true(visit.ended);
    assert_int_equal(visit.pieces, 2); /* head and state; no heartbeat, no last piece */
    assert_int_equal(counter_read(&rig->counters.held_expired), 1);
}

/* Whoever has something to hear all the time never rests. */
static void who_is_slow_comes_to_the_end_as_well(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = lines;
    service_rig_put(rig, "/l/a", "first");
    for (size_t i = 0; i < 2; i++) {
        service_rig_serve_slowly(rig, &visit, &cgi, 1);
        sleep_for(1050 * NANOS_PER_MS); /* stalled with the first */
        service_rig_put(rig, "/l/a", i == 0 ? "second" : "third");
        visit_take(&visit);
        assert_true(visit.ended);
        assert_int_equal(visit.pieces, 2);
        cgi.scope = TEXT("below");
        cgi.script_name = TEXT("/l");
    }
}

/* It ends with the client's right to know. */
static void a_deadline_ends_who_is_slow(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = lines;
    char expires[32];
    service_rig_put(rig, "/l/a", "first");
    snprintf(expires, sizeof expires, "%lld",
             (long long)(clock_wall() / NANOS_PER_SECOND) + 2);
    cgi.expires = text_of(expires);
    service_rig_serve_slowly(rig, &visit, &cgi, 1);
    sleep_for(2050 * NANOS_PER_MS);
    service_rig_put(rig, "/l/a", "second");
    visit_take(&visit);
    assert_true(visit.ended);
    assert_int_equal(visit_count(&visit, "second"), 0);
}

/* A long list is not told in one go by whoever happens to begin. */
static void others_have_their_turn_between(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit, put;
    static char body[20000];
    char path[16];
    memset(body, 'x', sizeof body - 1);
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        struct cgi cgi = {.method = TEXT("PUT"),
                          .script_name = text_of(path),
                          .access = TEXT("publish"),
                          .content_type = TEXT("text/plain"),
                          .body = text_of(body),
                          .body_length = sizeof body - 1};
        assert_int_equal(service_rig_ask(rig, &put, &cgi), 201);
    }
    struct cgi cgi = lines;
    cgi.scope = TEXT("below");
    cgi.script_name = TEXT("/l");
    service_rig_serve(rig, &visit, &cgi);
    for (int ms = 0; visit.pieces < 1 + 40; ms++) {
        must(ms < 20000, "%d pieces", visit.pieces);
        sleep_for(NANOS_PER_MS);
    }
    assert_false(pthread_equal(visit.sender, pthread_self()));
    service_rig_put(rig, "/l/a", "newest");
    for (int ms = 0; visit.pieces < 1 + 41; ms++) {
        must(ms < 20000, "%d pieces", visit.pieces);
        sleep_for(NANOS_PER_MS);
    }
    assert_int_equal(visit.pieces, 1 + 41); /* no heartbeats between */
    service_rig_drain(rig);
    must_come(&visit.answered, "it does not end");
}

static void forget(struct service_rig *rig, const char *path, uint64_t index)
{
    const struct change changes[] = {
        {.kind = CHANGE_DELETE, .index = index, .path = text_of(path)},
        {.kind = CHANGE_FORGET, .index = index, .path = TEXT("/")}};
    tree_apply_all(rig->tree, changes, 2);
}

static void must_say_missing(struct visit *visit, uint64_t index)
{
    char text[80];
    snprintf(text, sizeof text, "{\"path\":\"/l/a\",\"index\":%llu,\"deleted\":true}",
             (unsigned long long)index);
    visit_must_say(visit, text);
}

/* It had the document: that nothing is remembered of it is news. */
static void who_is_slow_is_told_that_it_was_deleted_and_forgotten(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    service_rig_put(rig, "/l/a", "first");
    service_rig_serve_slowly(rig, &visit, &lines, 1); /* stalled with the first */
    uint64_t newest = service_rig_put(rig, "/l/b", "1");
    forget(rig, "/l/a", newest);
    visit.takes = -1;
    visit_take(&visit);
    must_say_missing(&visit, newest);
    newest = service_rig_put(rig, "/l/b", "2"); /* once is enough */
    forget(rig, "/l/c", newest);
    service_rig_put(rig, "/l/a", "second");
    visit_must_say_next(&visit, "\n{\"path\":\"/l/a\"");
    visit_must_say(&visit, "second");
    visit_leave(&visit);
    assert_false(visit.ended);
}

/* One that comes back with an index of before is told none that is lower. */
static void who_comes_back_to_what_is_forgotten_is_told_no_lower_index(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = lines;
    char query[64], value[256], expected[32];
    uint64_t seen = service_rig_put(rig, "/l/a", "first");
    uint64_t newest = service_rig_put(rig, "/l/b", "1");
    forget(rig, "/l/a", newest);
    snprintf(query, sizeof query, "index=%llu", (unsigned long long)seen);
    snprintf(expected, sizeof expected, "%llu", (unsigned long long)newest);
    cgi.query = text_of(query);
    service_rig_serve(rig, &visit, &cgi);
    assert_string_equal(visit_header(&visit, "X-Polling-Index", value), expected);
    must_say_missing(&visit, newest);
    service_rig_put(rig, "/l/a", "second");
    visit_must_say(&visit, "second");
    visit_leave(&visit);
    assert_false(visit.ended);
}

/* RFC 9110 section 13.1: as of any GET. */
static void a_condition_that_does_not_hold_begins_no_stream(void **state)
{
    static const char *const paths[] = {"/l/a", "/l"}, *const methods[] = {"GET", "HEAD"};
    struct service_rig *rig = *state;
    struct visit visit;
    char tag[32];
    int len = snprintf(tag, sizeof tag, "\"%llu\"",
                       (unsigned long long)service_rig_put(rig, "/l/a", "1"));
    for (int i = 0; i < 4; i++) {
        struct cgi cgi = {.method = text_of(methods[i / 2]),
                          .script_name = text_of(paths[i % 2]),
                          .scope = i % 2 == 1 ? TEXT("below") : TEXT(""),
                          .accept = TEXT("application/x-ndjson"),
                          .if_match = TEXT("\"1\"")};
        assert_int_equal(service_rig_ask(rig, &visit, &cgi), 412);
        cgi.accept = TEXT("text/event-stream");
        assert_int_equal(service_rig_ask(rig, &visit, &cgi), 412);
        cgi.stream = TEXT("off"); /* what can't be had at all is said first */
        assert_int_equal(service_rig_ask(rig, &visit, &cgi), 406);
        cgi.stream = TEXT("");
        cgi.if_match = (struct text){NULL, 0};
        cgi.if_unmodified_since = TEXT("Thu, 01 Jan 1970 00:00:00 GMT");
        assert_int_equal(service_rig_ask(rig, &visit, &cgi), 412);
    }
    struct cgi cgi = lines;
    cgi.if_match = (struct text){tag, (size_t)len};
    service_rig_serve(rig, &visit, &cgi);
    assert_int_equal(visit.status, 200);
    visit_must_say(&visit, "{\"path\":\"/l/a\"");
    visit_leave(&visit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        service_rig_test(at_its_end_nothing_else_is_said, &rules),
        service_rig_test(who_is_slow_comes_to_the_end_as_well, &rules),
        service_rig_test(a_deadline_ends_who_is_slow, &long_rules),
        service_rig_test(who_is_slow_is_told_that_it_was_deleted_and_forgotten,
                         &long_rules),
        service_rig_test(who_comes_back_to_what_is_forgotten_is_told_no_lower_index,
                         &long_rules),
        service_rig_test(a_condition_that_does_not_hold_begins_no_stream, &long_rules),
        service_rig_test(others_have_their_turn_between, &long_rules),
    };
    return cmocka_run_group_tests_name("service/stream", tests, NULL, NULL);
}
