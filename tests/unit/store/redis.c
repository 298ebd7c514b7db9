/* SPDX-License-Identifier: ISC */
/* Several machines over one Redis: each a store with a tree of its own. What all stores
 * promise is tried in promises.c. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"
#include "fcgiwait/view.h"
#include "must.h"
#include "redis_server.h"
#include "store_rig.h"

enum { MACHINES = 3 };

static struct redis_server server;
static struct store_options options = {.type = "redis", .patience = 3 * NANOS_PER_SECOND};
static struct store_rig machines[MACHINES];

static int begin(bool durable)
{
    redis_server_start(&server, durable);
    options.url = server.url;
    for (int i = 0; i < MACHINES; i++) {
        store_rig_open(&machines[i], &options);
        machines[i].may_go_back = true;
    }
    return 0;
}

static int start(void **state)
{
    (void)state;
    return begin(false);
}

static int start_durable(void **state)
{
    (void)state;
    return begin(true);
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        store_rig_close(&machines[i]);
    redis_server_stop(&server);
    return 0;
}

static void all_have(const char *path, const char *body)
{
    for (int i = 0; i < MACHINES; i++)
        store_rig_await_body(&machines[i], path, body);
    for (int i = 1; i < MACHINES; i++) {
        for (int tries = 0; tries < 1000 && store_rig_index(&machines[i], path) !=
                                                store_rig_index(&machines[0], path);
             tries++)
            thread_pause(10 * NANOS_PER_MS);
        assert_int_equal(store_rig_index(&machines[i], path),
                         store_rig_index(&machines[0], path));
    }
}

/* A change goes through again, at the latest within a minute. */
static uint64_t put_at_last(struct store_rig *store_rig, const char *path,
                            const char *body)
{
    for (int i = 0; i < 600; i++) {
        struct edited edited = store_rig_put(store_rig, path, "x/y", body);
        if (edited.result == EDIT_CREATED || edited.result == EDIT_CHANGED ||
            edited.result == EDIT_SAME)
            return edited.index;
        thread_pause(100 * NANOS_PER_MS);
    }
    must(false, "no change goes through");
    return 0;
}

/* --- one state --- */

static void what_one_publishes_all_have(void **state)
{
    char body[16];
    uint64_t last = 0;
    (void)state;
    for (int i = 0; i < 60; i++) {
        snprintf(body, sizeof body, "%d", i);
        struct edited edited =
            store_rig_put(&machines[i % MACHINES], "/a/b", "x/y", body);
        assert_int_equal(edited.result, i == 0 ? EDIT_CREATED : EDIT_CHANGED);
        assert_true(edited.index > last);
        last = edited.index;
        all_have("/a/b", body);
    }
    assert_int_equal(store_rig_delete(&machines[1], "/a/b").result, EDIT_CHANGED);
    all_have("/a/b", "");
}

struct writer {
    pthread_t thread;
    struct store_rig *store_rig;
    int rounds, unsure;
};

/* A counter that everybody raises on condition. */
static void *raise_a_counter(void *context)
{
    struct writer *writer = context;
    for (int i = 0; i < writer->rounds;) {
        char body[32], tag[32];
        uint64_t index = store_rig_look(writer->store_rig, "/n", body, sizeof body);
        snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)index);
        snprintf(body, sizeof body, "%d", atoi(body) + 1);
        struct edit edit = {.kind = EDIT_PUT,
                            .path = TEXT("/n"),
                            .document = document_new(TEXT("x/y"), text_of(body)),
                            .conditions.if_match = text_of(tag)};
        enum edit_result result = store_rig_edit(writer->store_rig, &edit).result;
        must(result == EDIT_CHANGED || result == EDIT_CONFLICT || result == EDIT_FAILED ||
                 result == EDIT_UNSURE,
             "result %d", (int)result);
        writer->unsure += result == EDIT_UNSURE;
        i += result == EDIT_CHANGED;
    }
    return NULL;
}

static int run_writers(struct writer writers[2 * MACHINES], int rounds)
{
    for (int i = 0; i < 2 * MACHINES; i++) {
        writers[i] =
            (struct writer){.store_rig = &machines[i % MACHINES], .rounds = rounds};
        pthread_create(&writers[i].thread, NULL, raise_a_counter, &writers[i]);
    }
    return 2 * MACHINES * rounds;
}

static int join_writers(struct writer writers[2 * MACHINES])
{
    int unsure = 0;
    for (int i = 0; i < 2 * MACHINES; i++) {
        pthread_join(writers[i].thread, NULL);
        unsure += writers[i].unsure;
    }
    return unsure;
}

static void conditional_puts_of_several_lose_no_update(void **state)
{
    struct writer writers[2 * MACHINES];
    char expected[32];
    (void)state;
    store_rig_put(&machines[0], "/n", "x/y", "0");
    all_have("/n", "0");
    int sum = run_writers(writers, 40);
    assert_int_equal(join_writers(writers), 0);
    snprintf(expected, sizeof expected, "%d", sum);
    all_have("/n", expected);
}

/* --- traces --- */

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"

