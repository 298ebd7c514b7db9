/* SPDX-License-Identifier: ISC */
/* Two machines over one PostgreSQL that 16 writers change behind everybody's back.
 * FCGIWAIT_FULL=1: for ten minutes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "row_world.h"

static struct world world;

/* Nobody misses a commit, none gets a body older than its index (row_world.c looks at
 * each), and nobody spins. */
static void everybody_is_told_of_every_commit(void **state)
{
    double most = 0, answers = 0, changes = 0;
    long refused = 0;
    (void)state;
    world_start(&world, false);
    sleep_ms(getenv("FCGIWAIT_FULL") != NULL ? 600000 : 5000);
    world_rest(&world);
    for (int i = 0; i < WORLD_CLIENTS; i++) {
        const struct world_client *client = &world.clients[i];
        double told = (double)atomic_load(&client->answers);
        double happened = (double)atomic_load(&world.rows[client->row].version);
        /* The first answer is of no change, and so is the start of the other machine. */
        double each = (told - 2) / happened;
        most = each > most ? each : most;
        answers += told;
        changes += happened;
        refused += atomic_load(&client->refused);
    }
    printf("answers for each client and change: %.3f, at most %.3f; %.0f answers, %ld "
           "refused\n",
           answers / changes, most, answers, refused);
    assert_true(most <= 1.1);
    assert_int_equal(refused, 0);
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_told_of_every_commit),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!postgres_server_can()) {
        puts("skipped: PostgreSQL is not installed (postgresql), or this build has none");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
