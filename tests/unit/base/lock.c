/* SPDX-License-Identifier: ISC */
/* A rank violation ends the program: that is tried in a child, and only in builds that
 * check (--enable-sanitizer). */
#include "fcgiwait/lock.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "fcgiwait/log.h"
#include "must.h"

#define THREADS 8
#define TIMES 10000

struct shared {
    struct lock lock; /* guards count */
    long count;
};

static void *count_up(void *context)
{
    struct shared *shared = context;
    for (int i = 0; i < TIMES; i++) {
        lock_take(&shared->lock);
        shared->count++;
        lock_drop(&shared->lock);
    }
    return NULL;
}

static void one_thread_at_a_time_is_inside(void **state)
{
    struct shared shared = {.count = 0};
    pthread_t threads[THREADS];
    (void)state;
    lock_init(&shared.lock, LOCK_TREE);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.count, THREADS * TIMES);
    lock_destroy(&shared.lock);
}

struct bell {
    struct lock lock; /* guards rung */
    pthread_cond_t cond;
    bool rung;
};

static void *ring(void *context)
{
    struct bell *bell = context;
    lock_take(&bell->lock);
    bell->rung = true;
    pthread_cond_signal(&bell->cond);
    lock_drop(&bell->lock);
    return NULL;
}

static void a_wait_gives_the_lock_up_and_has_it_again_afterwards(void **state)
{
    struct bell bell = {.rung = false};
    pthread_t thread;
    (void)state;
    assert_int_equal(cond_init_monotonic(&bell.cond), 0);
    lock_init(&bell.lock, LOCK_WORKER);
    lock_take(&bell.lock);
    assert_int_equal(pthread_create(&thread, NULL, ring, &bell), 0);
    while (!bell.rung)
        assert_true(lock_wait_until(&bell.lock, &bell.cond, INSTANT_NEVER));
    lock_must_hold(&bell.lock);
    lock_drop(&bell.lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&bell.cond);
    lock_destroy(&bell.lock);
}

static void a_wait_until_the_past_returns_at_once(void **state)
{
    struct bell bell = {.rung = false};
    (void)state;
    assert_int_equal(cond_init_monotonic(&bell.cond), 0);
    lock_init(&bell.lock, LOCK_WORKER);
    lock_take(&bell.lock);
    assert_false(lock_wait_until(&bell.lock, &bell.cond, (struct instant){0}));
    lock_drop(&bell.lock);
    pthread_cond_destroy(&bell.cond);
    lock_destroy(&bell.lock);
}

static void locks_are_taken_upwards(void **state)
{
    static const enum lock_rank ranks[] = {LOCK_CONNECTION, LOCK_STORE, LOCK_WORKER,
                                           LOCK_TREE,       LOCK_LANE,  LOCK_RULES};
    struct lock locks[sizeof ranks / sizeof *ranks];
    int count = sizeof ranks / sizeof *ranks;
    (void)state;
    for (int i = 0; i < count; i++) {
        lock_init(&locks[i], ranks[i]);
        lock_take(&locks[i]);
    }
    for (int i = count; i-- > 0;) {
        lock_must_hold(&locks[i]);
        lock_drop(&locks[i]);
        lock_destroy(&locks[i]);
    }
}

#ifdef ENABLE_LOCK_CHECK

static struct lock low, high, other_high;

static void take_downwards(void)
{
    lock_take(&high);
    lock_take(&low);
}

static void take_sideways(void)
{
    lock_take(&high);
    lock_take(&other_high);
}

static void take_twice(void)
{
    lock_take(&low);
    lock_take(&low);
}

static void drop_out_of_order(void)
{
    lock_take(&low);
    lock_take(&high);
    lock_drop(&low);
}

static void drop_what_is_not_held(void)
{
    lock_drop(&low);
}

static void claim_what_is_not_held(void)
{
    lock_take(&low);
    lock_must_hold(&high);
}

static void wait_without_the_lock(void)
{
    pthread_cond_t cond;
    if (cond_init_monotonic(&cond) == 0)
        lock_wait_until(&low, &cond, (struct instant){0});
}

/* A log may block, whatever its level. */
static void log_under_a_lock(void)
{
    lock_take(&low);
    log_debug("said under a lock");
}

/* The signal that ends a child which does that; 0: it lives. */
static int fate_of(void (*crime)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        crime();
        _exit(0);
    }
    must(child > 0 && waitpid(child, &status, 0) == child, "no child");
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void nothing_wrong(void)
{
    lock_take(&low);
    lock_take(&high);
    lock_drop(&high);
    lock_drop(&low);
}

static void a_violation_ends_the_program(void **state)
{
    static void (*const crimes[])(void) = {
        take_downwards,        take_sideways,         take_twice,
        drop_out_of_order,     drop_what_is_not_held, claim_what_is_not_held,
        wait_without_the_lock, log_under_a_lock};
    (void)state;
    lock_init(&low, LOCK_STORE);
    lock_init(&high, LOCK_TREE);
    lock_init(&other_high, LOCK_TREE);
    assert_int_equal(fate_of(nothing_wrong), 0);
    for (size_t i = 0; i < sizeof crimes / sizeof *crimes; i++)
        if (fate_of(crimes[i]) != SIGABRT)
            fail_msg("crime %zu goes unpunished", i);
    lock_destroy(&low);
    lock_destroy(&high);
    lock_destroy(&other_high);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_at_a_time_is_inside),
        cmocka_unit_test(a_wait_gives_the_lock_up_and_has_it_again_afterwards),
        cmocka_unit_test(a_wait_until_the_past_returns_at_once),
        cmocka_unit_test(locks_are_taken_upwards),
#ifdef ENABLE_LOCK_CHECK
        cmocka_unit_test(a_violation_ends_the_program),
#endif
    };
    return cmocka_run_group_tests_name("base/lock", tests, NULL, NULL);
}