/* What is logged at "debug", of all of them. */
static int stderr_before, heard_file;
static char heard[16384];

static int start_heard(void **state)
{
    fflush(stderr);
    stderr_before = dup(STDERR_FILENO);
    heard_file = memfd_create("log", MFD_CLOEXEC);
    must(dup2(heard_file, STDERR_FILENO) >= 0, "no standard error");
    log_set_level(LOG_LEVEL_DEBUG);
    return start(state);
}

static int stop_heard(void **state)
{
    log_set_level(LOG_LEVEL_INFO);
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    close(heard_file);
    return stop(state);
}

static int times_heard(const char *what)
{
    int count = 0;
    ssize_t n = pread(heard_file, heard, sizeof heard - 1, 0);
    heard[n > 0 ? n : 0] = '\0';
    for (const char *at = heard; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void put_traced(struct store_rig *store_rig, const char *path)
{
    char line[128];
    struct edit edit = {.kind = EDIT_PUT,
                        .path = text_of(path),
                        .document = document_new(TEXT("x/y"), TEXT("1")),
                        .trace = TEXT(ID)};
    snprintf(line, sizeof line, "debug: change %llu: trace " ID ", %s\n",
             (unsigned long long)store_rig_edit(store_rig, &edit).index, path);
    for (int i = 0; i < 6000 && times_heard(line) < MACHINES; i++)
        thread_pause(10 * NANOS_PER_MS);
    assert_int_equal(times_heard(line), MACHINES);
}

static void a_trace_goes_to_all_with_its_change(void **state)
{
    (void)state;
    put_traced(&machines[0], "/a");
    assert_true(redis_server_says(&server, "XREVRANGE {fcgiwait}:log + - COUNT 1", ID));
    store_rig_put(&machines[1], "/b", "x/y", "1");
    assert_false(
        redis_server_says(&server, "XREVRANGE {fcgiwait}:log + - COUNT 1", "trace"));
    /* By somebody else, with a field that is not known here. */
    redis_server_say(
        &server,
        "EVAL \"local n = tonumber(redis.call('HGET', '{fcgiwait}:state', 'newest')) "
        "local function t(i) return string.format('%.0f', n + i) end "
        "redis.call('ZADD', '{fcgiwait}:index', t(1), '/forged') "
        "redis.call('HSET', '{fcgiwait}:state', 'newest', t(1)) "
        "redis.call('XADD', '{fcgiwait}:log', t(1) .. '-0', 'what', 'put', 'before', "
        "t(0), 'path', '/forged', 'at', '5', 'type', 'x/y', 'body', '1', 'later', '1', "
        "'trace', 'forged') return 1\" 0");
    all_have("/forged", "1");
    put_traced(&machines[2], "/c"); /* whatever was before it has been told */
    assert_int_equal(times_heard(": trace "), 2 * MACHINES);
}

/* --- who comes later --- */

static _Atomic bool writing;

static void *write_on(void *context)
{
    char path[32], body[32];
    (void)context;
    for (int i = 0; writing; i++) {
        snprintf(path, sizeof path, "/p/%d", i % 500);
        snprintf(body, sizeof body, "%d", i);
        must(store_rig_put(&machines[0], path, "x/y", body).result != EDIT_FAILED, "%s",
             path);
    }
    return NULL;
}

static void a_new_machine_has_all_of_it_while_writes_go_on(void **state)
{
    struct store_rig late;
    pthread_t writer;
    char path[32], body[32], expected[32];
    (void)state;
    store_rig_put(&machines[0], "/first", "x/y", "1");
    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof path, "/p/%d", i);
        store_rig_put(&machines[0], path, "x/y", "x");
    }
    writing = true;
    pthread_create(&writer, NULL, write_on, NULL);
    for (int round = 0; round < 5; round++) {
        uint64_t before = store_index(machines[0].store);
        store_rig_open(&late, &options);
        assert_true(store_index(late.store) >= before);
        assert_int_equal(tree_resources(late.tree), 501);
        store_rig_close(&late);
    }
    writing = false;
    pthread_join(writer, NULL);
    store_rig_open(&late, &options);
    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof path, "/p/%d", i);
        uint64_t index = store_rig_look(&machines[0], path, expected, sizeof expected);
        assert_int_equal(store_rig_look(&late, path, body, sizeof body), index);
        assert_string_equal(body, expected);
    }
    store_rig_close(&late);
}

/* A page ends before it gets too long. */
static void a_new_machine_has_large_documents(void **state)
{
    enum { LARGE = 700000, MANY = 7 };
    struct store_rig late;
    char path[32], *body = malloc(LARGE + 1);
    (void)state;
    must(body != NULL, "no memory");
    body[LARGE] = '\0';
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        memset(body, 'a' + i, LARGE);
        store_rig_put(&machines[0], path, "x/y", body);
        store_rig_touch(&machines[0], "/t");
    }
    store_rig_open(&late, &options);
    for (int i = 0; i < MANY; i++) {
        struct present present;
        snprintf(path, sizeof path, "/l/%d", i);
        tree_look(late.tree, text_of(path), SCOPE_SELF, &present);
        assert_int_equal(present.document->body.len, LARGE);
        assert_int_equal(present.document->body.at[LARGE - 1], 'a' + i);
        present_dispose(&present);
    }
    assert_int_equal(store_rig_index(&late, "/t"), store_rig_index(&machines[0], "/t"));
    assert_int_equal(store_born(late.store), store_born(machines[0].store));
    store_rig_close(&late);
    free(body);
}

