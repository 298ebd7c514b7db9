/* SPDX-License-Identifier: ISC */
/* What a real server's catalogue says about the configuration, and what sets it up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "fcgiwait/engine.h"
#include "must.h"
#include "postgres_server.h"
#include "shell.h"
#include "stack.h"

#include "store/postgres_catalogue.h"
#include "store/postgres_link.h"
#include "store/postgres_setup.h"

static struct postgres_server server;

static const char schema[] =
    "CREATE TABLE posts (id int PRIMARY KEY, author int, title text, words int GENERATED "
    " ALWAYS AS (length(title)) STORED);"
    "CREATE TABLE loose (id int);"
    "CREATE TABLE silent (id int PRIMARY KEY);"
    "ALTER TABLE silent REPLICA IDENTITY NOTHING;"
    "CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE);"
    "CREATE TABLE indexed (id int PRIMARY KEY, slug text NOT NULL, words text);"
    "CREATE UNIQUE INDEX by_slug ON indexed (slug) INCLUDE (words);"
    "ALTER TABLE indexed REPLICA IDENTITY USING INDEX by_slug;"
    "CREATE SCHEMA \"Odd.Schema\";"
    "CREATE TABLE \"Odd.Schema\".\"My \"\"Table\" (\"Id\" int PRIMARY KEY, \"a}b\" text);"
    "CREATE TABLE events (id int, at int, who int, PRIMARY KEY (id, at)) "
    " PARTITION BY RANGE (at);"
    "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20) "
    " PARTITION BY RANGE (id);"
    "CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES FROM (0) TO (1000);"
    "CREATE TABLE old_posts () INHERITS (posts);"
    "ALTER TABLE old_posts ADD PRIMARY KEY (id);"
    "CREATE PUBLICATION everything FOR ALL TABLES;"
    "CREATE PUBLICATION little FOR TABLE ONLY posts WITH (publish = 'insert, update');"
    "CREATE PUBLICATION rooted FOR TABLE events WITH (publish_via_partition_root = true);"
    "CREATE PUBLICATION listed FOR TABLE posts (id);"
    "CREATE ROLE nobody LOGIN;"
    "CREATE ROLE lent_replication;"
    "CREATE ROLE borrower LOGIN IN ROLE lent_replication;";

static int start_server(void **state)
{
    (void)state;
    postgres_server_start(&server, NULL);
    postgres_server_say(&server, "%s", schema);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    postgres_server_stop(&server);
    return 0;
}

/* --- what is said --- */

static void note(void *context, const char *what)
{
    fprintf(context, "%s\n", what);
}

/* malloc'd. */
static char *said_of(const char *publication, const char *name, const char *path,
                     const char *url, enum store_checked *checked)
{
    const struct store_table table = {name, path, NULL, 0};
    const struct store_options options = {.type = "postgres",
                                          .url = url,
                                          .publication = publication,
                                          .patience = 10 * NANOS_PER_SECOND,
                                          .tables = &table,
                                          .table_count = 1};
    char *said = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&said, &len);
    must(out != NULL, "no memory");
    *checked = store_check(&options, note, out);
    fclose(out);
    return said;
}

static void must_be_good(const char *publication, const char *name, const char *path)
{
    enum store_checked checked;
    char *said = said_of(publication, name, path, server.url, &checked);
    must(checked == STORE_GOOD && said[0] == '\0', "%s %s: %s", name, path, said);
    free(said);
}

static void must_find(const char *publication, const char *name, const char *path,
                      const char *finding)
{
    enum store_checked checked;
    char *said = said_of(publication, name, path, server.url, &checked);
    must(checked == STORE_WRONG && strstr(said, finding) != NULL,
         "%s %s: \"%s\" and not \"%s\"", name, path, said, finding);
    free(said);
}

static void what_is_there_is_good(void **state)
{
    (void)state;
    must_be_good("everything", "posts", "/posts/{id}");
    must_be_good("everything", "public.posts", "/posts/{id}/*");
    must_be_good("everything", "indexed", "/slugs/{slug}");
    must_be_good("everything", "\"Odd.Schema\".\"My \"\"Table\"", "/odd/{Id}");
    must_be_good("everything", "events", "/events/{at}/{id}");
    must_be_good("rooted", "events", "/events/{at}/{id}");
}

static void what_is_missing_is_named_with_its_cure(void **state)
{
    (void)state;
    must_find("nothing", "posts", "/posts/{id}", "no publication nothing");
    must_find("everything", "Posts", "/posts/{id}", "no table public.\"Posts\"");
    must_find("everything", "posts", "/posts/{Id}", "posts has no column \"Id\"");
    must_find("everything", "posts", "/w/{words}", "words of public.posts is generated");
    must_find("little", "silent", "/s/{id}",
              "ALTER PUBLICATION little ADD TABLE public.silent");
    must_find("little", "posts", "/posts/{id}", "does not publish DELETE, TRUNCATE");
    must_find("little", "posts", "/posts/{id}",
              "ALTER PUBLICATION little ADD TABLE public.old_posts");
    must_find("listed", "posts", "/posts/{title}", "does not publish the column title");
    /* SET TABLE would take all others out. */
    must_find("listed", "posts", "/posts/{title}",
              "ALTER PUBLICATION listed DROP TABLE public.posts; ALTER PUBLICATION "
              "listed ADD TABLE public.posts (...)");
    must_find("listed", "posts", "/posts/{title}", "with its row filter");
    must_find("rooted", "posts", "/posts/{id}", "ADD TABLE public.posts");
}

