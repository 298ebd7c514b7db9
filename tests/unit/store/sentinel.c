/* SPDX-License-Identifier: ISC */
/* A store behind Sentinel: it follows whom Sentinel makes the master. Two machines, a
 * master with a replica, three sentinels; all of it with TLS, too, where the build has
 * that. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "fcgiwait/clock.h"
#include "fcgiwait/thread.h"
#include "must.h"
#include "redis_server.h"
#include "shell.h"
#include "store_rig.h"

enum { MACHINES = 2, SENTINELS = 3 };

static struct redis_server first, second, sentinels[SENTINELS];
static char url[256];
static struct counters counters;
static struct store_options options = {
    .type = "redis", .patience = 2 * NANOS_PER_SECOND, .counters = &counters};
static struct store_rig machines[MACHINES];

/* The dead one comes first: others are asked, too. */
static void make_url(const char *who)
{
    snprintf(url, sizeof url,
             "redis%s+sentinel://%s127.0.0.1:1,127.0.0.1:%d,127.0.0.1:%d,"
             "127.0.0.1:%d/mymaster/0",
             first.tls_port != 0 ? "s" : "", who, redis_server_port(&sentinels[0]),
             redis_server_port(&sentinels[1]), redis_server_port(&sentinels[2]));
    options.url = url;
}

static void await_sentinels(void)
{
    for (int i = 0; i < SENTINELS; i++)
        redis_server_await_watch(&sentinels[i]);
}

static void start_engines(bool tls)
{
    redis_server_start(&first, false);
    redis_server_start(&second, false);
    if (tls) {
        redis_server_speak_tls(&first, &first);
        redis_server_speak_tls(&second, &first);
    }
    redis_server_replicate(&second, &first);
    for (int i = 0; i < SENTINELS; i++)
        redis_server_watch(&sentinels[i], -1, &first, 2);
    await_sentinels();
    make_url("");
}

static void open_machines(void)
{
    for (int i = 0; i < MACHINES; i++) {
        store_rig_open(&machines[i], &options);
        machines[i].may_go_back = true;
    }
}

static int start(void **state)
{
    (void)state;
    start_engines(false);
    open_machines();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        store_rig_close(&machines[i]);
    for (int i = 0; i < SENTINELS; i++)
        redis_server_stop(&sentinels[i]);
    redis_server_stop(&second);
    redis_server_stop(&first);
    return 0;
}

/* A change goes through again, at the latest within a minute. */
static uint64_t put_at_last(struct store_rig *store_rig, const char *body)
{
    for (int i = 0; i < 600; i++) {
        struct edited edited = store_rig_put(store_rig, "/a", "x/y", body);
        if (edited.result == EDIT_CREATED || edited.result == EDIT_CHANGED ||
            edited.result == EDIT_SAME)
            return edited.index;
        thread_pause(100 * NANOS_PER_MS);
    }
    must(false, "no change goes through");
    return 0;
}

/* Within a minute. */
static void await_at(const struct redis_server *server)
{
    char where[64];
    struct engine_report report;
    snprintf(where, sizeof where, "127.0.0.1:%d", redis_server_port(server));
    for (int i = 0; i < MACHINES; i++) {
        for (int tries = 0; tries < 6000; tries++) {
            store_engine(machines[i].store, &report);
            if (strcmp(report.where, where) == 0 && report.state == ENGINE_GOOD)
                break;
            thread_pause(10 * NANOS_PER_MS);
        }
        assert_string_equal(report.where, where);
        assert_int_equal(report.state, ENGINE_GOOD);
    }
}

/* All machines go on at the second, and nobody's index goes back. */
static void must_have_failed_over(uint64_t before)
{
    await_at(&second);
    uint64_t after = put_at_last(&machines[0], "2");
    assert_true(after > before);
    store_rig_await_body(&machines[1], "/a", "2");
    assert_int_equal(store_rig_index(&machines[1], "/a"), after);
    assert_true(put_at_last(&machines[1], "3") > after);
    store_rig_await_body(&machines[0], "/a", "3");
}

static void a_master_that_dies_is_followed_by_its_replica(void **state)
{
    (void)state;
    uint64_t before = put_at_last(&machines[0], "1");
    store_rig_await_body(&machines[1], "/a", "1");
    await_at(&first);
    int64_t resets = counter_read(&counters.engine_resets);
    redis_server_kill(&first);
    must_have_failed_over(before);
    assert_int_equal(counter_read(&counters.engine_resets) - resets, MACHINES);
}

/* As for who changes machines: nothing breaks the connections but we. */
static void a_master_that_is_told_to_go_is_left(void **state)
{
    (void)state;
    uint64_t before = put_at_last(&machines[0], "1");
    redis_server_say(&sentinels[1], "SENTINEL FAILOVER mymaster");
    redis_server_await(&second, "INFO replication", "role:master");
    must_have_failed_over(before);
}