static void a_new_machine_tells_what_was_deleted_from_what_was_touched(void **state)
{
    static const char *const paths[] = {"/touched", "/deleted", "/both", "/again"};
    struct store_rig late;
    (void)state;
    for (int i = 1; i < 4; i++) {
        store_rig_put(&machines[0], paths[i], "x/y", "1");
        store_rig_delete(&machines[0], paths[i]);
    }
    store_rig_touch(&machines[0], "/touched");
    store_rig_touch(&machines[0], "/both");
    store_rig_put(&machines[0], "/again", "x/y", "1");
    store_rig_open(&late, &options);
    for (int i = 0; i < 4; i++) {
        struct present before, after;
        tree_look(machines[0].tree, text_of(paths[i]), SCOPE_SELF, &before);
        tree_look(late.tree, text_of(paths[i]), SCOPE_SELF, &after);
        assert_int_equal(after.index, before.index);
        assert_int_equal(after.deleted, before.deleted);
        assert_int_equal(after.deleted, i == 1 || i == 2);
        present_dispose(&before);
        present_dispose(&after);
    }
    store_rig_close(&late);
}

/* Changes whose entries the engine no longer has, as for who was away for long. */
static void who_was_away_for_long_is_told_what_differs(void **state)
{
    (void)state;
    store_rig_put(&machines[0], "/same", "x/y", "1");
    store_rig_put(&machines[0], "/forgotten", "x/y", "1");
    all_have("/forgotten", "1");
    size_t changes = machines[1].changes;
    redis_server_say(
        &server,
        "EVAL \"local n = tonumber(redis.call('HGET', '{fcgiwait}:state', 'newest')) "
        "local function t(i) return string.format('%.0f', n + i) end "
        "redis.call('ZADD', '{fcgiwait}:index', t(1), '/away') "
        "redis.call('HSET', '{fcgiwait}:times', '/away', '5') "
        "redis.call('HSET', '{fcgiwait}:docs', '/away', 'x/y' .. string.char(10) .. '2') "
        "redis.call('ZREM', '{fcgiwait}:index', '/forgotten') "
        "redis.call('HDEL', '{fcgiwait}:docs', '/forgotten') "
        "redis.call('HSET', '{fcgiwait}:state', 'newest', t(3), 'forgotten', t(2)) "
        "return 1\" 0");
    store_rig_put(&machines[0], "/b", "x/y", "1");
    all_have("/b", "1");
    all_have("/away", "2");
    all_have("/forgotten", "");
    all_have("/same", "1");
    /* /away, /forgotten, everything behind origins, what is forgotten, /b */
    assert_true(machines[1].changes - changes <= 6);
}

/* Where nothing else comes, it is not told before what came ahead of it. */
static void what_is_forgotten_waits_for_what_we_missed(void **state)
{
    struct tree_span span;
    (void)state;
    store_rig_put(&machines[0], "/a", "x/y", "1");
    all_have("/a", "1");
    uint64_t known = store_index(machines[0].store);
    redis_server_say(
        &server,
        "EVAL \"local n = tonumber(redis.call('HGET', '{fcgiwait}:state', 'newest')) "
        "local function t(i) return string.format('%.0f', n + i) end "
        "redis.call('ZADD', '{fcgiwait}:index', t(1), '/away') "
        "redis.call('HSET', '{fcgiwait}:times', '/away', '5') "
        "redis.call('HSET', '{fcgiwait}:docs', '/away', 'x/y' .. string.char(10) .. '2') "
        "redis.call('HSET', '{fcgiwait}:state', 'newest', t(3), 'forgotten', t(2)) "
        "redis.call('XADD', '{fcgiwait}:log', t(3) .. '-1', 'what', 'forget', 'upto', "
        "t(2)) return 1\" 0");
    for (int i = 0; i < MACHINES; i++) {
        struct instant began = clock_now();
        do {
            must(clock_now().at - began.at < 60 * NANOS_PER_SECOND, "it is not told");
            thread_pause(NANOS_PER_MS);
            tree_span(machines[i].tree, &span);
        } while (span.horizon <= known);
        assert_int_equal(store_rig_index(&machines[i], "/away"), known + 1);
    }
}

/* --- what is decided without having heard --- */

