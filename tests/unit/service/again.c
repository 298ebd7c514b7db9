/* SPDX-License-Identifier: ISC */
/* What counts again, and when. The reports that say so: unit/service/report. */
#include "service/again.h"

#include <stdio.h>
#include <stdlib.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_durations_parted_by_commas),
        cmocka_unit_test(the_earliest_counts_first),
    };
    return cmocka_run_group_tests_name("service/again", tests, NULL, NULL);
}