static void an_identity_that_lacks_a_column_is_named_with_its_cure(void **state)
{
    (void)state;
    must_find("everything", "posts", "/u/{author}/{title}/{id}",
              "which author, title the row had: ALTER TABLE public.posts REPLICA "
              "IDENTITY FULL");
    must_find("everything", "posts", "/u/{author}",
              "ALTER TABLE public.old_posts REPLICA IDENTITY FULL");
    must_find("everything", "loose", "/l", "ALTER TABLE public.loose REPLICA IDENTITY");
    must_find("everything", "silent", "/s/{id}", "public.silent has no replica identity");
    must_find("everything", "deferred", "/d/{id}", "deferred has no replica identity");
    must_find("everything", "indexed", "/i/{id}", "which id the row had");
    must_find("everything", "indexed", "/i/{words}", "which words the row had");
    /* Each partition has its own. */
    must_find("rooted", "events", "/who/{who}", "ALTER TABLE public.events_1 REPLICA");
    must_find("rooted", "events", "/who/{who}", "ALTER TABLE public.events_2a REPLICA");
}

static void must_refuse(const char *user, const char *cure)
{
    char url[256];
    enum store_checked checked;
    snprintf(url, sizeof url, "host=%s dbname=postgres user=%s", server.dir, user);
    char *said = said_of("everything", "posts", "/posts/{id}", url, &checked);
    assert_int_equal(checked, STORE_WRONG);
    must(strstr(said, cure) != NULL, "\"%s\"", said);
    free(said);
}

static void a_role_without_replication_is_named(void **state)
{
    (void)state;
    must_refuse("nobody", "ALTER ROLE nobody REPLICATION");
}

/* Who may ask may still be refused the log, as by a pool in between. */
static void a_log_that_is_refused_is_named(void **state)
{
    (void)state;
    must_refuse("borrower", "ALTER ROLE ... REPLICATION");
}

/* Perhaps by those that serve already. */
static void that_all_there_is_is_taken_is_no_mistake(void **state)
{
    enum { ALL = 20 }; /* max_wal_senders */
    PGconn *others[ALL];
    char url[256];
    enum store_checked checked;
    (void)state;
    snprintf(url, sizeof url, "%s&replication=database", server.url);
    for (int i = 0, tries = 0; i < ALL; i++) {
        others[i] = PQconnectdb(url);
        if (PQstatus(others[i]) == CONNECTION_OK)
            continue;
        must(++tries < 1000, "%s", PQerrorMessage(others[i]));
        PQfinish(others[i--]); /* one of before is still there */
        sleep_ms(10);
    }
    char *said = said_of("everything", "posts", "/posts/{id}", server.url, &checked);
    assert_int_equal(checked, STORE_GOOD);
    must(strstr(said, "raise max_wal_senders") != NULL, "\"%s\"", said);
    free(said);
    for (int i = 0; i < ALL; i++)
        PQfinish(others[i]);
}

static void must_be_no_url(const char *url, const char *why)
{
    enum store_checked checked;
    char *said = said_of("everything", "posts", "/posts/{id}", url, &checked);
    must(checked == STORE_WRONG && strstr(said, why) != NULL, "%s: %s", url, said);
    must(strstr(said, "store.url") != NULL, "%s: %s", url, said);
    must(strstr(said, "secret") == NULL, "the password is told: %s", said);
    free(said);
}

static void what_can_be_no_url_is_named(void **state)
{
    (void)state;
    must_be_no_url("hots=127.0.0.1", "\"hots\"");
    must_be_no_url("host=127.0.0.1 password=a secret", "missing");
    must_be_no_url("postgresql://me:secret%@127.0.0.1/", "percent-encoded");
    must_be_no_url("postgres://me:secret@[::1/app", "IPv6");
}

static void without_a_server_nobody_knows(void **state)
{
    enum store_checked checked;
    char *said = said_of("everything", "posts", "/posts/{id}",
                         "host=/nowhere dbname=postgres", &checked);
    (void)state;
    assert_int_equal(checked, STORE_UNREACHABLE);
    must(strstr(said, "/nowhere") != NULL, "%s", said);
    free(said);
}

/* --- parts of tables --- */