/* Another machine's change, of which no follower hears before it looks of its own. */
static void change_unheard(const char *path, const char *document)
{
    char command[640];
    snprintf(command, sizeof command,
             "EVAL \"local n = tonumber(redis.call('HGET', '{fcgiwait}:state', "
             "'newest')) + 1 n = string.format('%%.0f', n) "
             "redis.call('ZADD', '{fcgiwait}:index', n, '%s') "
             "redis.call('HSET', '{fcgiwait}:times', '%s', '5') "
             "redis.call('HSET', '{fcgiwait}:docs', '%s', 'application/json' .. "
             "string.char(10) .. '%s') "
             "redis.call('HSET', '{fcgiwait}:state', 'newest', n) return 1\" 0",
             path, path, path, document);
    redis_server_say(&server, command);
}

static void count_down(struct edit *edit)
{
    sem_post(edit->context);
}

/* Both in one call. */
static void commit_both(struct edit edits[2])
{
    sem_t done;
    sem_init(&done, 0, 0);
    for (int i = 0; i < 2; i++) {
        edits[i].done = count_down;
        edits[i].context = &done;
    }
    store_commit(machines[0].store, edits, 2);
    for (int i = 0; i < 2;)
        i += sem_wait(&done) == 0;
    sem_destroy(&done);
    for (int i = 0; i < 2; i++)
        document_unref(&edits[i].document);
}

/* A touch, and behind it what was decided on a document that is no more. */
static void a_touch_vouches_for_nothing(void **state)
{
    static const char *const documents[] = {"[1]", "[2]", "[3]"};
    static const char *const seen = "{\"a\":1}";
    (void)state;
    for (int i = 0; i < 2; i++)
        store_rig_put(&machines[0], i == 0 ? "/patch" : "/put", "application/json", seen);
    change_unheard("/patch", "{\\\"a\\\":1,\\\"b\\\":1}");
    struct edit patch[2] = {{.kind = EDIT_TOUCH, .path = TEXT("/patch")},
                            {.kind = EDIT_PATCH,
                             .path = TEXT("/patch"),
                             .patch = TEXT("{\"c\":1}"),
                             .most = 1000}};
    commit_both(patch);
    assert_int_equal(patch[1].result, EDIT_CHANGED);
    all_have("/patch", "{\"a\":1,\"b\":1,\"c\":1}");
    change_unheard("/put", documents[0]);
    struct edit put[2] = {
        {.kind = EDIT_TOUCH, .path = TEXT("/put")},
        {.kind = EDIT_PUT,
         .path = TEXT("/put"),
         .document = document_new(TEXT("application/json"), text_of(seen))}};
    commit_both(put);
    assert_int_equal(put[1].result, EDIT_CHANGED);
    all_have("/put", seen);
    change_unheard("/new", documents[1]);
    struct edit make[2] = {
        {.kind = EDIT_TOUCH, .path = TEXT("/new")},
        {.kind = EDIT_PUT,
         .path = TEXT("/new"),
         .document = document_new(TEXT("application/json"), text_of(documents[2])),
         .conditions.if_none_match = TEXT("*")}};
    commit_both(make);
    assert_int_equal(make[1].result, EDIT_CONFLICT);
    all_have("/new", documents[1]);
}

/* Not the one that it would have had, had nobody else changed anything. */
static void what_changes_nothing_tells_the_index_that_is(void **state)
{
    char body[16];
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct edit edits[2];
        snprintf(body, sizeof body, "%d", i);
        for (int k = 0; k < 2; k++)
            edits[k] =
                (struct edit){.kind = EDIT_PUT,
                              .path = TEXT("/a"),
                              .document = document_new(TEXT("x/y"), text_of(body))};
        change_unheard("/other", body);
        commit_both(edits);
        assert_int_equal(edits[0].result, i == 0 ? EDIT_CREATED : EDIT_CHANGED);
        assert_int_equal(edits[1].result, EDIT_SAME);
        assert_int_equal(edits[1].index, edits[0].index);
        assert_int_equal(store_rig_index(&machines[0], "/a"), edits[0].index);
    }
}

/* --- an engine that is lost --- */

static void an_answer_that_is_lost_is_found(void **state)
{
    struct writer writers[2 * MACHINES];
    char body[32];
    (void)state;
    store_rig_put(&machines[0], "/n", "x/y", "0");
    all_have("/n", "0");
    int sum = run_writers(writers, 60);
    for (int i = 0; i < 40; i++) {
        redis_server_say(&server, "CLIENT KILL TYPE normal SKIPME yes");
        thread_pause(25 * NANOS_PER_MS);
    }
    int unsure = join_writers(writers);
    put_at_last(&machines[0], "/end", "1");
    all_have("/end", "1");
    store_rig_look(&machines[0], "/n", body, sizeof body);
    all_have("/n", body);
    assert_in_range(atoi(body), sum, sum + unsure); /* none twice, none lost */
}

/* A machine whose follower stops in the middle of a reading by index, once. */
static struct store_view plain;
static sem_t is_reading, may_read_on;
static _Atomic bool stops;

static bool read_slowly(void *context, bool (*visit)(void *, struct text path),
                        void *visitor)
{
    if (atomic_exchange(&stops, false)) {
        sem_post(&is_reading);
        while (sem_wait(&may_read_on) != 0)
            ;
    }
    return plain.each(context, visit, visitor);
}

