/* SPDX-License-Identifier: ISC */
/* What an engine may have against us: each trouble has its name, loses nothing, and ends
 * with what caused it. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/thread.h"
#include "must.h"
#include "redis_server.h"
#include "store/redis_link.h"
#include "store/redis_place.h"
#include "store_rig.h"

static struct redis_server server;
static struct counters counters;
static const struct store_options plain = {
    .type = "redis", .patience = 2 * NANOS_PER_SECOND, .counters = &counters};
static struct store_options options;
static struct store_rig machine;

static int start(void **state)
{
    (void)state;
    redis_server_start(&server, false);
    options = plain;
    options.url = server.url;
    store_rig_open(&machine, &options);
    machine.may_go_back = true;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    store_rig_close(&machine);
    redis_server_stop(&server);
    return 0;
}

/* Within a minute. */
static void await_state(enum engine_state expected, const char *why)
{
    struct engine_report report;
    for (int i = 0; i < 6000; i++) {
        store_engine(machine.store, &report);
        if (report.state == expected)
            break;
        thread_pause(10 * NANOS_PER_MS);
    }
    assert_string_equal(engine_state_name(report.state), engine_state_name(expected));
    must(strstr(report.why, why) != NULL, "%s: no %s", report.why, why);
}

static enum edit_result put(const char *body)
{
    return store_rig_put(&machine, "/a", "x/y", body).result;
}

static void put_at_last(const char *body)
{
    enum edit_result result = EDIT_FAILED;
    for (int i = 0; i < 600; i++) {
        result = put(body);
        if (result == EDIT_CREATED || result == EDIT_CHANGED || result == EDIT_SAME)
            return;
        thread_pause(100 * NANOS_PER_MS);
    }
    must(false, "no change goes through: %d", (int)result);
}

static void must_hold(const char *expected)
{
    char body[32];
    store_rig_look(&machine, "/a", body, sizeof body);
    assert_string_equal(body, expected);
}

static void must_go_on(void)
{
    put_at_last("9");
    must_hold("9");
    await_state(ENGINE_GOOD, "");
    assert_true(store_answers(machine.store));
}

/* Whatever else is asked for: nobody publishes. */
static void await_touched(const char *path, uint64_t index)
{
    for (int i = 0; i < 6000 && (store_rig_index(&machine, path) <= index ||
                                 counter_read(&counters.engine_kept) != 0);
         i++)
        thread_pause(10 * NANOS_PER_MS);
    assert_true(store_rig_index(&machine, path) > index);
    assert_int_equal(counter_read(&counters.engine_kept), 0);
}

static void out_of_memory(void **state)
{
    (void)state;
    put_at_last("1");
    uint64_t index = store_index(machine.store);
    redis_server_say(&server, "CONFIG SET maxmemory 1");
    assert_int_equal(put("2"), EDIT_FAILED);
    await_state(ENGINE_FULL, "OOM");
    struct engine_report report; /* of which an answer to a reader says nothing */
    assert_true(store_rig_pass(&machine, index, 20 * NANOS_PER_SECOND));
    store_engine(machine.store, &report);
    assert_int_equal(report.state, ENGINE_FULL);
    assert_int_equal(store_rig_touch(&machine, "/t").result, EDIT_KEPT);
    assert_int_equal(counter_read(&counters.engine_kept), 1);
    must_hold("1");
    assert_int_equal(store_index(machine.store), index);
    assert_true(store_answers(machine.store)); /* reading goes on */
    redis_server_say(&server, "CONFIG SET maxmemory 0");
    await_touched("/t", index);
    must_go_on();
}

static void a_script_that_blocks_for_seconds(void **state)
{
    (void)state;
    put_at_last("1");
    redis_server_say(&server, "CONFIG SET busy-reply-threshold 200");
    pid_t caller = fork();
    if (caller == 0) {
        redis_server_says(&server, "EVAL \"while true do end\" 0", "");
        _exit(0);
    }
    redis_server_await(&server, "PING", "BUSY");
    enum edit_result result = put("2");
    assert_true(result == EDIT_FAILED || result == EDIT_UNSURE);
    await_state(ENGINE_SLOW, "");
    must_hold("1");
    kill(caller, SIGKILL);
    waitpid(caller, NULL, 0);
    redis_server_await(&server, "SCRIPT KILL", "OK");
    must_go_on();
}

