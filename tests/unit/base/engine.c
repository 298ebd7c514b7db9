/* SPDX-License-Identifier: ISC */
/* How the engine behind a store is, as it is told. */
#include "fcgiwait/engine.h"

#include <string.h>

#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"
#include "must.h"

static struct counters counters;
static struct engine engine;

static int start(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    engine_init(&engine, "redis", &counters);
    engine_set_where(&engine, "here:1");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    engine_dispose(&engine);
    return 0;
}

static struct engine_report told(uint64_t index)
{
    struct engine_report report;
    engine_tell(&engine, index, &report);
    return report;
}

static void every_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < ENGINE_STATES; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(engine_state_name(a), engine_state_name(b));
}

static void a_new_one_is_good(void **state)
{
    (void)state;
    struct engine_report report = told(0);
    assert_string_equal(report.type, "redis");
    assert_string_equal(report.where, "here:1");
    assert_int_equal(report.state, ENGINE_GOOD);
    assert_string_equal(report.why, "");
    assert_int_equal(report.lag, 0);
    assert_true(engine_answers(&engine, 0));
}

static void the_worse_side_is_told(void **state)
{
    (void)state;
    engine_set_trouble(&engine, ENGINE_TAKES_CHANGES, ENGINE_FULL, "OOM");
    assert_int_equal(told(0).state, ENGINE_FULL);
    engine_set_trouble(&engine, ENGINE_IS_FOLLOWED, ENGINE_SLOW, "no answer");
    assert_int_equal(told(0).state, ENGINE_SLOW);
    assert_string_equal(told(0).why, "no answer");
    engine_set_good(&engine, ENGINE_IS_FOLLOWED);
    assert_int_equal(told(0).state, ENGINE_FULL);
    assert_string_equal(told(0).why, "OOM");
    engine_set_good(&engine, ENGINE_TAKES_CHANGES);
    assert_int_equal(told(0).state, ENGINE_GOOD);
    assert_string_equal(told(0).why, "");
}

/* From the first trouble on, whatever it turns into. */
static void one_that_is_not_followed_is_lost_after_a_time(void **state)
{
    (void)state;
    engine_set_trouble(&engine, ENGINE_TAKES_CHANGES, ENGINE_LOST, "gone");
    assert_true(engine_answers(&engine, 0));
    engine_set_trouble(&engine, ENGINE_IS_FOLLOWED, ENGINE_LOST, "gone");
    assert_true(engine_answers(&engine, 60 * NANOS_PER_SECOND));
    thread_pause(20 * NANOS_PER_MS);
    engine_set_trouble(&engine, ENGINE_IS_FOLLOWED, ENGINE_REFUSED, "no");
    assert_false(engine_answers(&engine, 20 * NANOS_PER_MS));
    engine_set_good(&engine, ENGINE_IS_FOLLOWED);
    assert_true(engine_answers(&engine, 0));
}

static void lag_is_told_in_indexes_and_in_time(void **state)
{
    (void)state;
    engine_set_newest(&engine, 12);
    assert_int_equal(told(5).lag, 7);
    assert_int_equal(told(12).lag, 0);
    assert_int_equal(told(13).lag, 0); /* heard from another machine */
    thread_pause(20 * NANOS_PER_MS);
    assert_true(told(12).lag_time >= 20 * NANOS_PER_MS);
    engine_set_level(&engine);
    assert_true(told(12).lag_time < 20 * NANOS_PER_MS * 100);
    nanos before = told(12).lag_time;
    thread_pause(5 * NANOS_PER_MS);
    assert_true(told(12).lag_time > before);
}

static void resets_are_counted(void **state)
{
    (void)state;
    engine_note_reset(&engine);
    engine_note_reset(&engine);
    assert_int_equal(counter_read(&counters.engine_resets), 2);
}

static void words_that_are_too_long_are_cut(void **state)
{
    char words[1000];
    (void)state;
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    engine_set_where(&engine, words);
    engine_set_trouble(&engine, ENGINE_IS_FOLLOWED, ENGINE_REFUSED, words);
    assert_int_equal(strlen(told(0).where), ENGINE_WHERE - 1);
    assert_int_equal(strlen(told(0).why), ENGINE_WHY - 1);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(every_state_has_a_name_of_its_own),
        TEST(a_new_one_is_good),
        TEST(the_worse_side_is_told),
        TEST(one_that_is_not_followed_is_lost_after_a_time),
        TEST(lag_is_told_in_indexes_and_in_time),
        TEST(resets_are_counted),
        TEST(words_that_are_too_long_are_cut),
    };
    return cmocka_run_group_tests_name("base/engine", tests, NULL, NULL);
}
