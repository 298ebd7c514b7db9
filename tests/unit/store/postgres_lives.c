/* SPDX-License-Identifier: ISC */
/* Servers that are not what they were: promoted standbys, restored backups, others under
 * the same name. No index goes back, and all machines go on with the same ones. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/thread.h"
#include "must.h"
#include "postgres_server.h"
#include "shell.h"
#include "store_rig.h"

enum { MACHINES = 2 };

static const struct store_table tables[] = {
    {.name = "public.posts", .path = "/posts/{id}"},
};
static struct counters counters;
static struct store_options options = {.type = "postgres",
                                       .patience = 30 * NANOS_PER_SECOND,
                                       .publication = "fcgiwait",
                                       .counters = &counters,
                                       .tables = tables,
                                       .table_count = 1};
static struct store_rig machines[MACHINES];
static struct postgres_server first, second;
static char url[512];

static const char schema[] = "CREATE TABLE posts (id int PRIMARY KEY, title text);"
                             "CREATE PUBLICATION fcgiwait FOR TABLE posts;";

static int start(void **state)
{
    (void)state;
    postgres_server_start(&first, NULL);
    postgres_server_say(&first, "%s", schema);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        store_rig_close(&machines[i]);
    postgres_server_stop(&first);
    if (second.dir[0] != '\0')
        postgres_server_stop(&second);
    second.dir[0] = '\0';
    return 0;
}

/* Whichever of the two is the primary. */
static void open_machines(void)
{
    snprintf(url, sizeof url,
             "postgresql:///postgres?host=%s,%s&user=postgres&target_session_attrs="
             "read-write",
             first.dir, second.dir[0] != '\0' ? second.dir : first.dir);
    options.url = url;
    for (int i = 0; i < MACHINES; i++)
        store_rig_open(&machines[i], &options);
}

static uint64_t index_of(int machine, const char *path)
{
    struct present present;
    tree_look(machines[machine].tree, text_of(path), SCOPE_BELOW, &present);
    present_dispose(&present);
    return present.index;
}

static void await_change(int machine, const char *path, uint64_t before)
{
    for (int tries = 0; index_of(machine, path) <= before; tries++) {
        must(tries < 6000, "%s does not change", path);
        thread_pause(10 * NANOS_PER_MS);
    }
}

static uint64_t newest(void)
{
    uint64_t index = 0;
    for (int i = 0; i < MACHINES; i++)
        if (store_index(machines[i].store) > index)
            index = store_index(machines[i].store);
    return index;
}

/* A change of the row has the same index everywhere, and it is higher than all before. A
 * base that one has told meanwhile is everybody's soon. */
static uint64_t goes_on(const struct postgres_server *server)
{
    for (int tries = 0; tries < 600; tries++) {
        uint64_t before = newest(), same = 0;
        postgres_server_say(server, "INSERT INTO posts VALUES (1, '') ON CONFLICT (id) "
                                    "DO UPDATE SET title = ''");
        for (int i = 0; i < MACHINES; i++)
            await_change(i, "/posts/1", before);
        for (int i = 0; i < MACHINES; i++)
            same += index_of(i, "/posts/1") == index_of(0, "/posts/1");
        if (same == MACHINES)
            return index_of(0, "/posts/1");
        thread_pause(10 * NANOS_PER_MS);
    }
    must(false, "the machines do not come to the same indexes");
    return 0;
}

/* Everything counts as changed, under indexes that are higher than all that were given.
 */
static void begins_anew(uint64_t before)
{
    for (int i = 0; i < MACHINES; i++)
        await_change(i, "/never", before);
}

static void a_standby_that_lags_is_promoted(void **state)
{
    (void)state;
    postgres_server_start_standby(&second, &first);
    open_machines();
    goes_on(&first);
    postgres_server_cut_off(&second);
    for (int i = 0; i < 50; i++)
        goes_on(&first); /* that nobody will have */
    uint64_t before = newest();
    postgres_server_kill(&first);
    postgres_server_promote(&second);
    begins_anew(before);
    goes_on(&second);
}

static void another_server_has_the_same_name(void **state)
{
    (void)state;
    postgres_server_start(&second, NULL);
    postgres_server_say(&second, "%s", schema);
    postgres_server_say(&first, "INSERT INTO posts SELECT n, repeat('x', 1000) FROM "
                                "generate_series(2, 30000) n");
    open_machines();
    goes_on(&first);
    for (int i = 0; i < 3; i++) {
        uint64_t before = newest();
        postgres_server_kill(&first);
        begins_anew(before);
        uint64_t index = goes_on(&second);
        /* One that starts now knows nothing of the other server, and learns it. */
        store_rig_close(&machines[1]);
        store_rig_open(&machines[1], &options);
        assert_true(goes_on(&second) > index);
        postgres_server_launch(&first);
        before = newest();
        postgres_server_kill(&second);
        begins_anew(before);
        goes_on(&first);
        postgres_server_launch(&second);
    }
}

/* Where nothing says which of the hosts is meant, a standby is one that answers. */
static void a_primary_comes_back_beside_its_standby(void **state)
{
    (void)state;
    postgres_server_start_standby(&second, &first);
    snprintf(url, sizeof url, "postgresql:///postgres?host=%s,%s&user=postgres",
             first.dir, second.dir);
    options.url = url;
    store_rig_open(&machines[0], &options);
    store_rig_touch(&machines[0], "/touched");
    uint64_t before = store_index(machines[0].store);
    postgres_server_kill(&first);
    assert_int_equal(store_rig_touch(&machines[0], "/touched").result, EDIT_KEPT);
    assert_int_equal(counter_read(&counters.engine_kept), 1);
    postgres_server_launch(&first);
    await_change(0, "/never", before);
    for (int tries = 0; counter_read(&counters.engine_kept) != 0; tries++) {
        must(tries < 6000, "what was kept is told to nobody");
        thread_pause(10 * NANOS_PER_MS);
    }
    assert_int_equal(store_rig_touch(&machines[0], "/touched").result, EDIT_CHANGED);
}