static void open_slow_reader(struct store_rig *rig, struct counters *counters)
{
    struct store_options slow = options;
    char error[512];
    sem_init(&is_reading, 0, 0);
    sem_init(&may_read_on, 0, 0);
    atomic_store(&stops, true);
    *rig = (struct store_rig){.tree = tree_new(1)};
    plain = view_of(rig->tree);
    slow.view = plain;
    slow.view.each = read_slowly;
    slow.patience = NANOS_PER_SECOND;
    slow.counters = counters;
    rig->store = store_open(&slow, error, sizeof error);
    must(rig->store != NULL, "%s", error);
}

/* What is made while the follower reads by index does not come by in the stream. */
static void an_answer_that_is_lost_unseen_is_not_taken_for_none(void **state)
{
    static struct counters counters;
    struct store_rig rig;
    struct errand errand;
    struct edit edit = {.kind = EDIT_PUT,
                        .path = TEXT("/a"),
                        .document = document_new(TEXT("x/y"), TEXT("1")),
                        .conditions.if_none_match = TEXT("*")};
    (void)state;
    open_slow_reader(&rig, &counters);
    store_rig_put(&rig, "/b", "x/y", "1");
    /* Two pages; in the first of them, what was forgotten. */
    redis_server_say(
        &server,
        "EVAL \"local n = tonumber(redis.call('HGET', '{fcgiwait}:state', 'newest')) "
        "local function t(i) return string.format('%.0f', n + i) end "
        "for i = 1, 3 do "
        "redis.call('ZADD', '{fcgiwait}:index', t(1 + i), '/l/' .. i) "
        "redis.call('HSET', '{fcgiwait}:docs', '/l/' .. i, 'x/y' .. string.char(10) .. "
        "string.rep('x', 700000)) end "
        "redis.call('HSET', '{fcgiwait}:state', 'newest', t(4), 'forgotten', t(1)) "
        "return 1\" 0");
    while (sem_wait(&is_reading) != 0)
        ;
    int64_t connects = counter_read(&counters.engine_connects);
    kill(server.pid, SIGSTOP);
    store_rig_send(&rig, &errand, &edit);
    for (int i = 0; i < 6000 && counter_read(&counters.engine_connects) == connects; i++)
        thread_pause(10 * NANOS_PER_MS); /* its connection is given up */
    kill(server.pid, SIGCONT);
    for (int i = 0;
         i < 100 && !redis_server_says(&server, "HEXISTS {fcgiwait}:docs /a", ":1"); i++)
        thread_pause(10 * NANOS_PER_MS);
    sem_post(&may_read_on);
    enum edit_result result = store_rig_await(&errand).result;
    must(result != EDIT_CONFLICT, "its own change was in its way");
    store_rig_await_body(&rig, "/b", "1");
    store_rig_close(&rig);
    sem_destroy(&is_reading);
    sem_destroy(&may_read_on);
}

/* Short patches of a long document, which makes each of them as long. */
static void patches_of_large_documents_go_in_parts(void **state)
{
    enum { LARGE = 1 << 20, MANY = 56, PARTS = MANY / 9 };
    static struct errand errands[MANY];
    static char patches[MANY][32];
    char *body = malloc(LARGE + 1), line[64];
    size_t made = 0, unsure = 0;
    bool few = false;
    (void)state;
    must(body != NULL, "no memory");
    memset(body, 'a', LARGE);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + LARGE - 2, "\"}", 3);
    store_rig_put(&machines[0], "/a", "application/json", body);
    free(body);
    for (int i = 1; i < MACHINES; i++)
        store_rig_close(&machines[i]);
    redis_server_say(&server, "CONFIG RESETSTAT");
    kill(server.pid, SIGSTOP);
    for (int i = 0; i < MANY; i++) {
        snprintf(patches[i], sizeof patches[i], "{\"%d\":%d}", i, i);
        store_rig_send(&machines[0], &errands[i],
                       &(struct edit){.kind = EDIT_PATCH,
                                      .path = TEXT("/a"),
                                      .patch = text_of(patches[i]),
                                      .most = 2 * LARGE});
    }
    kill(server.pid, SIGCONT);
    for (int i = 0; i < MANY; i++) {
        enum edit_result result = store_rig_await(&errands[i]).result;
        made += result == EDIT_CHANGED;
        unsure += result == EDIT_UNSURE || result == EDIT_FAILED; /* in time */
    }
    assert_int_equal(made + unsure, MANY);
    redis_server_await(&server, "INFO commandstats", "cmdstat_evalsha:calls=");
    for (int i = 0; i < PARTS; i++) {
        snprintf(line, sizeof line, "cmdstat_evalsha:calls=%d,", i);
        few = few || redis_server_says(&server, "INFO commandstats", line);
    }
    must(made < MANY || !few, "all in few calls");
}

