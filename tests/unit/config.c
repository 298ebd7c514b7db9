/* SPDX-License-Identifier: ISC */
/* The configuration: every key, and every way to get one wrong. */
#include "fcgiwait/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgiwait/store.h"
#include "must.h"

#define S NANOS_PER_SECOND

/* --- files of the test's own --- */

static char folder[64];

static int start(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/fcgiwait-test.XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int stop(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char paths[2][128];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

static const char *write_bytes(const char *name, const char *bytes, size_t len)
{
    const char *path = path_of(name);
    FILE *out = fopen(path, "we");
    must(out != NULL && fwrite(bytes, 1, len, out) == len && fclose(out) == 0, "%s",
         path);
    return path;
}

static const char *write_file(const char *name, const char *text)
{
    return write_bytes(name, text, strlen(text));
}

static struct config load(const char *text)
{
    struct config config;
    char error[CONFIG_ERROR];
    must(config_load(&config, write_file("good.conf", text), NULL, 0, error), "%s: %s",
         text, error);
    return config;
}

/* --- every key --- */

static void every_key_sets_its_own(void **state)
{
    (void)state;
    struct config config =
        load("threads = 3;\n"
             "max_waiting = 4;\n"
             "wait = { default = \"5s\"; max = \"6m\"; jitter = 0.25; };\n"
             "stream = { max = \"11m\"; heartbeat = \"12s\"; };\n"
             "drain = \"7s\";\n"
             "store = { type = \"memory\"; file = \"/x/y\"; sync = "
             "\"normal\"; };\n"
             "limits = { body = 8; path = 9; resources = 10; changes = 13;\n"
             "answer = 1400; waiting_per_client = 15; };\n"
             "cache_control = \"private, max-age=1\";\n"
             "log_level = \"debug\"; log_format = \"json\";\n");
    assert_int_equal(config.threads, 3);
    assert_int_equal(config.max_waiting, 4);
    assert_int_equal(config.wait_default, 5 * S);
    assert_int_equal(config.wait_max, 360 * S);
    assert_true(config.wait_jitter == 0.25);
    assert_int_equal(config.drain, 7 * S);
    assert_string_equal(config.store_type, "memory");
    assert_string_equal(config.store_file, "/x/y");
    assert_string_equal(config.store_sync, "normal");
    assert_int_equal(config.limit_body, 8);
    assert_int_equal(config.limit_path, 9);
    assert_int_equal(config.limit_resources, 10);
    assert_int_equal(config.limit_changes, 13);
    assert_int_equal(config.limit_answer, 1400);
    assert_int_equal(config.waiting_per_client, 15);
    assert_int_equal(config.stream_max, 660 * S);
    assert_int_equal(config.stream_heartbeat, 12 * S);
    assert_string_equal(config.cache_control, "private, max-age=1");
    assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(config.log_format, "json");
    config_free(&config);
    assert_null(config.store_type);
}

static void every_option_sets_its_own(void **state)
{
    static const char *const options[] = {"threads=3",
                                          "max_waiting=4",
                                          "wait.default=5s",
                                          "wait.max=6m",
                                          "wait.jitter=0.25",
                                          "drain=7s",
                                          "store.type=memory",
                                          "store.file=/x/y=z",
                                          "store.sync=normal",
                                          "limits.body=8",
                                          "limits.path=9",
                                          "limits.resources=1099511627776",
                                          "stream.max=11m",
                                          "stream.heartbeat=12s",
                                          "limits.changes=13",
                                          "limits.answer=1400",
                                          "limits.waiting_per_client=15",
                                          "cache_control=",
                                          "log_level=error",
                                          "log_format=json"};
    struct config config;
    char error[CONFIG_ERROR];
    (void)state;
    must(config_load(&config, NULL, options, sizeof options / sizeof *options, error),
         "%s", error);
    assert_int_equal(config.threads, 3);
    assert_int_equal(config.max_waiting, 4);
    assert_int_equal(config.wait_default, 5 * S);
    assert_int_equal(config.wait_max, 360 * S);
    assert_true(config.wait_jitter == 0.25);
    assert_int_equal(config.drain, 7 * S);
    assert_string_equal(config.store_type, "memory");
    assert_string_equal(config.store_file, "/x/y=z");
    assert_string_equal(config.store_sync, "normal");
    assert_int_equal(config.limit_body, 8);
    assert_int_equal(config.limit_path, 9);
    assert_int_equal(config.limit_resources, INT64_C(1) << 40);
    assert_int_equal(config.limit_changes, 13);
    assert_int_equal(config.limit_answer, 1400);
    assert_int_equal(config.waiting_per_client, 15);
    assert_int_equal(config.stream_max, 660 * S);
    assert_int_equal(config.stream_heartbeat, 12 * S);
    assert_string_equal(config.cache_control, "");
    assert_int_equal(config.log_level, LOG_LEVEL_ERROR);
    assert_string_equal(config.log_format, "json");
    config_free(&config);
}

static void a_key_that_differs_is_told_by_its_name_and_its_group(void **state)
{
    static const struct {
        const char *option, *name, *group;
    } rows[] = {{"threads=3", "threads", "threads"},
                {"wait.jitter=0.25", "wait.jitter", "wait"},
                {"log_level=error", "log_level", "log_level"},
                {"store.type=memory", "store.type", "store"},
                {"store.file=/x", "store.file", "store"},
                {"store.sync=normal", "store.sync", "store"},
                {"store.url=redis://x", "store.url", "store"},
                {"store.name=x", "store.name", "store"},
                {"store.replicas=1", "store.replicas", "store"},
                {"store.reads=fenced", "store.reads", "store"},
                {"store.patience=1s", "store.patience", "store"},
                {"store.publication=x", "store.publication", "store"},
                {"store.history=1", "store.history", "store"}};
    struct config defaults = load(""), same = load("");
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config;
        char error[CONFIG_ERROR];
        must(config_load(&config, NULL, &rows[i].option, 1, error), "%s", error);
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            assert_int_equal(config_differs(&defaults, &config, rows[j].name), i == j);
            assert_int_equal(config_differs(&defaults, &config, rows[j].group),
                             strcmp(rows[i].group, rows[j].group) == 0);
            assert_false(config_differs(&defaults, &same, rows[j].group));
        }
        config_free(&config);
    }
    config_free(&defaults);
    config_free(&same);
}

