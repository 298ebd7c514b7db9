/* SPDX-License-Identifier: ISC */
/* A store whose engine does not answer in time: what each kind of client is told. */
#include "service/service_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/thread.h"
#include "must.h"
#include "service_rig.h"
#include "store/backend.h"

static const struct service_rules rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                           .wait_max = 60 * NANOS_PER_SECOND,
                                           .max_waiting = 100,
                                           .limit_body = 100,
                                           .limit_path = 100,
                                           .limit_changes = 10,
                                           .limit_answer = 1000,
                                           .stream_max = 600 * NANOS_PER_SECOND,
                                           .stream_heartbeat = 600 * NANOS_PER_SECOND,
                                           .cache_control = "no-store"};

/* Over the rig's own store. */
struct far_store {
    struct store store; /* first: the backend is given it */
    struct store *near;
    bool answers;
    bool is_silent;      /* so long that nobody knows how new the state is */
    struct fence *fence; /* of one request at a time */
};

static struct far_store far;

static void far_propose(struct store *store, struct edit *edits, size_t count)
{
    (void)store;
    store_commit(far.near, edits, count);
}

static bool far_reached(struct store *store, uint64_t index)
{
    (void)store;
    return far.answers || (!far.is_silent && index <= store_index(far.near));
}

static void far_fence(struct store *store, struct fence *fence)
{
    (void)store;
    far.fence = fence;
}

static void far_close(struct store *store)
{
    (void)store;
    store_close(&far.near);
}

static const struct store_backend backend = {.type = "far",
                                             .propose = far_propose,
                                             .reached = far_reached,
                                             .fence = far_fence,
                                             .close = far_close};

static int start(void **state)
{
    struct service_rig *rig = malloc(sizeof *rig);
    must(rig != NULL, "no memory");
    service_rig_open(rig, &rules);
    service_rig_put(rig, "/l/a", "here");
    far = (struct far_store){.near = rig->store};
    store_init(&far.store, &backend, &rig->store->view);
    atomic_store(&far.store.index, store_index(far.near));
    rig->store = &far.store;
    rig->service->store = rig->store;
    *state = rig;
    return 0;
}

/* Of a machine that is ahead of ours. */
static struct cgi ask_ahead(const char *accept, const char *scope)
{
    static char query[64];
    snprintf(query, sizeof query, "index=%llu",
             (unsigned long long)store_index(far.near) + 5);
    return (struct cgi){.method = TEXT("GET"),
                        .script_name = text_of(scope[0] == 'b' ? "/l" : "/l/a"),
                        .query = text_of(query),
                        .accept = text_of(accept),
                        .scope = text_of(scope)};
}

static void serve(struct service_rig *rig, struct visit *visit, const struct cgi *cgi,
                  bool reached)
{
    far.fence = NULL;
    service_rig_serve(rig, visit, cgi);
    must(far.fence != NULL, "it was not waited for");
    far.fence->done(far.fence, reached);
}

static void who_polls_keeps_its_index(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = ask_ahead("*/*", "resource");
    serve(rig, &visit, &cgi, false);
    assert_int_equal(visit_await(&visit), 304);
}

/* By the time that it is given up. */
static void who_was_caught_up_with_is_answered(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char query[64];
    struct cgi cgi = ask_ahead("*/*", "resource");
    snprintf(query, sizeof query, "index=%llu",
             (unsigned long long)store_index(far.near) + 1);
    cgi.query = text_of(query);
    far.fence = NULL;
    service_rig_serve(rig, &visit, &cgi);
    must(far.fence != NULL, "it was not waited for");
    service_rig_put(rig, "/l/a", "new");
    service_rig_put(rig, "/l/a", "newer");
    atomic_store(&far.store.index, store_index(far.near));
    far.fence->done(far.fence, false);
    assert_int_equal(visit_await(&visit), 200);
}

/* One that is no index of ours is none to keep. */
static void who_has_no_index_of_ours_is_told_to_try_again(void **state)
{
    static const char *const queries[] = {"", "wait=30s", "index=none",
                                          "index=18446744073709551615"};
    struct service_rig *rig = *state;
    struct visit visit;
    char value[256];
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct cgi cgi = ask_ahead("*/*", "resource");
        cgi.query = text_of(queries[i]);
        far.is_silent = true;
        serve(rig, &visit, &cgi, false);
        assert_int_equal(visit_await(&visit), 503);
        assert_string_equal(visit_header(&visit, "Retry-After", value), "5");
        assert_null(visit_header(&visit, "X-Polling-Index", value));
    }
}