static void no_answer_at_all(void **state)
{
    (void)state;
    put_at_last("1");
    kill(server.pid, SIGSTOP);
    await_state(ENGINE_SLOW, "in time");
    for (int i = 0; i < 600 && store_answers(machine.store); i++)
        thread_pause(100 * NANOS_PER_MS);
    assert_false(store_answers(machine.store));
    /* Who has waited for long enough does not make everybody wait. */
    nanos least = INT64_MAX;
    for (int i = 0; i < 5 && least >= plain.patience; i++) {
        struct instant began = clock_now();
        assert_int_equal(put("2"), EDIT_FAILED);
        nanos took = clock_now().at - began.at;
        least = took < least ? took : least;
    }
    assert_true(least < plain.patience);
    kill(server.pid, SIGCONT);
    must_go_on();
}

static void nobody_there(void **state)
{
    (void)state;
    redis_server_kill(&server);
    await_state(ENGINE_LOST, "");
    int64_t connects = counter_read(&counters.engine_connects);
    redis_server_restart(&server, false);
    must_go_on();
    assert_true(counter_read(&counters.engine_connects) >= connects + 2);
}

/* It answers, and does not have anything yet. */
static void it_reads_its_file(void **state)
{
    (void)state;
    put_at_last("1");
    redis_server_say(&server, "CONFIG SET rdbcompression no");
    redis_server_say(&server,
                     "EVAL \"for i = 1, 3000 do redis.call('SET', 'other:' .. i, "
                     "string.rep('x', 2000)) end return 1\" 0");
    redis_server_say(&server, "SAVE");
    uint64_t index = store_index(machine.store);
    redis_server_restart_slowly(&server);
    await_state(ENGINE_LOADING, "LOADING");
    enum edit_result result = put("2"); /* perhaps on the connection of before */
    assert_true(result == EDIT_FAILED || result == EDIT_UNSURE);
    assert_int_equal(put("2"), EDIT_FAILED);
    assert_int_equal(store_rig_touch(&machine, "/t").result, EDIT_KEPT);
    must_hold("1");
    assert_int_equal(store_index(machine.store), index);
    await_state(ENGINE_LOADING, "LOADING"); /* still */
    redis_server_say(&server, "CONFIG SET key-load-delay 0");
    await_touched("/t", index);
    must_go_on();
}

static void a_replica(void **state)
{
    struct redis_server master;
    (void)state;
    redis_server_start(&master, false);
    redis_server_replicate(&server, &master);
    await_state(ENGINE_READONLY, "READONLY");
    assert_int_equal(put("2"), EDIT_FAILED);
    redis_server_say(&server, "REPLICAOF NO ONE");
    must_go_on();
    redis_server_stop(&master);
}

/* Whoever moved the name from one to the other. */
static void lead_to(const char *name, const struct redis_server *to)
{
    char socket[96], made[96];
    snprintf(socket, sizeof socket, "%s/redis.sock", to->dir);
    snprintf(made, sizeof made, "%s.new", name);
    must(symlink(socket, made) == 0 && rename(made, name) == 0, "%s", name);
}

static struct redis_server other; /* the master, in the end */
static struct store_rig others;   /* over that */

/* It keeps its clients, and has what the new one is told, some time later. */
static void demote(const char *name)
{
    char url[128];
    store_rig_close(&machine);
    snprintf(url, sizeof url, "redis+unix:%s", name);
    lead_to(name, &server);
    options.url = url;
    store_rig_open(&machine, &options);
    machine.may_go_back = true;
    put_at_last("1");
    redis_server_start(&other, false);
    redis_server_replicate(&other, &server);
    redis_server_say(&other, "REPLICAOF NO ONE");
    options.url = other.url;
    store_rig_open(&others, &options);
    store_rig_put(&others, "/b", "x/y", "1");
    redis_server_replicate(&server, &other);
    store_rig_await_body(&machine, "/b", "1");
}

/* The name leads to the other, and nothing of us stays at the old one. */
static void must_have_left_the_demoted(void)
{
    redis_server_say(&server, "REPLICAOF NO ONE");
    put_at_last("8");
    store_rig_await_body(&others, "/a", "8");
    store_rig_close(&others);
    redis_server_stop(&other);
}