static void tables_are_taken_as_they_stand(void **state)
{
    static const char text[] =
        "store = { type = \"postgres\"; url = \"postgresql://a@b/c\"; publication = "
        "\"p\";"
        " tables = ( { name = \"public.posts\"; path = \"/posts/{id}\";"
        " also = ( \"/users/{author_id}/posts\", \"/all/*\" ); },"
        " { name = \"\\\"A.b\\\".c\"; path = \"/c\"; also = \"/d\"; },"
        " { name = \"e\"; path = \"/e\"; also = [ \"/f\" ]; } ); };";
    struct config config = load(text), same = load(text), none = load("");
    (void)state;
    assert_string_equal(config.store_publication, "p");
    assert_int_equal(config.store_table_count, 3);
    assert_string_equal(config.store_tables[0].name, "public.posts");
    assert_string_equal(config.store_tables[0].path, "/posts/{id}");
    assert_int_equal(config.store_tables[0].also_count, 2);
    assert_string_equal(config.store_tables[0].also[1], "/all/*");
    assert_string_equal(config.store_tables[1].name, "\"A.b\".c");
    assert_string_equal(config.store_tables[1].also[0], "/d");
    assert_string_equal(config.store_tables[2].also[0], "/f");
    assert_false(config_differs(&config, &same, "store"));
    assert_true(config_differs(&config, &none, "store.tables"));
    ((char *)same.store_tables[0].also[1])[1] = 'b';
    assert_true(config_differs(&config, &same, "store.tables"));
    config_free(&none);
    config_free(&same);
    config_free(&config);
}

static void options_go_over_the_file_and_the_last_over_the_first(void **state)
{
    static const char *const options[] = {"threads=5", "threads=6"};
    struct config config;
    char error[CONFIG_ERROR];
    const char *file = write_file("good.conf", "threads = 4; max_waiting = 7;");
    (void)state;
    must(config_load(&config, file, options, 2, error), "%s", error);
    assert_int_equal(config.threads, 6);
    assert_int_equal(config.max_waiting, 7);
    config_free(&config);
}