static enum postgres_learned adopted(struct postgres_tables *tables, long long relation)
{
    struct engine engine;
    struct postgres_link link;
    struct instant until = instant_after(clock_now(), 10 * NANOS_PER_SECOND);
    const struct postgres_message message = {
        .kind = POSTGRES_RELATION, .relation = (uint32_t)relation, .identity = 'd'};
    enum postgres_learned learned = POSTGRES_NO_MEMORY;
    const char *why;
    engine_init(&engine, "postgres", NULL);
    must(postgres_link_init(&link, server.url, &engine, false) == 0, "no link");
    must(postgres_link_open(&link, until), "%s", link.error);
    must(postgres_catalogue_adopt(&link, tables, &message, until, &learned, &why), "%s",
         link.error);
    postgres_link_dispose(&link);
    engine_dispose(&engine);
    return learned;
}

static void parts_are_found_however_deep(void **state)
{
    static const struct store_table told[] = {{"events", "/events", NULL, 0},
                                              {"posts", "/posts", NULL, 0}};
    static const char *const parts[] = {"events_1", "events_2a", "old_posts"};
    char error[256], question[64];
    struct postgres_tables *tables = postgres_tables_new(told, 2, error, sizeof error);
    (void)state;
    must(tables != NULL, "%s", error);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(question, sizeof question, "SELECT '%s'::regclass::oid", parts[i]);
        must(adopted(tables, postgres_server_ask(&server, question)) == POSTGRES_MAPPED,
             "%s", parts[i]);
    }
    assert_int_equal(
        adopted(tables, postgres_server_ask(&server, "SELECT 'loose'::regclass::oid")),
        POSTGRES_UNKNOWN);
    assert_int_equal(adopted(tables, 4294967295), POSTGRES_MAPPED); /* gone: feared */
    postgres_tables_free(&tables);
}

/* --- what sets it up --- */

static void print_into(const char *file, const struct store_options *options)
{
    char error[256];
    FILE *out = fopen(file, "w");
    must(out != NULL && postgres_print_setup(options, out, error, sizeof error) &&
             fclose(out) == 0,
         "nothing is printed");
}

static void what_is_printed_makes_it_good(void **state)
{
    static const char *const also[] = {"/users/{author}/posts", "/who/{\"wh'o\"\"\\\"}"};
    struct store_table told[] = {
        {"public.mine", "/posts/{id}", also, 2},
        {"\"Odd.Schema\".\"My \"\"Table\"", "/odd/{Id}", NULL, 0},
        {"events", "/events/{who}", NULL, 0},
        {"loose", "/loose", NULL, 0},
        {"deferred", "/d/{id}", NULL, 0}};
    struct store_options options = {.type = "postgres",
                                    .publication = "p $fcgiwait$ \"'x",
                                    .patience = 10 * NANOS_PER_SECOND,
                                    .tables = told,
                                    .table_count = 5};
    char url[256], file[128];
    (void)state;
    snprintf(url, sizeof url, "postgresql://the%%20role%%22@/postgres?host=%s",
             server.dir);
    snprintf(file, sizeof file, "%s/setup.sql", server.dir);
    options.url = url;
    postgres_server_say(&server, "CREATE TABLE mine (id int PRIMARY KEY, author int, "
                                 "\"wh'o\"\"\\\" int)");
    print_into(file, &options);
    for (int i = 0; i < 2; i++) /* once more changes nothing */
        shell("psql -X -q -v ON_ERROR_STOP=1 -d '%s' -f '%s' >'%s/said' 2>&1 || "
              "{ cat '%s/said'; false; }",
              server.url, file, server.dir, server.dir);
    shell("! grep NOTICE '%s/said'", server.dir);
    assert_int_equal(store_check(&options, note, stderr), STORE_GOOD);
    /* The application writes on. */
    postgres_server_say(&server, "INSERT INTO loose VALUES (1); UPDATE loose SET id = 2;"
                                 "INSERT INTO deferred VALUES (1);"
                                 "UPDATE deferred SET id = 2");
    assert_int_equal(
        postgres_server_ask(&server, "SELECT count(*) FROM pg_roles WHERE rolname = "
                                     "'the role\"' AND rolreplication AND NOT rolsuper"),
        1);
    assert_int_equal(
        postgres_server_ask(
            &server, "SELECT has_table_privilege('the role\"', 'mine', 'SELECT')::int"),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_good),
        cmocka_unit_test(what_is_missing_is_named_with_its_cure),
        cmocka_unit_test(an_identity_that_lacks_a_column_is_named_with_its_cure),
        cmocka_unit_test(a_role_without_replication_is_named),
        cmocka_unit_test(a_log_that_is_refused_is_named),
        cmocka_unit_test(that_all_there_is_is_taken_is_no_mistake),
        cmocka_unit_test(what_can_be_no_url_is_named),
        cmocka_unit_test(without_a_server_nobody_knows),
        cmocka_unit_test(parts_are_found_however_deep),
        cmocka_unit_test(what_is_printed_makes_it_good),
    };
    if (!postgres_server_can())
        return 77;
    return cmocka_run_group_tests_name("store/postgres_check", tests, start_server,
                                       stop_server);
}