static void a_frozen_engine_refuses_changes_in_time(void **state)
{
    char body[8];
    (void)state;
    store_rig_put(&machines[0], "/a", "x/y", "1");
    kill(server.pid, SIGSTOP);
    struct instant began = clock_now();
    enum edit_result result = store_rig_put(&machines[0], "/a", "x/y", "2").result;
    assert_true(result == EDIT_UNSURE || result == EDIT_FAILED);
    assert_true(clock_now().at - began.at < 15 * NANOS_PER_SECOND);
    store_rig_look(&machines[0], "/a", body, sizeof body);
    assert_string_equal(body, "1");
    kill(server.pid, SIGCONT);
    put_at_last(&machines[0], "/a", "3");
    all_have("/a", "3");
}

/* Touches, each path once; documents are refused. */
static void touches_are_kept_while_the_engine_is_away(void **state)
{
    struct errand errands[3];
    (void)state;
    put_at_last(&machines[0], "/a", "1");
    all_have("/a", "1");
    assert_true(store_answers(machines[0].store));
    redis_server_kill(&server);
    store_rig_send(&machines[0], &errands[0],
                   &(struct edit){.kind = EDIT_TOUCH, .path = TEXT("/a")});
    store_rig_send(&machines[0], &errands[1],
                   &(struct edit){.kind = EDIT_TOUCH, .path = TEXT("/a")});
    store_rig_send(&machines[0], &errands[2],
                   &(struct edit){.kind = EDIT_EVERYTHING, .path = TEXT("/list")});
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_rig_await(&errands[i]).result, EDIT_KEPT);
    assert_int_equal(store_rig_put(&machines[0], "/a", "x/y", "2").result, EDIT_FAILED);
    for (int i = 0; i < 6000 && store_answers(machines[0].store); i++)
        thread_pause(10 * NANOS_PER_MS);
    assert_false(store_answers(machines[0].store)); /* once the patience is over */
    redis_server_restart(&server, false);
    /* Behind the new beginning: nobody has published anything. */
    for (int i = 0; i < 6000 && store_rig_index(&machines[2], "/a") + 3 <
                                    store_index(machines[2].store);
         i++)
        thread_pause(10 * NANOS_PER_MS);
    struct present list;
    for (int i = 0; i < 6000; i++) {
        uint64_t touched =
            store_rig_index(&machines[2], "/a"); /* before: it is the last */
        tree_look(machines[2].tree, TEXT("/list/x"), SCOPE_BELOW, &list);
        present_dispose(&list);
        if (touched > list.index && tree_marks(machines[2].tree) == 1)
            break;
        thread_pause(10 * NANOS_PER_MS);
    }
    assert_int_equal(tree_marks(machines[2].tree), 1);
    /* Once each, and what is named behind what is not. */
    assert_int_equal(store_rig_index(&machines[2], "/a"), list.index + 1);
    for (int i = 0; i < 6000 && !store_answers(machines[0].store); i++)
        thread_pause(10 * NANOS_PER_MS);
    assert_true(store_answers(machines[0].store));
    all_have("/a", "1");
}

/* Who brings an index of before can be told one that is no lower, by all alike. */
static void all_must_remember_that_they_forgot(uint64_t last)
{
    struct store_rig late;
    struct tree_span span;
    store_rig_open(&late, &options);
    for (int i = 0; i <= MACHINES; i++) {
        struct store_rig *rig = i < MACHINES ? &machines[i] : &late;
        tree_span(rig->tree, &span);
        assert_true(span.horizon > last);
        assert_true(store_born(rig->store) != 0 && store_born(rig->store) <= last);
    }
    store_rig_close(&late);
}

static void what_was_acknowledged_survives_the_engine(void **state)
{
    uint64_t last = 0;
    char body[16];
    (void)state;
    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof body, "%d", i);
        uint64_t index = put_at_last(&machines[i % MACHINES], "/a", body);
        assert_true(index > last);
        last = index;
        redis_server_restart(&server, false);
        all_have("/a", body);
    }
    assert_true(put_at_last(&machines[0], "/b", "1") > last);
    all_have("/b", "1");
    all_must_remember_that_they_forgot(last);
}

static void an_engine_that_forgot_is_noticed(void **state)
{
    (void)state;
    store_rig_put(&machines[0], "/a", "x/y", "1");
    uint64_t last = store_rig_put(&machines[1], "/b", "x/y", "1").index;
    all_have("/b", "1");
    redis_server_restart(&server, true);
    all_have("/a", "");
    all_have("/b", "");
    for (int i = 0; i < MACHINES; i++) {
        struct present present;
        tree_look(machines[i].tree, TEXT("/any"), SCOPE_BELOW, &present);
        assert_true(present.index > last); /* everything counts as changed */
        present_dispose(&present);
    }
    all_must_remember_that_they_forgot(last);
    assert_true(put_at_last(&machines[2], "/a", "2") > last);
    all_have("/a", "2");
}

/* Under the eyes of all: no connection is lost. */
static void an_engine_that_is_emptied_is_noticed(void **state)
{
    (void)state;
    uint64_t last = store_rig_put(&machines[0], "/a", "x/y", "1").index;
    all_have("/a", "1");
    redis_server_say(&server, "FLUSHALL");
    all_have("/a", "");
    assert_true(put_at_last(&machines[2], "/a", "2") > last);
    all_have("/a", "2");
}