static void spellings_of_a_value_are_the_same(void **state)
{
    static const char *const texts[] = {
        "wait = { max = \"90s\"; };",
        "wait = { max = \"1m30s\"; };",
        "wait : { max : 90 }",
        "wait={max=90L;};",
        "# 99999999999\nwait = { max = 90; }; // 99999999999\n",
        "/* 99999999999\n\"*/ wait = { max = \"9\" \"0s\"; };",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config config = load(texts[i]);
        if (config.wait_max != 90 * S)
            fail_msg("%s is %lld", texts[i], (long long)config.wait_max);
        config_free(&config);
    }
}

static void limits_themselves_are_allowed(void **state)
{
    static const char *const texts[] = {
        "threads = 0;",
        "threads = 256;",
        "max_waiting = 0;",
        "max_waiting = 1000000;",
        "wait = { default = 0; max = \"1ms\"; };",
        "wait = { default = \"24h\"; max = \"24h\"; };",
        "wait = { jitter = 0; };",
        "wait = { jitter = 1.0; };",
        "drain = \"24h\";",
        "limits = { body = 0; path = 1; resources = 0; };",
        "limits = { body = 1073741824; path = 65535; resources = 1099511627776L; };",
        "limits = { resources = 2147483647; };",
        "limits = { changes = 1; answer = 1024; waiting_per_client = 0; };",
        "limits = { changes = 1000000; answer = 1073741824; };",
        "limits = { waiting_per_client = 1000000; };",
        "stream = { max = \"100ms\"; heartbeat = \"100ms\"; };",
        "stream = { max = \"24h\"; heartbeat = \"1h\"; };",
        "wait = { }; limits = { };",
        "",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config config = load(texts[i]);
        config_free(&config);
    }
}

/* --- what is wrong --- */

struct wrong {
    const char *text, *line, *key, *allowed; /* what the message has to say */
};