static void a_master_that_was_demoted(void **state)
{
    char name[96];
    nanos least = INT64_MAX;
    (void)state;
    snprintf(name, sizeof name, "%s/engine", server.dir);
    options.fenced = true;
    demote(name);
    assert_false(store_rig_pass(&machine, 0, 100 * NANOS_PER_MS));
    await_state(ENGINE_READONLY, "READONLY");
    for (int i = 0; i < 5 && least >= 4 * NANOS_PER_SECOND; i++) {
        struct instant began = clock_now();
        assert_int_equal(put("2"), EDIT_FAILED);
        nanos took = clock_now().at - began.at;
        least = took < least ? took : least;
    }
    assert_true(least < 4 * NANOS_PER_SECOND);
    lead_to(name, &other);
    must_go_on();
    store_rig_await_body(&others, "/a", "9");
    assert_true(store_rig_pass(&machine, 0, 60 * NANOS_PER_SECOND));
    must_have_left_the_demoted();
}

static void *put_seven(void *context)
{
    (void)context;
    put("7");
    return NULL;
}

/* The one call has found the old one and the new one. */
static void a_name_that_moves_while_a_change_waits(void **state)
{
    char name[96];
    pthread_t putting;
    (void)state;
    snprintf(name, sizeof name, "%s/engine", server.dir);
    demote(name);
    redis_server_say(&server, "CLIENT KILL TYPE normal SKIPME yes");
    store_rig_put(&others, "/b", "x/y", "2");
    store_rig_await_body(&machine, "/b", "2"); /* the follower is back */
    assert_int_equal(pthread_create(&putting, NULL, put_seven, NULL), 0);
    redis_server_await(&server, "INFO errorstats", "errorstat_READONLY");
    lead_to(name, &other);
    pthread_join(putting, NULL);
    put_at_last("9");
    must_have_left_the_demoted();
}

static void another_password(void **state)
{
    (void)state;
    put_at_last("1");
    redis_server_say(&server, "CONFIG SET requirepass secret");
    redis_server_await(&server, "AUTH secret\r\nCLIENT KILL TYPE normal SKIPME yes",
                       "OK");
    await_state(ENGINE_REFUSED, "NOAUTH");
    must_hold("1");
    char url[128], error[512];
    snprintf(url, sizeof url, "redis://:secret@127.0.0.1:%d/0", server.port);
    options.url = url;
    assert_true(store_move_to(machine.store, &options, error, sizeof error));
    must_go_on();
    options.url = "http://127.0.0.1/";
    assert_false(store_move_to(machine.store, &options, error, sizeof error));
    must(strstr(error, "redis://") != NULL, "%s", error);
    must_go_on();
}

static void keys_of_another_application(void **state)
{
    (void)state;
    put_at_last("1");
    redis_server_say(&server, "EVAL \"redis.call('FLUSHALL') "
                              "redis.call('HSET', '{fcgiwait}:state', 'user', '7') "
                              "return 1\" 0");
    await_state(ENGINE_FOREIGN, "another application");
    must_hold("1");
    redis_server_say(&server, "DEL {fcgiwait}:state");
    must_go_on();
}

static void replicas_that_redis_itself_misses(void **state)
{
    (void)state;
    put_at_last("1");
    redis_server_say(&server, "CONFIG SET min-replicas-to-write 1");
    assert_int_equal(put("2"), EDIT_FAILED);
    await_state(ENGINE_ALONE, "NOREPLICAS");
    must_hold("1");
    redis_server_say(&server, "CONFIG SET min-replicas-to-write 0");
    await_state(ENGINE_GOOD, "");
    redis_server_say(&server, "CONFIG SET min-replicas-to-write 1");
    uint64_t index = store_index(machine.store);
    assert_int_equal(store_rig_touch(&machine, "/t").result, EDIT_KEPT);
    redis_server_say(&server, "CONFIG SET min-replicas-to-write 0");
    await_touched("/t", index);
    must_go_on();
}

/* It happens, and is not acknowledged. */
static void replicas_that_we_miss(void **state)
{
    struct redis_server replica;
    (void)state;
    store_rig_close(&machine);
    options.replicas = 1;
    store_rig_open(&machine, &options);
    machine.may_go_back = true;
    assert_int_equal(put("1"), EDIT_UNSURE);
    await_state(ENGINE_ALONE, "store.replicas");
    store_rig_await_body(&machine, "/a", "1");
    assert_int_equal(put("1"), EDIT_UNSURE); /* the same is no safer */
    redis_server_start(&replica, false);
    redis_server_replicate(&replica, &server);
    put_at_last("2");
    redis_server_await(&replica, "HGET {fcgiwait}:docs /a", "x/y\n2");
    kill(replica.pid, SIGSTOP);
    assert_int_equal(put("3"), EDIT_UNSURE);
    kill(replica.pid, SIGCONT);
    must_go_on();
    redis_server_stop(&replica);
}

