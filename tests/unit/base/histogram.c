/* SPDX-License-Identifier: ISC */
/* How long things took, in buckets. */
#include "fcgiwait/histogram.h"

#include <pthread.h>

#include "must.h"

static void a_time_counts_at_the_first_bound_that_it_does_not_exceed(void **state)
{
    (void)state;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram histogram = {.sum = 0};
        histogram_add(&histogram, histogram_bound(i));
        histogram_add(&histogram, histogram_bound(i) + 1);
        assert_int_equal(histogram.counts[i], 1);
        assert_int_equal(histogram.counts[i + 1], 1);
        assert_int_equal(histogram.sum, 2 * histogram_bound(i) + 1);
        assert_int_equal(histogram_count(&histogram), 2);
    }
}

static void the_bounds_grow(void **state)
{
    (void)state;
    for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
        assert_true(histogram_bound(i) > histogram_bound(i - 1));
}

static void a_clock_that_was_set_back_counts_as_no_time(void **state)
{
    struct histogram histogram = {.sum = 0};
    (void)state;
    histogram_add(&histogram, -NANOS_PER_SECOND);
    assert_int_equal(histogram.counts[0], 1);
    assert_int_equal(histogram.sum, 0);
}

static void a_quantile_is_the_bound_that_it_lies_below(void **state)
{
    struct histogram histogram = {.sum = 0};
    (void)state;
    for (int i = 0; i < 98; i++)
        histogram_add(&histogram, NANOS_PER_MS);
    histogram_add(&histogram, NANOS_PER_SECOND);
    histogram_add(&histogram, 60 * NANOS_PER_SECOND);
    size_t half = histogram_quantile(&histogram, 0.5);
    assert_int_equal(histogram_bound(half), NANOS_PER_MS);
    assert_int_equal(histogram_quantile(&histogram, 0.98), half);
    assert_int_equal(histogram_bound(histogram_quantile(&histogram, 0.99)),
                     NANOS_PER_SECOND);
    assert_int_equal(histogram_quantile(&histogram, 1), HISTOGRAM_BOUNDS);
}

static void a_size_counts_at_the_first_bound_that_it_does_not_exceed(void **state)
{
    (void)state;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram histogram = {.sum = 0};
        size_t bound = (size_t)histogram_size_bound(i);
        assert_int_equal(bound, i == 0 ? 1 : 4 * histogram_size_bound(i - 1));
        histogram_add_size(&histogram, bound);
        histogram_add_size(&histogram, bound + 1);
        assert_int_equal(histogram.counts[i], 1);
        assert_int_equal(histogram.counts[i + 1], 1);
        assert_int_equal(histogram.sum, 2 * bound + 1);
    }
}

#define THREADS 4
#define TIMES 20000

static void *add_many(void *context)
{
    for (int i = 0; i < TIMES; i++)
        histogram_add(context, (nanos)i * NANOS_PER_MS / 100);
    return NULL;
}

static void no_thread_loses_another_ones_time(void **state)
{
    static struct histogram histogram;
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        must(pthread_create(&threads[i], NULL, add_many, &histogram) == 0, "no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(histogram_count(&histogram), THREADS * TIMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_counts_at_the_first_bound_that_it_does_not_exceed),
        cmocka_unit_test(the_bounds_grow),
        cmocka_unit_test(a_clock_that_was_set_back_counts_as_no_time),
        cmocka_unit_test(a_size_counts_at_the_first_bound_that_it_does_not_exceed),
        cmocka_unit_test(a_quantile_is_the_bound_that_it_lies_below),
        cmocka_unit_test(no_thread_loses_another_ones_time),
    };
    return cmocka_run_group_tests_name("base/histogram", tests, NULL, NULL);
}