static const struct wrong wrongs[] = {
    /* no such key */
    {"\n\nthread = 1;",
     ":3:", "thread:", "allowed are threads, max_waiting, wait.default"},
    {"Threads = 1;", ":1:", "Threads:", "threads"},
    {"wait = { maximum = 1; };", ":1:", "wait.maximum:", "wait.max"},
    {"waits = { max = 1; };", ":1:", "waits:", "wait.max"},
    {"waits = { };", ":1:", "waits:", "wait.max"},
    {"waits = 5;", ":1:", "waits:", "wait.max"},
    {"wait = 5;", ":1:", "wait:", "wait.max"},
    {"wait = { wait = { max = 1; }; };", ":1:", "wait.wait:", "wait.max"},
    {"max = 5;", ":1:", "max:", "wait.max"},
    {"store = { type = \"memory\";\n  files = \"x\"; };",
     ":2:", "store.files:", "store.file"},
    /* wrong type */
    {"threads = \"2\";", ":1:", "threads:", "a whole number from 0"},
    {"threads = 2.0;", ":1:", "threads:", "a whole number from 0"},
    {"threads = true;", ":1:", "threads:", "a whole number from 0"},
    {"threads = [1];", ":1:", "threads:", "a whole number from 0"},
    {"threads = (1);", ":1:", "threads:", "a whole number from 0"},
    {"threads = { };", ":1:", "threads:", "a whole number from 0"},
    {"drain = 1.5;", ":1:", "drain:", "a duration from 0s to 24h"},
    {"drain = true;", ":1:", "drain:", "a duration from 0s to 24h"},
    {"wait = { jitter = \"0.5\"; };", ":1:", "wait.jitter:", "a number from 0.0 to 1.0"},
    {"cache_control = 1;", ":1:", "cache_control:", "a header value"},
    {"log_level = 3;", ":1:", "log_level:", "\"warn\""},
    {"store = { type = 1; };", ":1:", "store.type:", "\"memory\""},
    {"store = { file = 1; };", ":1:", "store.file:", "the path of a file"},
    /* bad value, or out of range */
    {"threads = -1;", ":1:", "threads:", "from 0"},
    {"threads = 257;", ":1:", "threads:", "to 256"},
    {"threads = 4294967298;", ":1:", "threads:", "a whole number"},
    {"threads = -4294967294;", ":1:", "threads:", "a whole number"},
    {"threads = 18446744073709551618;", ":1:", "threads:", "a whole number"},
    {"threads = 18446744073709551618L;", ":1:", "threads:", "to 256"},
    {"max_waiting = 1000001;", ":1:", "max_waiting:", "to 1000000"},
    {"wait = {\n default = \"25h\"; };", ":2:", "wait.default:", "24h"},
    {"wait = {\n max = 0; };", ":2:", "wait.max:", "from 1ms"},
    {"wait = { max = \"-5s\"; };", ":1:", "wait.max:", "such as \"60s\""},
    {"wait = { max = \"soon\"; };", ":1:", "wait.max:", "such as \"60s\""},
    {"wait = { max = \"\"; };", ":1:", "wait.max:", "such as \"60s\""},
    {"wait = { jitter = 1.1; };", ":1:", "wait.jitter:", "from 0.0 to 1.0"},
    {"wait = { jitter = -0.1; };", ":1:", "wait.jitter:", "from 0.0 to 1.0"},
    {"wait = { jitter = 2; };", ":1:", "wait.jitter:", "from 0.0 to 1.0"},
    {"drain = -1;", ":1:", "drain:", "from 0s"},
    {"drain = 9223372036854775807L;", ":1:", "drain:", "from 0s to 24h"},
    {"store = { type = \"mysql\"; };",
     ":1:", "store.type:", "\"sqlite\", \"memory\", \"redis\" or \"postgres\""},
    {"store = { type = \"\"; };",
     ":1:", "store.type:", "\"sqlite\", \"memory\", \"redis\" or \"postgres\""},
    {"store = { type = \" or \"; };",
     ":1:", "store.type:", "\"sqlite\", \"memory\", \"redis\" or \"postgres\""},
    {"store = { sync = \"off\"; };", ":1:", "store.sync:", "\"full\" or \"normal\""},
    {"limits = { body = 1073741825; };", ":1:", "limits.body:", "to 1073741824"},
    {"limits = { body = 4294967297; };", ":1:", "body:", "a whole number"},
    {"limits = { path = 0; };", ":1:", "limits.path:", "from 1"},
    {"limits = { path = 65536; };", ":1:", "limits.path:", "to 65535"},
    {"limits = { resources = -1; };", ":1:", "limits.resources:", "from 0"},
    {"limits = { resources = 5000000000; };", ":1:", "resources:", "an L behind it"},
    {"limits = { changes = 0; };", ":1:", "limits.changes:", "from 1"},
    {"limits = { changes = 1000001; };", ":1:", "limits.changes:", "to 1000000"},
    {"limits = { answer = 1023; };", ":1:", "limits.answer:", "from 1024"},
    {"limits = { answer = 1073741825; };", ":1:", "limits.answer:", "to 1073741824"},
    {"limits = { waiting_per_client = -1; };", ":1:", "waiting_per_client:", "from 0"},
    {"stream = { max = \"99ms\"; };", ":1:", "stream.max:", "from 100ms"},
    {"stream = { max = \"25h\"; };", ":1:", "stream.max:", "to 24h"},
    {"stream = { heartbeat = 0; };", ":1:", "stream.heartbeat:", "from 100ms"},
    {"stream = { heartbeat = \"61m\"; };", ":1:", "stream.heartbeat:", "to 1h"},
    {"stream = { beat = 1; };", ":1:", "stream.beat:", "stream.heartbeat"},
    {"store = { type = \"postgres\"; };", ":1:", "store.url", "postgresql://"},
    {"store = { type = \"postgres\";\nurl = \"redis://127.0.0.1:6379/0\"; };",
     ":2:", "store.url", "postgresql://"},
    {"store = { url = \"rediss+sentinel:\";\ntype = \"postgres\"; };", ":1:", "store.url",
     "postgresql://"},
    {"store = { publication = 1; };", ":1:", "store.publication:", "a name"},
    {"store = { tables = 1; };", ":1:", "store.tables:", "a list"},
    {"store = { tables = { name = \"a\"; }; };", ":1:", "store.tables:", "a list"},
    {"store = { tables = (\n 1 ); };", ":2:", "store.tables[0]:", "a list"},
    {"store = { tables = (\n{ name = \"a\"; path = \"/a\"; },\n{ path = \"/b\"; }); };",
     ":3:", "store.tables[1].name: is missing", "public.posts"},
    {"store = { tables = ({ name = \"a\"; }); };",
     ":1:", "store.tables[0].path: is missing", "/posts/{id}"},
    {"store = { tables = ({ name = \"a.b.c\"; }); };",
     ":1:", "store.tables[0].name:", "double quotes"},
    {"store = { tables = ({ name = 1; }); };", ":1:", "store.tables[0].name: wrong type",
     "public.posts"},
    {"store = { tables = ({ name = \"a\";\npath = \"/a/{id\"; }); };",
     ":2:", "store.tables[0].path: a { has no }", "/posts/{id}"},
    {"store = { tables = ({ name = \"a\"; path = \"a\"; }); };",
     ":1:", "store.tables[0].path: it does not begin", "/posts/{id}"},
    {"store = { tables = ({ name = \"a\"; path = \"/a\"; also = (\n\"/b\",\n2); }); };",
     ":3:", "store.tables[0].also: wrong type", "/posts/{id}"},
    {"store = { tables = ({ name = \"a\"; path = \"/a\"; also = { }; }); };",
     ":1:", "store.tables[0].also: wrong type", "/users/{author_id}/posts"},
    {"store = { tables = ({ nam = \"a\"; }); };",
     ":1:", "store.tables[0].nam:", "name, path and also"},
    {"cache_control = \"a\\nb\";", ":1:", "cache_control:", "header value"},
    {"log_format = \"xml\";", ":1:", "log_format:", "\"text\" or \"json\""},
    {"log_level = \"loud\";", ":1:", "log_level:", "\"error\", \"warn\", \"info\" or"},
    /* the whole */
    {"wait = {\n max = \"5s\";\n default = \"6s\"; };", ":3:", "wait.default",
     "at most wait.max"},
    /* no configuration */
    {"threads = 1", NULL, "", ""}, /* which is one */
    {"threads = ;", ":1:", "syntax error", "name = value;"},
    {"threads = 1;\n}", ":2:", "syntax error", "name = value;"},
    {"\n\nwait = { max = 1;", ":3:", "syntax error", "name = value;"},
    {"cache_control = \"no-store", ":1:", "syntax error", "name = value;"},
    {"threads = 1;\nthreads = 2;", ":2:", "duplicate", "name = value;"},
};

