/* SPDX-License-Identifier: ISC */
#include "room/deadline.h"

#include <stdlib.h>

#include "must.h"

#define COUNT 500

static struct waiter waiters[COUNT];

static int stop(void **state)
{
    (void)state;
    memset(waiters, 0, sizeof waiters);
    return 0;
}

static void push(struct deadline_heap *heap, size_t number, nanos at)
{
    waiters[number].deadline.at = at;
    assert_true(deadline_push(heap, &waiters[number]));
}

/* Each knows its place, and nobody is later than those below it. */
static void must_be_a_heap(const struct deadline_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        assert_int_equal(heap->at[i]->heap_at, i);
        if (i > 0)
            assert_true(heap->at[(i - 1) / 2]->deadline.at <= heap->at[i]->deadline.at);
    }
}

static void must_come_in_order(struct deadline_heap *heap, size_t count)
{
    nanos last = INT64_MIN;
    struct waiter *waiter;
    for (; (waiter = deadline_first(heap)) != NULL; count--) {
        assert_true(waiter->deadline.at >= last);
        last = waiter->deadline.at;
        deadline_remove(heap, waiter);
        must_be_a_heap(heap);
    }
    assert_int_equal(count, 0);
    deadline_dispose(heap);
}

static void an_empty_heap_has_no_first(void **state)
{
    struct deadline_heap heap = {0};
    (void)state;
    assert_null(deadline_first(&heap));
    deadline_spread(&heap, (struct instant){0}, 5);
    push(&heap, 0, 7);
    assert_ptr_equal(deadline_first(&heap), &waiters[0]);
    deadline_remove(&heap, &waiters[0]);
    assert_null(deadline_first(&heap));
    deadline_dispose(&heap);
}

static void the_earliest_comes_first(void **state)
{
    unsigned short seed[3] = {1, 2, 3};
    struct deadline_heap heap = {0};
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        push(&heap, i, nrand48(seed) % 100); /* with many alike */
        must_be_a_heap(&heap);
    }
    must_come_in_order(&heap, COUNT);
}

static void orders_that_are_hard_for_heaps_are_sorted_too(void **state)
{
    struct deadline_heap heap = {0};
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        push(&heap, i, (nanos)i);
    must_come_in_order(&heap, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        push(&heap, i, -(nanos)i);
    must_come_in_order(&heap, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        push(&heap, i, INSTANT_NEVER.at);
    must_come_in_order(&heap, COUNT);
}

static void anybody_can_be_taken_out(void **state)
{
    unsigned short seed[3] = {4, 5, 6};
    struct deadline_heap heap = {0};
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        push(&heap, i, nrand48(seed) % 1000);
    for (size_t i = 0; i < COUNT; i += 2) {
        size_t at = (size_t)nrand48(seed) % heap.count;
        deadline_remove(&heap, heap.at[at]);
        must_be_a_heap(&heap);
    }
    must_come_in_order(&heap, COUNT / 2);
}

static void the_last_can_be_taken_out(void **state)
{
    struct deadline_heap heap = {0};
    (void)state;
    for (size_t i = 0; i < 10; i++)
        push(&heap, i, (nanos)i);
    for (size_t i = 10; i-- > 0;) {
        deadline_remove(&heap, heap.at[heap.count - 1]);
        must_be_a_heap(&heap);
        assert_int_equal(heap.count, i);
    }
    deadline_dispose(&heap);
}

/* The shutdown: even steps over the span, and nobody later than before. */
static void spreading_brings_everybody_forward(void **state)
{
    struct deadline_heap heap = {0};
    nanos start = 1000, span = 500, last = 0;
    (void)state;
    for (size_t i = 0; i < 100; i++)
        push(&heap, i, i % 2 == 0 ? 60 * NANOS_PER_SECOND : 1001);
    deadline_spread(&heap, (struct instant){start}, span);
    must_be_a_heap(&heap);
    assert_int_equal(heap.count, 100);
    for (size_t i = 0; i < 100; i++) {
        nanos at = waiters[i].deadline.at;
        assert_true(at >= start && at < start + span);
        assert_true(i % 2 == 0 || at <= 1001);
        last = at > last ? at : last;
    }
    assert_true(last >= start + span / 2);
    must_come_in_order(&heap, 100);
}

static void spreading_over_no_time_ends_all_at_once(void **state)
{
    struct deadline_heap heap = {0};
    (void)state;
    for (size_t i = 0; i < 10; i++)
        push(&heap, i, INSTANT_NEVER.at);
    deadline_spread(&heap, (struct instant){1000}, 0);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(waiters[i].deadline.at, 1000);
    must_come_in_order(&heap, 10);
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_heap_has_no_first),
        TEST(the_earliest_comes_first),
        TEST(orders_that_are_hard_for_heaps_are_sorted_too),
        TEST(anybody_can_be_taken_out),
        TEST(the_last_can_be_taken_out),
        TEST(spreading_brings_everybody_forward),
        TEST(spreading_over_no_time_ends_all_at_once),
    };
    return cmocka_run_group_tests_name("room/deadline", tests, NULL, NULL);
}