/* Any status but 200 would end it for good, and what is here is too old for it. */
static void who_wants_events_is_told_to_come_back(void **state)
{
    static const char *const scopes[] = {"resource", "below"};
    struct service_rig *rig = *state;
    struct visit visit;
    char value[256];
    unsigned retry;
    for (size_t i = 0; i < 2; i++) {
        struct cgi cgi = ask_ahead("text/event-stream", scopes[i]);
        serve(rig, &visit, &cgi, false);
        assert_int_equal(visit_await(&visit), 200);
        assert_string_equal(visit_header(&visit, "Content-Type", value),
                            "text/event-stream");
        must(sscanf(visit.body, ":\nretry: %u", &retry) == 1 && retry >= 5000,
             "it says %s", visit.body);
        assert_null(strstr(visit.body, "data"));
        assert_false(visit.is_stream); /* that was all */
        cgi.method = TEXT("HEAD");
        serve(rig, &visit, &cgi, false);
        assert_int_equal(visit_await(&visit), 200);
        assert_int_equal(visit.body_len, 0);
    }
}

static void who_wants_lines_is_told_why(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char value[256];
    struct cgi cgi = ask_ahead("application/x-ndjson", "below");
    serve(rig, &visit, &cgi, false);
    assert_int_equal(visit_await(&visit), 503);
    assert_string_equal(visit_header(&visit, "Retry-After", value), "5");
}

static void where_streams_are_off_it_is_a_poll(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = ask_ahead("text/event-stream", "resource");
    cgi.stream = TEXT("off");
    serve(rig, &visit, &cgi, false);
    assert_int_equal(visit_await(&visit), 304);
}

static void once_it_is_reached_the_stream_begins(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = ask_ahead("text/event-stream", "resource");
    serve(rig, &visit, &cgi, true);
    assert_int_equal(visit.status, 200);
    assert_true(visit.is_stream);
    visit_must_say(&visit, "data: here\n\n");
    visit_leave(&visit);
    assert_false(visit.ended);
}

/* Asks with an index that the state has, waits at the fence, and is held then: `most`
 * from before that. */
static void must_be_held(struct service_rig *rig, const struct cgi *cgi, nanos most)
{
    struct visit visit;
    far.fence = NULL;
    service_rig_serve(rig, &visit, cgi);
    must(far.fence != NULL, "it was not waited for");
    nanos ends = instant_after(clock_now(), most).at;
    thread_pause(200 * NANOS_PER_MS);
    far.fence->done(far.fence, true);
    must(!visit_is_answered(&visit), "it got %d", visit.status);
    assert_true(visit.request.waiter.deadline.at <= ends);
    assert_true(visit_hang_up(&visit));
}

static void what_a_fence_took_is_a_part_of_the_wait(void **state)
{
    struct service_rig *rig = *state;
    char query[64], expires[32];
    struct cgi cgi = ask_ahead("*/*", "resource");
    far.is_silent = true;
    snprintf(query, sizeof query, "index=%llu&wait=50s",
             (unsigned long long)store_index(far.near));
    cgi.query = text_of(query);
    must_be_held(rig, &cgi, 50 * NANOS_PER_SECOND);
    nanos now = clock_wall(), end = now / NANOS_PER_SECOND + 40;
    snprintf(expires, sizeof expires, "%lld", (long long)end);
    cgi.expires = text_of(expires);
    must_be_held(rig, &cgi, end * NANOS_PER_SECOND - now);
}

static void who_leaves_at_a_fence_is_not_held_afterwards(void **state)
{
    static const char *const accepts[] = {"*/*", "text/event-stream"};
    struct service_rig *rig = *state;
    char query[64];
    for (size_t i = 0; i < sizeof accepts / sizeof *accepts; i++) {
        struct visit visit;
        struct cgi cgi = ask_ahead(accepts[i], "resource");
        snprintf(query, sizeof query, "index=%llu&wait=60s",
                 (unsigned long long)store_index(far.near));
        cgi.query = text_of(query);
        far.is_silent = true;
        far.fence = NULL;
        service_rig_serve(rig, &visit, &cgi);
        must(far.fence != NULL, "it was not waited for");
        assert_false(service_hangup(&visit.request)); /* the store has it */
        far.fence->done(far.fence, true);
        assert_int_equal(counter_read(&rig->counters.waiting), 0);
        must(i > 0 || (visit.answers == 1 && visit.gone), "it was answered");
        must(i == 0 || visit.ended, "the stream goes on");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, service_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_polls_keeps_its_index),
        TEST(who_was_caught_up_with_is_answered),
        TEST(who_has_no_index_of_ours_is_told_to_try_again),
        TEST(who_wants_events_is_told_to_come_back),
        TEST(who_wants_lines_is_told_why),
        TEST(where_streams_are_off_it_is_a_poll),
        TEST(once_it_is_reached_the_stream_begins),
        TEST(what_a_fence_took_is_a_part_of_the_wait),
        TEST(who_leaves_at_a_fence_is_not_held_afterwards),
    };
    return cmocka_run_group_tests_name("service/fence", tests, NULL, NULL);
}