static void must_refuse(const char *file, const char *const *options, size_t count,
                        const char *where, const struct wrong *wrong)
{
    struct config config;
    char error[CONFIG_ERROR] = "";
    if (config_load(&config, file, options, count, error))
        fail_msg("%s is taken", wrong->text);
    if (strstr(error, where) != error || strstr(error, wrong->key) == NULL ||
        strstr(error, wrong->allowed) == NULL || strstr(error, "allowed") == NULL)
        fail_msg("%s: %s", wrong->text, error);
    if (strchr(error, '\n') != NULL)
        fail_msg("more than a line: %s", error);
}

static void each_error_names_file_line_key_and_what_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        char where[256];
        if (wrongs[i].line == NULL) {
            struct config config = load(wrongs[i].text);
            config_free(&config);
            continue;
        }
        const char *file = write_file("bad.conf", wrongs[i].text);
        snprintf(where, sizeof where, "%s%s", file, wrongs[i].line);
        must_refuse(file, NULL, 0, where, &wrongs[i]);
    }
}

static void each_error_in_an_option_names_the_option(void **state)
{
    static const struct wrong bad[] = {
        {"thread=1", NULL, "thread:", "threads"},
        {"wait=1", NULL, "wait:", "wait.max"},
        {"threads", NULL, "no value", "-o key=value"},
        {"", NULL, "no value", "-o key=value"},
        {"=1", NULL, "", "threads"},
        {"threads=", NULL, "threads:", "a whole number"},
        {"threads=two", NULL, "threads:", "a whole number"},
        {"threads=-1", NULL, "threads:", "a whole number"},
        {"threads=257", NULL, "threads:", "to 256"},
        {"threads= 2", NULL, "threads:", "a whole number"},
        {"threads=18446744073709551618", NULL, "threads:", "a whole number"},
        {"wait.max=soon", NULL, "wait.max:", "such as \"60s\""},
        {"wait.max=0", NULL, "wait.max:", "from 1ms"},
        {"wait.jitter=", NULL, "wait.jitter:", "from 0.0 to 1.0"},
        {"wait.jitter=half", NULL, "wait.jitter:", "from 0.0 to 1.0"},
        {"wait.jitter=0.5x", NULL, "wait.jitter:", "from 0.0 to 1.0"},
        {"wait.jitter=nan", NULL, "wait.jitter:", "from 0.0 to 1.0"},
        {"wait.jitter=inf", NULL, "wait.jitter:", "from 0.0 to 1.0"},
        {"wait.jitter=1.5", NULL, "wait.jitter:", "from 0.0 to 1.0"},
        {"store.type=postgres", NULL, "store.url", "postgresql://"},
        {"store.tables=()", NULL, "store.tables: wrong type", "a list in the file"},
        {"store.type=mysql", NULL, "store.type:", "\"memory\""},
        {"store.sync=", NULL, "store.sync:", "\"full\""},
        {"log_level=loud", NULL, "log_level:", "\"debug\""},
        {"cache_control=a\rb", NULL, "cache_control:", "header value"},
        {"wait.default=61s", NULL, "wait.default", "at most wait.max"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char where[256];
        const char *const options[] = {"threads=2", bad[i].text, "max_waiting=9"};
        snprintf(where, sizeof where, "-o %s", bad[i].text);
        must_refuse(NULL, options, 3, where, &bad[i]);
    }
}

/* Many hosts, each with a long name. */
static void a_url_and_a_path_may_be_long(void **state)
{
    static const struct {
        const char *key;
        int most;
    } rows[] = {{"store.url", 4095}, {"store.file", 504}, {"cache_control", 255}};
    char option[5000];
    const char *const options[] = {option};
    struct config config;
    char error[CONFIG_ERROR];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(option, sizeof option, "%s=%0*d", rows[i].key, rows[i].most, 0);
        must(config_load(&config, NULL, options, 1, error), "%s", error);
        config_free(&config);
        snprintf(option, sizeof option, "%s=%0*d", rows[i].key, rows[i].most + 1, 0);
        assert_false(config_load(&config, NULL, options, 1, error));
    }
}