/* Whom only publishes need. */
static void fenced_reads_wait_for_no_replica(void **state)
{
    (void)state;
    store_rig_close(&machine);
    options.replicas = 1;
    options.fenced = true;
    store_rig_open(&machine, &options);
    machine.may_go_back = true;
    assert_int_equal(put("1"), EDIT_UNSURE);
    await_state(ENGINE_ALONE, "store.replicas");
    struct instant began = clock_now();
    for (int i = 0; i < 10; i++)
        assert_true(store_rig_pass(&machine, 0, 20 * NANOS_PER_SECOND));
    assert_true(clock_now().at - began.at < 10 * plain.patience / 4);
    await_state(ENGINE_ALONE, "store.replicas"); /* still */
}

static _Atomic bool all_put;

static void *put_again_and_again(void *argument)
{
    for (int i = 0; !atomic_load(&all_put); i++)
        put(i % 2 == 0 ? "even" : "odd");
    return argument;
}

/* Nor are they given up while others' changes wait for one. */
static void fenced_reads_outlast_others_replicas(void **state)
{
    pthread_t writer;
    (void)state;
    store_rig_close(&machine);
    options.replicas = 1;
    options.fenced = true;
    options.patience = 4 * NANOS_PER_SECOND;
    store_rig_open(&machine, &options);
    machine.may_go_back = true;
    atomic_store(&all_put, false);
    assert_int_equal(pthread_create(&writer, NULL, put_again_and_again, NULL), 0);
    await_state(ENGINE_ALONE, "store.replicas");
    bool passed = store_rig_pass(&machine, 0, 0) && store_rig_pass(&machine, 0, 0);
    atomic_store(&all_put, true);
    pthread_join(writer, NULL);
    assert_true(passed);
}

#ifdef WITH_REDIS
static nanos first_look;

static struct instant look(struct redis_link *link, struct instant until)
{
    (void)link;
    if (first_look == 0)
        first_look = clock_now().at;
    return until;
}

/* However long a healthy Redis may take. */
static void nobody_is_given_up_before_an_answer_is_due(void **state)
{
    static const struct {
        nanos patience, grace, due;
    } rows[] = {{900 * NANOS_PER_MS, 300 * NANOS_PER_MS, 300 * NANOS_PER_MS},
                {300 * NANOS_PER_MS, 300 * NANOS_PER_MS, 300 * NANOS_PER_MS},
                {300 * NANOS_PER_MS, 900 * NANOS_PER_MS, 300 * NANOS_PER_MS}};
    char error[512];
    redis_place_ref place = redis_place_new(server.url, error, sizeof error);
    struct engine engine;
    struct redis_link link;
    (void)state;
    engine_init(&engine, "redis", NULL);
    redis_link_init(&link, &place, NULL, &engine);
    link.meanwhile = look;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        link.grace = 30 * NANOS_PER_SECOND;
        must(redis_link_open(&link, link.grace), "%s", link.error);
        kill(server.pid, SIGSTOP);
        first_look = 0;
        link.patience = rows[i].patience;
        link.grace = rows[i].grace;
        struct instant began = clock_now();
        assert_false(redis_link_say(&link, (struct text[]){TEXT("PING")}, 1));
        assert_string_equal(engine_state_name(link.trouble),
                            engine_state_name(ENGINE_SLOW));
        assert_true(clock_now().at - began.at >= rows[i].patience);
        assert_true(first_look == 0 || first_look - began.at >= rows[i].due);
        kill(server.pid, SIGCONT);
    }
    redis_link_dispose(&link);
    engine_dispose(&engine);
    redis_place_free(place);
}
#endif

