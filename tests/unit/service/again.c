/* SPDX-License-Identifier: ISC */
/* What counts again, and when. The reports that say so: unit/service/report. */
#include "service/again.h"

#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/thread.h"
#include "must.h"
#include "service/service_private.h"
#include "service_rig.h"

static void times_are_durations_parted_by_commas(void **state)
{
    static const struct {
        const char *said;
        size_t count;
        bool sound;
    } rows[] = {
        {"", 0, true},         {"400ms,2s", 2, true},   {" 1s ,\t2s", 2, true},
        {"1,2,3,4", 4, true},  {"1,2,3,4,5", 4, false}, {"soon", 0, false},
        {"soon,2s", 1, false}, {"10m", 1, true},        {"11m", 0, false},
        {"-1s", 0, false},     {",", 0, false},
    };
    nanos times[AGAIN_TIMES];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t count;
        bool sound = again_parse(text_of(rows[i].said), times, &count);
        if (sound != rows[i].sound || count != rows[i].count)
            fail_msg("\"%s\": %zu times", rows[i].said, count);
    }
    again_parse(TEXT("400ms,2s"), times, &(size_t){0});
    assert_true(times[0] == 400 * NANOS_PER_MS && times[1] == 2 * NANOS_PER_SECOND);
}

#define MANY 500

/* Whatever the order in which they were told. */
static void the_earliest_counts_first(void **state)
{
    struct service_rig service_rig;
    char paths[MANY][16];
    uint64_t before = 0;
    (void)state;
    service_rig_open(&service_rig, &service_rig_rules);
    struct again *again = &service_rig.service->again;
    for (size_t i = 0; i < MANY; i++) {
        size_t turn = i * 7919 % MANY; /* each once */
        struct pending *pending =
            pending_new(service_rig.service, NULL, 1, 0, again_done);
        snprintf(paths[turn], sizeof paths[turn], "/%zu", turn);
        pending->edits[0].kind = EDIT_TOUCH;
        pending->edits[0].path = text_of(paths[turn]);
        again_add(again, pending,
                  instant_after(clock_now(), (nanos)(100 + turn) * NANOS_PER_SECOND));
    }
    assert_int_equal(counter_read(&service_rig.counters.repeated), 0);
    service_stop(service_rig.service);
    assert_int_equal(counter_read(&service_rig.counters.repeated), MANY);
    for (size_t i = 0; i < MANY; i++) {
        uint64_t index = service_rig_index(&service_rig, paths[i], SCOPE_SELF);
        assert_true(index > before);
        before = index;
    }
    service_rig_close(&service_rig);
}

static void add(struct service_rig *service_rig, nanos from_now)
{
    struct pending *pending = pending_new(service_rig->service, NULL, 1, 0, again_done);
    pending->edits[0].kind = EDIT_TOUCH;
    pending->edits[0].path = TEXT("/a");
    again_add(&service_rig->service->again, pending,
              instant_after(clock_now(), from_now));
}

static void open_full(struct service_rig *service_rig)
{
    service_rig_open(service_rig, &service_rig_rules);
    for (size_t i = 0; i < AGAIN_MOST; i++)
        add(service_rig, 500 * NANOS_PER_SECOND);
}

static int64_t repeated(struct service_rig *service_rig)
{
    return counter_read(&service_rig->counters.repeated);
}

/* However many more come before it is due. */
static void what_there_was_no_room_for_counts_while_more_comes(void **state)
{
    struct service_rig service_rig;
    (void)state;
    open_full(&service_rig);
    for (int i = 0; i < 600 && repeated(&service_rig) == 0; i++) {
        add(&service_rig, 500 * NANOS_PER_MS);
        thread_pause(50 * NANOS_PER_MS);
    }
    assert_true(repeated(&service_rig) > 0);
    service_stop(service_rig.service);
    service_rig_close(&service_rig);
}

static void what_there_was_no_room_for_does_not_wait_for_what_is_later(void **state)
{
    struct service_rig service_rig;
    (void)state;
    open_full(&service_rig);
    struct instant soon = instant_after(clock_now(), 200 * NANOS_PER_MS);
    add(&service_rig, 200 * NANOS_PER_MS);
    add(&service_rig, 500 * NANOS_PER_SECOND);
    for (int i = 0; i < 6000 && repeated(&service_rig) == 0; i++)
        thread_pause(5 * NANOS_PER_MS);
    assert_int_equal(repeated(&service_rig), 1);
    assert_true(clock_now().at >= soon.at);
    service_stop(service_rig.service);
    assert_int_equal(repeated(&service_rig), 1 + AGAIN_MOST + 1);
    service_rig_close(&service_rig);
}

/* One that is kept is delivered once the engine is back, and nothing was missed. */
static void what_is_kept_was_not_missed(void **state)
{
    static const struct {
        enum edit_result result;
        bool missed;
    } rows[] = {{EDIT_CHANGED, false},
                {EDIT_KEPT, false},
                {EDIT_FAILED, true},
                {EDIT_UNSURE, true}};
    struct service_rig service_rig;
    (void)state;
    service_rig_open(&service_rig, &service_rig_rules);
    struct service *service = service_rig.service;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pending *pending = pending_new(service, NULL, 1, 0, again_done);
        pending->edits[0].result = rows[i].result;
        service->again.under_way++;
        atomic_store(&service->missed, false);
        again_done(pending);
        assert_int_equal(atomic_load(&service->missed), rows[i].missed);
    }
    service_rig_close(&service_rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_durations_parted_by_commas),
        cmocka_unit_test(the_earliest_counts_first),
        cmocka_unit_test(what_there_was_no_room_for_counts_while_more_comes),
        cmocka_unit_test(what_there_was_no_room_for_does_not_wait_for_what_is_later),
        cmocka_unit_test(what_is_kept_was_not_missed),
    };
    return cmocka_run_group_tests_name("service/again", tests, NULL, NULL);
}