static void a_password_is_not_said(void **state)
{
    static const char *const places[][2] = {
        {"store.url=redis://fcgiwait:secret@h/0", "-o store.url: "},
        {"store.url=host=h password=secret\n", "-o store.url: "},
        {"store.ulr=redis://fcgiwait:secret@h/0", "-o store.ulr: "},
        {"redis://fcgiwait:secret@h/0", "-o redis: "},
        {"redis://fcgiwait:secret=@h/0", "-o redis: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *const options[] = {"store.type=postgres", places[i][0]};
        struct config config;
        char error[CONFIG_ERROR];
        assert_false(config_load(&config, NULL, options, 2, error));
        must(strstr(error, places[i][1]) == error, "%s", error);
        must(strstr(error, "secret") == NULL, "%s", error);
    }
}

static void a_lower_longest_wait_takes_the_default_with_it(void **state)
{
    (void)state;
    struct config config = load("wait = { max = \"5s\"; };");
    assert_int_equal(config.wait_default, 5 * S);
    config_free(&config);
}

/* --- files that are none --- */

static void what_cannot_be_read_is_named(void **state)
{
    struct config config;
    char error[CONFIG_ERROR];
    (void)state;
    assert_false(config_load(&config, path_of("missing.conf"), NULL, 0, error));
    assert_true(strstr(error, path_of("missing.conf")) == error);
    assert_non_null(strstr(error, "No such file"));
    assert_false(config_load(&config, folder, NULL, 0, error));
    assert_true(strstr(error, folder) == error);
    assert_non_null(strstr(error, "folder"));
    assert_false(config_load(&config, "", NULL, 0, error));
}

static void bytes_of_any_kind_are_no_configuration(void **state)
{
    struct config config;
    char error[CONFIG_ERROR], bytes[4096];
    (void)state;
    for (unsigned seed = 1; seed <= 50; seed++) {
        srand(seed);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)rand();
        bytes[0] = ';';
        const char *file = write_bytes("bytes.conf", bytes, seed * 80);
        assert_false(config_load(&config, file, NULL, 0, error));
        assert_true(strstr(error, file) == error);
    }
    const char *file = write_bytes("nul.conf", "threads = 2;\n\0max_waiting = 3;\n", 31);
    assert_false(config_load(&config, file, NULL, 0, error));
    assert_non_null(strstr(error, ":2: a NUL"));
}