/* Nor is it where its answer was lost, and it is found in the stream. */
static void replicas_that_we_miss_after_a_lost_answer(void **state)
{
    struct errand errand;
    struct edit edit = {.kind = EDIT_PUT,
                        .path = TEXT("/a"),
                        .document = document_new(TEXT("x/y"), TEXT("1"))};
    (void)state;
    store_rig_close(&machine);
    options.replicas = 1;
    store_rig_open(&machine, &options);
    machine.may_go_back = true;
    assert_int_equal(put("0"), EDIT_UNSURE);
    kill(server.pid, SIGSTOP);
    store_rig_send(&machine, &errand, &edit);
    thread_pause(3 * plain.patience / 2); /* its connection is given up */
    kill(server.pid, SIGCONT);
    enum edit_result result = store_rig_await(&errand).result;
    assert_true(result == EDIT_UNSURE || result == EDIT_FAILED);
}

/* More paths than are kept count as everything. */
static void too_many_touches_while_it_is_away(void **state)
{
    enum { MANY = 1100 };
    static struct errand errands[MANY];
    static char paths[MANY][16];
    (void)state;
    put_at_last("1");
    kill(server.pid, SIGSTOP);
    for (int i = 0; i < MANY; i++) {
        snprintf(paths[i], sizeof paths[i], "/t/%d", i);
        store_rig_send(&machine, &errands[i],
                       &(struct edit){.kind = EDIT_TOUCH, .path = text_of(paths[i])});
    }
    int kept = 0;
    for (int i = 0; i < MANY; i++) {
        enum edit_result result = store_rig_await(&errands[i]).result;
        must(result == EDIT_KEPT, "%d", (int)result);
        kept++;
    }
    assert_int_equal(kept, MANY);
    assert_int_equal(counter_read(&counters.engine_kept), 1); /* everything */
    uint64_t index = store_index(machine.store);
    kill(server.pid, SIGCONT);
    for (int i = 0; i < 6000 && (counter_read(&counters.engine_kept) != 0 ||
                                 store_index(machine.store) == index);
         i++)
        thread_pause(10 * NANOS_PER_MS);
    assert_int_equal(counter_read(&counters.engine_kept), 0);
    struct present present;
    for (int i = 0; i < 1000; i++) { /* the new index is everything's */
        tree_look(machine.tree, TEXT("/never/named"), SCOPE_BELOW, &present);
        present_dispose(&present);
        if (present.index > index)
            break;
        thread_pause(10 * NANOS_PER_MS);
    }
    assert_true(present.index > index);
    must_go_on();
}

/* Each look is as new as the engine, whatever index the reader brings. */
static void fenced_reads_ask_the_engine(void **state)
{
    struct store_rig other;
    char body[32], now[32];
    (void)state;
    store_rig_open(&other, &options);
    store_rig_close(&machine);
    options.fenced = true;
    store_rig_open(&machine, &options);
    assert_false(store_reached(machine.store, 0));
    for (int i = 0; i < 100; i++) {
        snprintf(body, sizeof body, "%d", i);
        store_rig_put(&other, "/a", "x/y", body);
        assert_true(store_rig_pass(&machine, 0, 20 * NANOS_PER_SECOND));
        store_rig_look(&machine, "/a", now, sizeof now);
        assert_string_equal(now, body);
    }
    kill(server.pid, SIGSTOP);
    assert_false(store_rig_pass(&machine, 0, 100 * NANOS_PER_MS));
    kill(server.pid, SIGCONT);
    assert_true(store_rig_pass(&machine, 0, 60 * NANOS_PER_SECOND));
    store_rig_close(&other);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(out_of_memory),
        TEST(a_script_that_blocks_for_seconds),
        TEST(no_answer_at_all),
        TEST(nobody_there),
        TEST(it_reads_its_file),
        TEST(a_replica),
        TEST(a_master_that_was_demoted),
        TEST(a_name_that_moves_while_a_change_waits),
        TEST(another_password),
        TEST(keys_of_another_application),
        TEST(replicas_that_redis_itself_misses),
        TEST(replicas_that_we_miss),
        TEST(fenced_reads_wait_for_no_replica),
        TEST(fenced_reads_outlast_others_replicas),
#ifdef WITH_REDIS
        TEST(nobody_is_given_up_before_an_answer_is_due),
#endif
        TEST(replicas_that_we_miss_after_a_lost_answer),
        TEST(too_many_touches_while_it_is_away),
        TEST(fenced_reads_ask_the_engine),
    };
    if (!redis_server_can()) {
        printf("this needs redis-server, and a build with hiredis\n");
        return 77; /* skipped */
    }
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("store/engine_troubles", tests, NULL, NULL);
}
