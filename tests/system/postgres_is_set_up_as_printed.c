/* SPDX-License-Identifier: ISC */
/* What --postgres-setup prints is what psql takes, and what -t and a start need. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "must.h"
#include "postgres_server.h"
#include "program.h"
#include "shell.h"

static struct postgres_server server;
static char file[128];

static void write_config(const char *type)
{
    FILE *out = fopen(file, "w");
    must(out != NULL, "%s", file);
    fprintf(
        out,
        "store = { type = \"%s\"; url = \"postgresql://fcgiwait@/postgres?host=%s\";\n"
        "tables = (\n"
        "  { name = \"public.posts\"; path = \"/posts/{id}\";\n"
        "    also = ( \"/users/{author}/posts\" ); },\n"
        "  { name = \"\\\"Odd.Schema\\\".Things\"; path = \"/things/{Id}\"; } ); };\n",
        type, server.dir);
    must(fclose(out) == 0, "%s", file);
}

static int start_server(void **state)
{
    (void)state;
    postgres_server_start(&server, NULL);
    postgres_server_say(
        &server, "CREATE TABLE posts (id int PRIMARY KEY, author text);"
                 "CREATE SCHEMA \"Odd.Schema\";"
                 "CREATE TABLE \"Odd.Schema\".\"Things\" (\"Id\" int PRIMARY KEY);");
    snprintf(file, sizeof file, "%s/fcgiwait.conf", server.dir);
    write_config("postgres");
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    postgres_server_stop(&server);
    return 0;
}

static void must_say(const char *arguments, int status, const char *says)
{
    struct run run = program_run("%s -c '%s'", arguments, file);
    run_must(&run, status, says);
}

static void before_it_what_is_missing_is_named(void **state)
{
    (void)state;
    must_say("-t", EXIT_SUCCESS, "role \"fcgiwait\" does not exist");
    must_say("-t", EXIT_SUCCESS, "was not compared");
    postgres_server_say(&server, "CREATE ROLE fcgiwait LOGIN");
    must_say("-t", EX_CONFIG, "ALTER ROLE fcgiwait REPLICATION");
    must_say("-t", EX_CONFIG, "no publication fcgiwait");
    struct run run = program_run("-s '%s/fcgiwait.sock' -c '%s'", server.dir, file);
    run_must(&run, EX_CANTCREAT, "fcgiwait --postgres-setup");
}

static void set_up(void)
{
    shell("'%s' --postgres-setup -c '%s' | psql -X -q -v ON_ERROR_STOP=1 -d '%s'",
          getenv("FCGIWAIT"), file, server.url);
}

static void after_it_the_configuration_is_good(void **state)
{
    (void)state;
    shell("'%s' --postgres-setup -c '%s' | psql -X -q -v ON_ERROR_STOP=1 -d '%s' 2>&1 | "
          "grep -q 'NOTICE:  ALTER TABLE posts REPLICA IDENTITY FULL'",
          getenv("FCGIWAIT"), file, server.url);
    must_say("-t", EXIT_SUCCESS, "fcgiwait: the configuration is good\n");
    assert_int_equal(
        postgres_server_ask(&server, "SELECT has_table_privilege('fcgiwait', 'posts', "
                                     "'SELECT, INSERT, UPDATE, DELETE')::int"),
        0);
}

/* It may have been there before fcgiwait was. */
static void a_publication_keeps_what_others_have_in_it(void **state)
{
    (void)state;
    postgres_server_say(&server, "CREATE TABLE theirs (id int PRIMARY KEY);"
                                 "ALTER PUBLICATION fcgiwait ADD TABLE theirs;"
                                 "ALTER PUBLICATION fcgiwait DROP TABLE posts");
    set_up();
    set_up();
    must_say("-t", EXIT_SUCCESS, "fcgiwait: the configuration is good\n");
    assert_int_equal(postgres_server_ask(&server, "SELECT count(*) FROM "
                                                  "pg_publication_tables"),
                     3);
    postgres_server_say(&server, "DROP PUBLICATION fcgiwait;"
                                 "CREATE PUBLICATION fcgiwait FOR ALL TABLES");
    set_up();
    must_say("-t", EXIT_SUCCESS, "fcgiwait: the configuration is good\n");
    postgres_server_say(&server, "DROP PUBLICATION fcgiwait");
    set_up();
    assert_int_equal(postgres_server_ask(&server, "SELECT count(*) FROM "
                                                  "pg_publication_tables"),
                     2);
}

/* Nothing else says so: it may be meant. */
static void what_a_row_filter_hides_is_said(void **state)
{
    (void)state;
    must_say("--postgres-setup", EXIT_SUCCESS, "filters (WHERE)");
}

static void what_changes_later_is_named(void **state)
{
    (void)state;
    postgres_server_say(&server, "ALTER TABLE posts REPLICA IDENTITY DEFAULT");
    must_say("-t", EX_CONFIG, "ALTER TABLE public.posts REPLICA IDENTITY FULL");
    postgres_server_say(&server, "ALTER TABLE posts REPLICA IDENTITY FULL");
    postgres_server_say(&server, "ALTER PUBLICATION fcgiwait DROP TABLE posts");
    must_say("-t", EX_CONFIG, "ALTER PUBLICATION fcgiwait ADD TABLE public.posts");
}

static void other_stores_need_none(void **state)
{
    (void)state;
    write_config("memory");
    must_say("--postgres-setup", EX_CONFIG, "\"memory\" needs nothing to be set up");
    must_say("-t", EXIT_SUCCESS, "is good");
    write_config("postgres");
}

static void what_libpq_does_not_take_is_named(void **state)
{
    (void)state;
    must_say("--postgres-setup -o store.url=nonsense=1", EX_CONFIG, "store.url:");
}

/* As a start takes it. */
static void whom_it_speaks_of_is_whom_libpq_connects_to(void **state)
{
    (void)state;
    must_say("--postgres-setup -o store.url=app", EXIT_SUCCESS,
             "in the database app. Once");
    must_say("--postgres-setup -o store.url=app", EXIT_SUCCESS, "--     local \"app\"");
    must_say("--postgres-setup -o 'store.url=hostaddr=127.0.0.1 dbname=app'",
             EXIT_SUCCESS, "--     host \"app\"");
    must_say("--postgres-setup -o 'store.url=host=/run hostaddr=::1 dbname=app'",
             EXIT_SUCCESS, "--     host \"app\"");
    must_say("--postgres-setup -o 'store.url=host=@run dbname=app'", EXIT_SUCCESS,
             "--     local \"app\"");
    struct run run = program_run(
        "--postgres-setup -c '%s' -o 'store.url=postgresql://me:secret%%zz@/app'", file);
    run_must(&run, EX_CONFIG, "percent-encoded");
    must(strstr(run.output, "secret") == NULL, "the password is told: %s", run.output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_it_what_is_missing_is_named),
        cmocka_unit_test(after_it_the_configuration_is_good),
        cmocka_unit_test(a_publication_keeps_what_others_have_in_it),
        cmocka_unit_test(what_a_row_filter_hides_is_said),
        cmocka_unit_test(what_changes_later_is_named),
        cmocka_unit_test(other_stores_need_none),
        cmocka_unit_test(what_libpq_does_not_take_is_named),
        cmocka_unit_test(whom_it_speaks_of_is_whom_libpq_connects_to),
    };
    if (!postgres_server_can())
        return 77;
    return cmocka_run_group_tests_name("postgres_is_set_up_as_printed", tests,
                                       start_server, stop_server);
}
