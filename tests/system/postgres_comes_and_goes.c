/* SPDX-License-Identifier: ISC */
/* fcgiwait and PostgreSQL are killed in turns, and standbys that lag are promoted, while
 * 16 writers write and 32 clients follow: everybody ends on the state of the database.
 * FCGIWAIT_FULL=1: 50 times. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "row_world.h"

static struct world world;

static void kill_fcgiwait(int machine)
{
    struct stack *stack = &world.stacks[machine];
    kill(stack->fcgiwait, SIGKILL);
    stack_wait_fcgiwait(stack);
    sleep_ms(200); /* it misses what is written now */
    atomic_store(&world.paused, true);
    sleep_ms(400);
    stack_start_fcgiwait(stack);
}

static void kill_server(void)
{
    atomic_store(&world.paused, true);
    postgres_server_kill(&world.primary);
    postgres_server_launch(&world.primary);
}

/* What was committed last is lost with the primary. */
static void promote_a_standby_that_lags(void)
{
    struct postgres_server old = world.primary;
    postgres_server_cut_off(&world.standby);
    sleep_ms(400);
    atomic_store(&world.paused, true);
    sleep_ms(200);
    postgres_server_kill(&old);
    postgres_server_promote(&world.standby);
    world.primary = world.standby;
    world.standby = old;
    postgres_server_start_standby(&world.standby, &world.primary);
}

static void everybody_ends_on_what_the_database_has(void **state)
{
    int times = getenv("FCGIWAIT_FULL") != NULL ? 50 : 3;
    (void)state;
    world_start(&world, true);
    for (int i = 0; i < times; i++) {
        sleep_ms(500);
        if (i % 3 == 0)
            promote_a_standby_that_lags();
        else if (i % 3 == 1)
            kill_server();
        else
            kill_fcgiwait(i / 3 % WORLD_MACHINES);
        /* Nobody writes any more, so nothing else tells them. */
        world_settle(&world);
        atomic_store(&world.paused, false);
    }
    sleep_ms(500);
    world_rest(&world);
    world_stop(&world); /* nothing of ours is left in the server */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_ends_on_what_the_database_has),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!postgres_server_can()) {
        puts("skipped: PostgreSQL is not installed (postgresql), or this build has none");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
