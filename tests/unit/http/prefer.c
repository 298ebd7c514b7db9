/* SPDX-License-Identifier: ISC */
/* Prefer as real clients send it (design, chapter 1). */
#include "fcgiwait/prefer.h"

#include "must.h"

#define MS(ms) ((ms)*NANOS_PER_MS)
#define S(s) ((s)*NANOS_PER_SECOND)
#define NONE (-1)

struct row {
    const char *headers[4]; /* up to NULL */
    nanos wait;             /* NONE: has none */
    const char *index;      /* NULL: has none */
};

static const struct row rows[] = {
    /* a wait */
    {{"wait=60"}, S(60), NULL},
    {{"wait=60s"}, S(60), NULL},
    {{"wait=60s;"}, S(60), NULL},
    {{"wait=60;"}, S(60), NULL},
    {{"wait=60,"}, S(60), NULL},
    {{"wait=1m30s"}, S(90), NULL},
    {{"wait=500ms"}, MS(500), NULL},
    {{"wait=1.5s"}, MS(1500), NULL},
    {{"wait=0"}, 0, NULL},
    {{"wait=\"60\""}, S(60), NULL},
    {{"wait=\" 60 \""}, S(60), NULL},
    {{"wait = 60"}, S(60), NULL},
    {{"wait\t=\t60"}, S(60), NULL},
    {{" wait=60"}, S(60), NULL},
    {{"\twait=60\t"}, S(60), NULL},
    /* and an index */
    {{"wait=60;index=7"}, S(60), "7"},
    {{"wait=60; index=7"}, S(60), "7"},
    {{"wait=60 ; index=7 ;"}, S(60), "7"},
    {{"wait=60, index=\"7\""}, S(60), "7"},
    {{"wait=60,index=7"}, S(60), "7"},
    {{"index=7;wait=60"}, S(60), "7"},
    {{"index=\"7\", wait=\"60s\""}, S(60), "7"},
    {{"index=abc"}, NONE, "abc"},
    {{"index=\"a b,c;d=e\";wait=5"}, S(5), "a b,c;d=e"},
    {{"index=\"\""}, NONE, ""},
    {{"index="}, NONE, ""},
    {{"index"}, NONE, ""},
    {{"index=1763000000000000"}, NONE, "1763000000000000"},
    /* letter case in names */
    {{"Wait=60; INDEX=7"}, S(60), "7"},
    {{"WAIT=60s"}, S(60), NULL},
    {{"wait=60S"}, NONE, NULL},
    /* other preferences around them, and wait as a parameter of another */
    {{"modes=snapshot,delta;wait=60"}, S(60), NULL},
    {{"modes=snapshot,delta;wait=60;index=7"}, S(60), "7"},
    {{"respond-async, wait=100"}, S(100), NULL},
    {{"return=minimal; foo=\"some parameter\", wait=10, handling=lenient"}, S(10), NULL},
    {{"foo; bar=\"\", wait=10"}, S(10), NULL},
    {{"foo=\"wait=1, index=2\", wait=3"}, S(3), NULL},
    {{"foo=\"\\\", wait=1\", wait=3"}, S(3), NULL},
    {{"foo=\"\\\\\", wait=3"}, S(3), NULL},
    {{"\"quoted\", wait=3"}, S(3), NULL},
    {{"a@b, wait=3"}, S(3), NULL},
    {{"wait@=4, wait=3"}, S(3), NULL},
    {{"awaits=1, await=2, wait2=3, windex=4"}, NONE, NULL},
    /* empty elements */
    {{""}, NONE, NULL},
    {{","}, NONE, NULL},
    {{",;, ;wait=60;,,index=7,"}, S(60), "7"},
    {{"=5, wait=60"}, S(60), NULL},
    /* the first instance counts */
    {{"wait=5, wait=6"}, S(5), NULL},
    {{"wait=5;wait=6;index=1;index=2"}, S(5), "1"},
    {{"index=1, INDEX=2"}, NONE, "1"},
    /* what can't be understood is ignored */
    {{"wait"}, NONE, NULL},
    {{"wait="}, NONE, NULL},
    {{"wait=-5"}, NONE, NULL},
    {{"wait=abc"}, NONE, NULL},
    {{"wait=1x"}, NONE, NULL},
    {{"wait=\"60"}, NONE, NULL},
    {{"wait=60 seconds"}, S(60), NULL},
    {{"wait=60, index=\"7"}, S(60), NULL},
    {{"index=7, foo=\"bar, wait=60"}, NONE, "7"},
    {{"index=7, wait=60, foo=\"bar\\"}, S(60), "7"},
    {{"index=7, wait=60, foo=\"bar\\\""}, S(60), "7"},
    {{"\xff\xfe=\x01; wait=3"}, S(3), NULL},
    {{"wait=99999999999999999999"}, INT64_MAX, NULL},
    /* several headers are one list */
    {{"wait=60", "index=7"}, S(60), "7"},
    {{"index=7", "wait=60"}, S(60), "7"},
    {{"respond-async", "", "wait=60;index=7"}, S(60), "7"},
    {{"wait=5", "wait=6;index=1", "index=2"}, S(5), "1"},
    {{"foo=\"bar", "wait=60"}, S(60), NULL},
};