/* It thinks that it is the master still, and takes what it is given. */
static void a_master_of_before_that_answers_again_gets_nothing(void **state)
{
    (void)state;
    uint64_t before = put_at_last(&machines[0], "1");
    kill(first.pid, SIGSTOP);
    redis_server_await(&second, "INFO replication", "role:master");
    kill(first.pid, SIGCONT);
    must_have_failed_over(before);
}

/* The sentinels never heard of the machines' master of now, or forgot it. */
static void only_the_newest_word_of_the_sentinels_counts(void **state)
{
    (void)state;
    put_at_last(&machines[0], "1");
    kill(sentinels[0].pid, SIGSTOP); /* it will name the first */
    uint64_t before = put_at_last(&machines[1], "1");
    redis_server_kill(&first);
    redis_server_await(&second, "INFO replication", "role:master");
    must_have_failed_over(before);
    kill(sentinels[0].pid, SIGCONT);
    must_have_failed_over(before);
}

static void must_refuse(const char *with, const char *why)
{
    struct store_rig store_rig;
    char error[512] = "";
    struct store_options other = options;
    other.url = with;
    assert_false(store_rig_try(&store_rig, &other, error));
    must(strstr(error, why) != NULL, "%s: %s", with, error);
    must(strstr(error, "secret") == NULL, "the password is told: %s", error);
}

static void what_sentinels_do_not_know_is_named(void **state)
{
    char wrong[256];
    (void)state;
    snprintf(wrong, sizeof wrong, "redis+sentinel://127.0.0.1:%d/other/0",
             sentinels[0].port);
    must_refuse(wrong, "No such master");
    must_refuse("redis+sentinel://127.0.0.1:1/mymaster", "sentinel 127.0.0.1:1: ");
    must_refuse("redis+sentinel://127.0.0.1:0/mymaster", "port");
    must_refuse("redis+sentinel:127.0.0.1/mymaster", "redis://");
}

static void sentinels_and_engines_may_ask_for_a_password(void **state)
{
    struct store_rig other;
    (void)state;
    redis_server_say(&second, "CONFIG SET masterauth secret");
    redis_server_say(&first, "CONFIG SET requirepass secret");
    for (int i = 0; i < SENTINELS; i++) {
        redis_server_say(&sentinels[i], "SENTINEL SET mymaster auth-pass secret");
        redis_server_kill(&sentinels[i]);
        shell("echo 'requirepass secret' >>'%s/sentinel.conf'", sentinels[i].dir);
        redis_server_restart(&sentinels[i], false);
    }
    must_refuse(url, "NOAUTH");
    make_url("wrong-secret@");
    must_refuse(url, "WRONGPASS");
    make_url("secret@");
    store_rig_open(&other, &options);
    assert_int_equal(store_rig_put(&other, "/b", "x/y", "1").result, EDIT_CREATED);
    store_rig_close(&other);
}

#ifdef WITH_REDIS_TLS

static int start_with_tls(void **state)
{
    char cert[96];
    (void)state;
    start_engines(true);
    must_refuse(url, "TLS: self"); /* nobody trusts it yet */
    snprintf(cert, sizeof cert, "%s/cert.pem", first.dir);
    setenv("SSL_CERT_FILE", cert, 1);
    open_machines();
    return 0;
}

static int stop_with_tls(void **state)
{
    stop(state);
    unsetenv("SSL_CERT_FILE");
    return 0;
}

static void with_tls_a_replica_follows_its_master_as_well(void **state)
{
    (void)state;
    uint64_t before = put_at_last(&machines[0], "1");
    store_rig_await_body(&machines[1], "/a", "1");
    await_at(&first);
    redis_server_kill(&first);
    must_have_failed_over(before);
}

#endif

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_master_that_dies_is_followed_by_its_replica),
        TEST(a_master_that_is_told_to_go_is_left),
        TEST(a_master_of_before_that_answers_again_gets_nothing),
        TEST(only_the_newest_word_of_the_sentinels_counts),
        TEST(what_sentinels_do_not_know_is_named),
        TEST(sentinels_and_engines_may_ask_for_a_password),
#ifdef WITH_REDIS_TLS
        cmocka_unit_test_setup_teardown(with_tls_a_replica_follows_its_master_as_well,
                                        start_with_tls, stop_with_tls),
#endif
    };
    if (!redis_server_can()) {
        printf("this needs redis-server, and a build with hiredis\n");
        return 77; /* skipped */
    }
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("store/sentinel", tests, NULL, NULL);
}