/* --- includes --- */

static struct config load_including(const char *name)
{
    char text[256];
    snprintf(text, sizeof text, "max_waiting = 7;\n  @include \"%s\"\n", path_of(name));
    return load(text);
}

static void includes_are_followed(void **state)
{
    (void)state;
    write_file("more.conf", "\nthreads = 3;");
    struct config config = load_including("more.conf");
    assert_int_equal(config.threads, 3);
    assert_int_equal(config.max_waiting, 7);
    config_free(&config);
}

static void an_error_in_an_include_names_the_include(void **state)
{
    static const struct wrong bad[] = {
        {"\nthreads = 300;", ":2:", "threads:", "to 256"},
        {"\n\nthread = 3;", ":3:", "thread:", "threads"},
        {"\nthreads = 4294967298;", ":2:", "threads:", "a whole number"},
        {"threads = ;", ":1:", "syntax error", "name = value;"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256], where[256], file[128];
        snprintf(where, sizeof where, "%s%s", write_file("more.conf", bad[i].text),
                 bad[i].line);
        snprintf(text, sizeof text, "@include \"%s\"\n", path_of("more.conf"));
        snprintf(file, sizeof file, "%s", write_file("bad.conf", text));
        must_refuse(file, NULL, 0, where, &bad[i]);
    }
}

/* libconfig itself would end the program, in the middle of a reload perhaps. */
static void an_include_that_cannot_be_read_is_survived(void **state)
{
    static const struct {
        const char *name, *says;
    } bad[] = {
        {"", "folder"}, {"missing.conf", "No such file"}, {"self.conf", "nesting"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config config;
        char text[256], error[CONFIG_ERROR];
        snprintf(text, sizeof text, "\n@include \"%s\"\n", path_of(bad[i].name));
        const char *file = write_file("self.conf", text);
        assert_false(config_load(&config, file, NULL, 0, error));
        if (strstr(error, bad[i].says) == NULL)
            fail_msg("%s", error);
    }
}

static void what_looks_like_an_include_in_a_string_is_none(void **state)
{
    (void)state;
    struct config config = load("cache_control = \"@include \\\"/\\\" 99999999999\";\n"
                                "# @include \"/\"\n/* @include \"/\" */ threads = 2;");
    assert_string_equal(config.cache_control, "@include \"/\" 99999999999");
    assert_int_equal(config.threads, 2);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_sets_its_own),
        cmocka_unit_test(every_option_sets_its_own),
        cmocka_unit_test(a_key_that_differs_is_told_by_its_name_and_its_group),
        cmocka_unit_test(tables_are_taken_as_they_stand),
        cmocka_unit_test(options_go_over_the_file_and_the_last_over_the_first),
        cmocka_unit_test(spellings_of_a_value_are_the_same),
        cmocka_unit_test(limits_themselves_are_allowed),
        cmocka_unit_test(each_error_names_file_line_key_and_what_is_allowed),
        cmocka_unit_test(each_error_in_an_option_names_the_option),
        cmocka_unit_test(a_url_and_a_path_may_be_long),
        cmocka_unit_test(a_password_is_not_said),
        cmocka_unit_test(a_lower_longest_wait_takes_the_default_with_it),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(bytes_of_any_kind_are_no_configuration),
        cmocka_unit_test(includes_are_followed),
        cmocka_unit_test(an_error_in_an_include_names_the_include),
        cmocka_unit_test(an_include_that_cannot_be_read_is_survived),
        cmocka_unit_test(what_looks_like_an_include_in_a_string_is_none),
    };
    return cmocka_run_group_tests_name("config", tests, start, stop);
}