static void an_old_backup_is_restored(void **state)
{
    (void)state;
    postgres_server_stop_gently(&first);
    shell("cp -a '%s/data' '%s/backup'", first.dir, first.dir);
    postgres_server_launch(&first);
    open_machines();
    for (int i = 0; i < 20; i++)
        goes_on(&first);
    uint64_t before = newest();
    postgres_server_kill(&first);
    shell("rm -rf '%s/data' && mv '%s/backup' '%s/data'", first.dir, first.dir,
          first.dir);
    postgres_server_launch(&first);
    begins_anew(before);
    goes_on(&first);
}

/* --- hosts that say nothing --- */

/* Which libpq finds read-write nowhere. */
static void make_reader(void)
{
    postgres_server_say(&first, "CREATE ROLE reader LOGIN REPLICATION; ALTER ROLE reader "
                                "SET default_transaction_read_only = on");
}

/* A host that takes connections, and never says a word. Returns its socket. */
static int listen_deaf(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", dir);
    unlink(address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
             listen(fd, 100) == 0,
         "%s", address.sun_path);
    return fd;
}

/* Until one that was to follow the log has been given up. */
static void await_one_in_vain(int fd)
{
    static const char asked[] = "replication\0database";
    char said[4096];
    for (size_t len = 0; memmem(said, len, asked, sizeof asked) == NULL;) {
        ssize_t n = 1;
        int with = accept(fd, NULL, NULL);
        must(with >= 0, "accept");
        for (len = 0; n > 0 && len < sizeof said; len += (size_t)n)
            n = read(with, said + len, sizeof said - len);
        must(n == 0, "nobody says so much");
        close(with);
    }
}

/* Nothing else is asked of it then than before. */
static void the_only_host_may_say_nothing_for_a_while(void **state)
{
    (void)state;
    make_reader();
    snprintf(url, sizeof url, "postgresql:///postgres?host=%s&user=reader", first.dir);
    options.url = url;
    nanos patience = options.patience;
    options.patience = 3 * NANOS_PER_SECOND;
    store_rig_open(&machines[0], &options);
    options.patience = patience;
    uint64_t before = store_index(machines[0].store);
    postgres_server_kill(&first);
    int fd = listen_deaf(first.dir);
    await_one_in_vain(fd);
    close(fd);
    postgres_server_launch(&first);
    await_change(0, "/never", before);
}

static void a_host_that_says_nothing_is_passed_over(void **state)
{
    struct store_rig_folder deaf;
    (void)state;
    store_rig_folder_make(&deaf);
    int fd = listen_deaf(deaf.dir);
    make_reader();
    snprintf(url, sizeof url, "postgresql:///postgres?host=%s,%s&user=reader", deaf.dir,
             first.dir);
    options.url = url;
    nanos patience = options.patience;
    options.patience = 4 * NANOS_PER_SECOND;
    store_rig_open(&machines[0], &options);
    options.patience = patience;
    uint64_t before = store_index(machines[0].store);
    postgres_server_say(&first, "INSERT INTO posts VALUES (1, '')");
    await_change(0, "/posts/1", before);
    store_rig_touch(&machines[0], "/touched");
    await_change(0, "/touched", before);
    /* It is not waited for again. */
    for (int i = 0; i < 3; i++) {
        before = store_index(machines[0].store);
        postgres_server_say(&first,
                            "SELECT pg_terminate_backend(pid) FROM "
                            "pg_stat_activity WHERE application_name = 'fcgiwait'");
        await_change(0, "/never", before);
    }
    close(fd);
    store_rig_folder_remove(&deaf);
}

/* Nothing is waited for there: a socket without a server refuses at once. */
static void a_fence_keeps_its_time_where_nobody_listens(void **state)
{
    nanos least = INT64_MAX;
    (void)state;
    options.fenced = true;
    open_machines();
    options.fenced = false;
    postgres_server_kill(&first);
    for (int i = 0; i < 5; i++) {
        struct instant began = clock_now();
        store_rig_pass(&machines[0], 0, NANOS_PER_SECOND / 2);
        nanos took = clock_now().at - began.at;
        least = took < least ? took : least;
    }
    must(least < 3 * NANOS_PER_SECOND, "%lld ns", (long long)least);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_standby_that_lags_is_promoted, start, stop),
        cmocka_unit_test_setup_teardown(another_server_has_the_same_name, start, stop),
        cmocka_unit_test_setup_teardown(a_primary_comes_back_beside_its_standby, start,
                                        stop),
        cmocka_unit_test_setup_teardown(an_old_backup_is_restored, start, stop),
        cmocka_unit_test_setup_teardown(a_fence_keeps_its_time_where_nobody_listens,
                                        start, stop),
        cmocka_unit_test_setup_teardown(the_only_host_may_say_nothing_for_a_while, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_host_that_says_nothing_is_passed_over, start,
                                        stop),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!postgres_server_can()) {
        puts("skipped: PostgreSQL is not installed (postgresql), or this build has none");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