/* Its store began under a clock that was an hour ahead, and who comes now knows nothing
 * of what is lost. */
static void an_index_that_was_lost_is_not_given_again(void **state)
{
    struct store_rig rig;
    struct store_options named = options;
    char command[512];
    uint64_t hour = UINT64_C(3600000000), before, last;
    (void)state;
    named.name = "ahead";
    snprintf(command, sizeof command, "HSET {ahead}:state format 1 replid 0 newest %llu",
             (unsigned long long)(clock_wall() / 1000 + hour));
    redis_server_say(&server, command);
    store_rig_open(&rig, &named);
    before = store_index(rig.store);
    for (int i = 0; i < 5; i++)
        store_rig_touch(&rig, "/a");
    last = store_index(rig.store);
    store_rig_close(&rig);
    snprintf(command, sizeof command,
             "EVAL \"redis.call('DEL', '{ahead}:log') return redis.call('HSET', "
             "'{ahead}:state', 'replid', '0', 'newest', '%llu')\" 0",
             (unsigned long long)before);
    redis_server_say(&server, command);
    store_rig_open(&rig, &named);
    assert_true(last > before + 2 && store_index(rig.store) > last);
    store_rig_close(&rig);
}

/* Nobody's word but the followers' own: the proposers' connections are given up. */
static void who_only_listens_is_never_given_up(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        put_at_last(&machines[i], "/a", "1");
    all_have("/a", "1");
    uint64_t last = store_index(machines[0].store);
    redis_server_say(
        &server, "EVAL \"for _, key in ipairs(redis.call('KEYS', '*alive*')) do "
                 "redis.call('SET', key, 'another') end "
                 "redis.call('HSET', '{fcgiwait}:state', 'newest', '1') return 1\" 0");
    for (int i = 0; i < MACHINES; i++) {
        for (int tries = 0; tries < 6000 && store_index(machines[i].store) == last;
             tries++)
            thread_pause(10 * NANOS_PER_MS);
        assert_true(store_index(machines[i].store) > last);
    }
}

/* --- fences --- */

static void a_fence_opens_once_the_state_is_as_new(void **state)
{
    char body[16], now[16];
    (void)state;
    for (int i = 0; i < 50; i++) {
        snprintf(body, sizeof body, "%d", i);
        uint64_t index = store_rig_put(&machines[0], "/a", "x/y", body).index;
        assert_true(store_reached(machines[0].store, index));
        assert_true(store_reached(machines[1].store, index) ||
                    store_rig_pass(&machines[1], 0, 20 * NANOS_PER_SECOND));
        assert_int_equal(store_rig_look(&machines[1], "/a", now, sizeof now), index);
        assert_string_equal(now, body);
    }
    assert_false(store_reached(machines[1].store, store_index(machines[0].store) + 1));
    /* It was never given. */
    assert_true(store_rig_pass(&machines[1], 0, 20 * NANOS_PER_SECOND));
}

/* Long before the engine is. */
static void a_fence_is_given_up_in_time(void **state)
{
    nanos patience = options.patience;
    (void)state;
    store_rig_close(&machines[0]);
    options.patience = 30 * NANOS_PER_SECOND;
    store_rig_open(&machines[0], &options);
    options.patience = patience;
    kill(server.pid, SIGSTOP);
    struct instant began = clock_now();
    assert_false(store_rig_pass(&machines[0], 0, 100 * NANOS_PER_MS));
    assert_true(clock_now().at - began.at < 10 * NANOS_PER_SECOND);
    kill(server.pid, SIGCONT);
}

static void *look_without_time(void *context)
{
    struct store *store = machines[0].store;
    (void)context;
    while (writing)
        store_rig_pass(&machines[0], store_index(store) + 1000, 0);
    return NULL;
}

static void a_reader_without_time_lets_no_change_fail(void **state)
{
    pthread_t reader;
    char body[16];
    (void)state;
    writing = true;
    pthread_create(&reader, NULL, look_without_time, NULL);
    for (int i = 0; i < 300; i++) {
        snprintf(body, sizeof body, "%d", i);
        assert_int_equal(store_rig_put(&machines[0], "/a", "x/y", body).result,
                         i == 0 ? EDIT_CREATED : EDIT_CHANGED);
    }
    writing = false;
    pthread_join(reader, NULL);
}

/* --- what can't be opened --- */

static void must_refuse(const char *url, const char *name, const char *why)
{
    struct store_rig store_rig;
    char error[512] = "";
    struct store_options other = options;
    other.url = url;
    other.name = name;
    assert_false(store_rig_try(&store_rig, &other, error));
    must(strstr(error, why) != NULL, "%s: %s", url, error);
    must(strstr(error, "secret") == NULL, "the password is told: %s", error);
}