static void clients_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct preference found = {.has_wait = false};
        for (size_t j = 0; j < 4 && row->headers[j] != NULL; j++)
            prefer_parse(text_of(row->headers[j]), &found);
        if (found.has_wait != (row->wait != NONE) ||
            (found.has_wait && found.wait != row->wait))
            fail_msg("row %zu, \"%s\": the wait is %lld", i, row->headers[0],
                     found.has_wait ? (long long)found.wait : -1LL);
        if (found.has_index != (row->index != NULL) ||
            (found.has_index && !text_is(found.index, text_of(row->index))))
            fail_msg("row %zu, \"%s\": the index is \"%.*s\"", i, row->headers[0],
                     (int)found.index.len, found.index.at);
    }
}

/* Cut anywhere, or with any byte in the place of any other, a header is still read to its
 * end, and no further: sanitizers see to that. */
static void a_mangled_header_does_no_harm(void **state)
{
    static const char marks[] = "\",;= \t\\\0w\xff";
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text header = text_of(rows[i].headers[0]);
        for (size_t cut = 0; cut <= header.len; cut++)
            for (size_t mark = 0; mark < sizeof marks; mark++) {
                char bytes[128];
                struct preference found = {.has_wait = false};
                assert_true(header.len < sizeof bytes);
                char *at = bytes + sizeof bytes - cut; /* ends where the array does */
                memcpy(at, header.at, cut);
                if (cut > 0)
                    at[mark % cut] = marks[mark];
                prefer_parse((struct text){at, cut}, &found);
                assert_true(!found.has_wait || found.wait >= 0);
            }
    }
}

static void the_wait_that_applied_is_said_in_seconds(void **state)
{
    static const struct {
        nanos wait;
        const char *line;
    } said[] = {
        {S(60), "Preference-Applied: wait=60\r\n"},
        {MS(1500), "Preference-Applied: wait=1.5\r\n"},
        {MS(1), "Preference-Applied: wait=0.001\r\n"},
        {0, "Preference-Applied: wait=0\r\n"},
        {INT64_MAX, "Preference-Applied: wait=9223372036.854\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        char line[PREFER_APPLIED];
        size_t len = prefer_applied(said[i].wait, line);
        assert_string_equal(line, said[i].line);
        assert_int_equal(len, strlen(line));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_understood),
        cmocka_unit_test(a_mangled_header_does_no_harm),
        cmocka_unit_test(the_wait_that_applied_is_said_in_seconds),
    };
    return cmocka_run_group_tests_name("http/prefer", tests, NULL, NULL);
}