static void what_cannot_be_is_named(void **state)
{
    char url[64];
    (void)state;
    must_refuse("", NULL, "redis://");
    must_refuse("http://127.0.0.1/", NULL, "redis://");
    must_refuse("redis://127.0.0.1:0/", NULL, "port");
    must_refuse("redis://127.0.0.1:70000/", NULL, "port");
    must_refuse("redis://127.0.0.1:1/", NULL, "refused");
    must_refuse("redis://127.0.0.1:1/x", NULL, "database");
    snprintf(url, sizeof url, "redis://me:secret@127.0.0.1:%d/", server.port);
    must_refuse(url, NULL, "WRONGPASS");
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/99", server.port);
    must_refuse(url, NULL, "DB index");
    redis_server_say(&server, "SET {string}:state x");
    must_refuse(server.url, "string", "WRONGTYPE");
    redis_server_say(&server, "HSET {other}:state user 7");
    must_refuse(server.url, "other", "another application");
}

static void note(void *context, const char *what)
{
    snprintf(context, 512, "%s", what);
}

static void must_check(const char *url, enum store_checked checked, const char *why)
{
    char said[512] = "";
    struct store_options other = options;
    other.url = url;
    assert_int_equal(store_check(&other, note, said), checked);
    must(strstr(said, why) != NULL, "%s: %s", url, said);
    must(strstr(said, "secret") == NULL, "the password is told: %s", said);
}

static void what_can_be_no_url_is_named_before_a_start(void **state)
{
    (void)state;
    must_check("", STORE_WRONG, "store.url does not begin with redis://");
    must_check("postgresql://me:secret@127.0.0.1/", STORE_WRONG, "redis://");
    must_check("redis:/me:secret@127.0.0.1/", STORE_WRONG, "redis://");
    must_check("redis://127.0.0.1:70000/", STORE_WRONG, "port");
    must_check("redis://me:secret@127.0.0.1:1/x", STORE_WRONG, "database");
    must_check("redis+unix:", STORE_WRONG, "store.url");
    must_check("redis+sentinel://127.0.0.1:0/", STORE_WRONG, "port");
    /* Nobody is asked. */
    must_check("redis://me:secret@127.0.0.1:1/", STORE_GOOD, "");
    must_check(NULL, STORE_WRONG, "redis://");
}

static void stores_of_other_names_share_an_engine(void **state)
{
    struct store_rig other;
    struct store_options named = options;
    (void)state;
    named.name = "other";
    store_rig_open(&other, &named);
    store_rig_put(&machines[0], "/a", "x/y", "1");
    all_have("/a", "1");
    store_rig_put(&other, "/a", "x/y", "2");
    store_rig_await_body(&other, "/a", "2");
    all_have("/a", "1");
    store_rig_close(&other);
}

static void a_socket_leads_there_too(void **state)
{
    struct store_rig other;
    struct store_options by_socket = options;
    char url[128];
    (void)state;
    snprintf(url, sizeof url, "redis+unix:%s/redis.sock", server.dir);
    by_socket.url = url;
    store_rig_open(&other, &by_socket);
    store_rig_put(&other, "/a", "x/y", "1");
    all_have("/a", "1");
    store_rig_close(&other);
    must_refuse("redis+unix:/nowhere/redis.sock", NULL, "No such file");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(what_one_publishes_all_have),
        TEST(conditional_puts_of_several_lose_no_update),
        cmocka_unit_test_setup_teardown(a_trace_goes_to_all_with_its_change, start_heard,
                                        stop_heard),
        TEST(a_new_machine_has_all_of_it_while_writes_go_on),
        TEST(a_new_machine_has_large_documents),
        TEST(a_new_machine_tells_what_was_deleted_from_what_was_touched),
        TEST(who_was_away_for_long_is_told_what_differs),
        TEST(what_is_forgotten_waits_for_what_we_missed),
        TEST(a_touch_vouches_for_nothing),
        TEST(what_changes_nothing_tells_the_index_that_is),
        TEST(an_answer_that_is_lost_is_found),
        TEST(an_answer_that_is_lost_unseen_is_not_taken_for_none),
        TEST(patches_of_large_documents_go_in_parts),
        TEST(a_frozen_engine_refuses_changes_in_time),
        cmocka_unit_test_setup_teardown(what_was_acknowledged_survives_the_engine,
                                        start_durable, stop),
        cmocka_unit_test_setup_teardown(touches_are_kept_while_the_engine_is_away,
                                        start_durable, stop),
        TEST(an_engine_that_forgot_is_noticed),
        TEST(an_engine_that_is_emptied_is_noticed),
        TEST(an_index_that_was_lost_is_not_given_again),
        TEST(who_only_listens_is_never_given_up),
        TEST(a_fence_opens_once_the_state_is_as_new),
        TEST(a_fence_is_given_up_in_time),
        TEST(a_reader_without_time_lets_no_change_fail),
        TEST(what_cannot_be_is_named),
        cmocka_unit_test(what_can_be_no_url_is_named_before_a_start),
        TEST(stores_of_other_names_share_an_engine),
        TEST(a_socket_leads_there_too),
    };
    if (!redis_server_can()) {
        printf("this needs redis-server, and a build with hiredis\n");
        return 77; /* skipped */
    }
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("store/redis", tests, NULL, NULL);
}
