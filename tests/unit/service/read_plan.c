/* SPDX-License-Identifier: ISC */
/* The reading table (design, chapter 1), row by row. */
#include "service/read_plan.h"

#include "must.h"

#define S(s) ((s)*NANOS_PER_SECOND)
#define MS(ms) ((ms)*NANOS_PER_MS)
#define NONE (-1)

static const struct service_rules rules = {.wait_default = S(15), .wait_max = S(60)};

struct row {
    const char *query, *prefer, *if_none_match; /* NULL: not there */
    enum read_action there, gone; /* where the resource exists, and where it does not */
    nanos wait, applied;
};

#define AT_ONCE READ_PRESENT, READ_PRESENT
#define HELD READ_HOLD, READ_HOLD
#define SAME READ_UNCHANGED, READ_UNCHANGED
#define SAME_IF_THERE READ_UNCHANGED, READ_PRESENT
#define HELD_IF_THERE READ_HOLD, READ_PRESENT

/* The resource is at index 7. */
static const struct row rows[] = {
    /* no index: at once */
    {NULL, NULL, NULL, AT_ONCE, S(15), NONE},
    {"", NULL, NULL, AT_ONCE, S(15), NONE},
    {"wait=60", NULL, NULL, AT_ONCE, S(60), NONE},
    {NULL, "wait=60", NULL, AT_ONCE, S(60), NONE},
    {"a=1&b=2", "respond-async", NULL, AT_ONCE, S(15), NONE},
    /* an index that is not the present one: at once */
    {"index=6", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=8&wait=60", NULL, NULL, AT_ONCE, S(60), NONE},
    {"index=0", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=abc", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=07", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=7.0", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=+7", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=%", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=%227%22", NULL, NULL, AT_ONCE, S(15), NONE},
    {"index=7777777777777777777777777777777777777777777777777777777777777777777", NULL,
     NULL, AT_ONCE, S(15), NONE},
    {NULL, "wait=60;index=6", NULL, AT_ONCE, S(60), S(60)},
    {NULL, "index=\"\"", NULL, AT_ONCE, S(15), NONE},
    {NULL, "wait=60", "\"6\"", AT_ONCE, S(60), S(60)},
    {"wait=60", NULL, "7", AT_ONCE, S(60), NONE},
    /* the present index: held */
    {"index=7", NULL, NULL, HELD, S(15), NONE},
    {"index=7&wait=60", NULL, NULL, HELD, S(60), NONE},
    {"a=1&wait=30&index=7", NULL, NULL, HELD, S(30), NONE},
    {"index=%37", NULL, NULL, HELD, S(15), NONE},
    {NULL, "wait=60;index=7", NULL, HELD, S(60), S(60)},
    {NULL, "wait=60, index=\"7\"", NULL, HELD, S(60), S(60)},
    {NULL, "index=7", NULL, HELD, S(15), NONE},
    {NULL, "wait=60", "\"7\"", HELD, S(60), S(60)},
    {NULL, "wait=60", "W/\"7\"", HELD, S(60), S(60)},
    {NULL, "wait=60", "\"1\", \"7\"", HELD, S(60), S(60)},
    {"wait=60", NULL, "\"7\"", HELD, S(60), NONE},
    {"wait=60", NULL, "*", HELD_IF_THERE, S(60), NONE},
    {"index=7", "wait=60", NULL, HELD, S(60), S(60)},
    {"wait=60", "index=7", NULL, HELD, S(60), NONE},
    /* which of two counts */
    {"index=7", "index=6", NULL, HELD, S(15), NONE},
    {"index=6", "index=7", NULL, AT_ONCE, S(15), NONE},
    {"index=7&wait=30", "wait=60", NULL, HELD, S(30), NONE},
    {"index=7", NULL, "\"6\"", HELD, S(15), NONE},
    {"index=6", NULL, "\"7\"", AT_ONCE, S(15), NONE},
    {NULL, "index=7;wait=60", "\"6\"", HELD, S(60), S(60)},
    {NULL, "index=6;wait=60", "\"7\"", AT_ONCE, S(60), S(60)},
    /* waits */
    {"index=7&wait=0", NULL, NULL, SAME, 0, NONE},
    {NULL, "wait=0;index=7", NULL, SAME, 0, 0},
    {NULL, "wait=0", "\"7\"", SAME, 0, 0},
    {"index=7&wait=1m30s", NULL, NULL, HELD, S(60), NONE},
    {"index=7&wait=1h", NULL, NULL, HELD, S(60), NONE},
    {"index=7&wait=99999999999999999999", NULL, NULL, HELD, S(60), NONE},
    {"index=7&wait=500ms", NULL, NULL, HELD, MS(500), NONE},
    {"index=7&wait=1.5s", NULL, NULL, HELD, MS(1500), NONE},
    {"index=7&wait=1.5s&wait=9s", NULL, NULL, HELD, MS(1500), NONE},
    {"index=7&wait=", NULL, NULL, HELD, S(15), NONE},
    {"index=7&wait", NULL, NULL, HELD, S(15), NONE},
    {"index=7&wait=-5", NULL, NULL, HELD, S(15), NONE},
    {"index=7&wait=abc", NULL, NULL, HELD, S(15), NONE},
    {"index=7&wait=%", NULL, NULL, HELD, S(15), NONE},
    {"index=7&wait=abc", "wait=60", NULL, HELD, S(15), NONE},
    {NULL, "wait=120;index=7", NULL, HELD, S(60), S(60)},
    {NULL, "wait=abc;index=7", NULL, HELD, S(15), NONE},
    /* If-None-Match and no wait: at once */
    {NULL, NULL, "\"7\"", SAME_IF_THERE, S(15), NONE},
    {NULL, NULL, "W/\"7\"", SAME_IF_THERE, S(15), NONE},
    {NULL, NULL, "\"6\", W/\"7\"", SAME_IF_THERE, S(15), NONE},
    {NULL, NULL, "*", SAME_IF_THERE, S(15), NONE},
    {NULL, NULL, "\"6\"", AT_ONCE, S(15), NONE},
    {NULL, NULL, "", AT_ONCE, S(15), NONE},
    {NULL, NULL, "7", AT_ONCE, S(15), NONE},
    {NULL, "wait=abc", "\"7\"", SAME_IF_THERE, S(15), NONE},
    {"a=1", "return=minimal", "\"7\"", SAME_IF_THERE, S(15), NONE},
};

static struct cgi cgi_of(const struct row *row)
{
    struct cgi cgi = {.method = TEXT("GET"),
                      .query = text_of(row->query),
                      .if_none_match = text_of(row->if_none_match)};
    if (row->prefer != NULL)
        prefer_parse(text_of(row->prefer), &cgi.prefer);
    return cgi;
}

/* What is asked for, read as the service reads it. */
static enum read_action plan_within(const struct cgi *cgi, const struct tree_span *span,
                                    const struct present *present, struct read_plan *plan)
{
    struct operation operation;
    must(operation_read(&operation, cgi, &rules, S(1000)), "no memory");
    enum read_action action = read_plan_make(&operation, span, present, plan);
    operation_dispose(&operation);
    return action;
}

/* The resource's index is the newest of all. */
static enum read_action plan_for(const struct cgi *cgi, const struct present *present,
                                 struct read_plan *plan)
{
    struct tree_span span = {.newest = present->index};
    return plan_within(cgi, &span, present, plan);
}

static void must_ask(size_t number, const struct cgi *cgi, const struct present *present,
                     enum read_action expected)
{
    struct read_plan plan;
    const struct row *row = &rows[number];
    enum read_action action = plan_for(cgi, present, &plan);
    if (action != expected || plan.wait != row->wait || plan.applied != row->applied)
        fail_msg("row %zu (?%s, Prefer: %s, If-None-Match: %s): %d for %lld ms, applied "
                 "%lld",
                 number, row->query, row->prefer, row->if_none_match, (int)action,
                 (long long)(plan.wait / NANOS_PER_MS), (long long)plan.applied);
}

static void every_row_of_the_reading_table(void **state)
{
    struct document document = {.refs = 1};
    const struct present there = {.index = 7, .document = &document};
    const struct present gone = {.index = 7};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cgi cgi = cgi_of(&rows[i]);
        must_ask(i, &cgi, &there, rows[i].there);
        must_ask(i, &cgi, &gone, rows[i].gone);
    }
}

/* The documents are another program's, and so are entity tags without a wait; with one,
 * a tag may be an index that the web server made a tag of. */
static void behind_an_origin_only_an_index_or_a_tag_with_a_wait_counts(void **state)
{
    struct document document = {.refs = 1};
    const struct present present = {.index = 7};
    const struct present published = {.index = 7, .document = &document};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cgi cgi = cgi_of(&rows[i]);
        cgi.origin = TEXT("/_origin");
        must_ask(i, &cgi, &present, rows[i].gone);
        bool by_tag = rows[i].there == READ_UNCHANGED && rows[i].gone == READ_PRESENT;
        must_ask(i, &cgi, &published, by_tag ? READ_PRESENT : rows[i].there);
    }
}

/* An index from any answer is good for every resource: it need not be this one's own. */
static void an_index_between_the_own_and_the_newest_waits(void **state)
{
    static const struct tree_span span = {.horizon = 5, .newest = 20};
    static const struct {
        const char *query, *if_none_match;
        uint64_t present;
        enum read_action action;
    } since[] = {
        {"index=7&wait=60", NULL, 7, READ_HOLD},
        {"index=8&wait=60", NULL, 7, READ_HOLD},
        {"index=20&wait=60", NULL, 7, READ_HOLD},
        {"index=20&wait=0", NULL, 7, READ_UNCHANGED},
        {"index=21&wait=60", NULL, 7, READ_PRESENT}, /* of another store's life */
        {"index=6&wait=60", NULL, 7, READ_PRESENT},
        {"index=5&wait=60", NULL, 0, READ_HOLD},
        {"index=4&wait=60", NULL, 0, READ_PRESENT}, /* below the horizon: who knows */
        {"index=0&wait=60", NULL, 0, READ_HOLD},
        {"index=3&wait=60", NULL, 3, READ_HOLD}, /* its own, horizon or not */
        {"index=4&wait=60", NULL, 3, READ_PRESENT},
        {"wait=60", "\"8\"", 7, READ_HOLD},
        {"wait=60", "\"21\"", 7, READ_PRESENT},
        {"wait=60", "W/\"1\", \"20\"", 7, READ_HOLD},
        {"wait=60", "\"4\"", 3, READ_PRESENT},
        {NULL, "\"8\"", 7, READ_PRESENT}, /* without a wait it has to be its own */
    };
    struct document document = {.refs = 1};
    (void)state;
    for (size_t i = 0; i < sizeof since / sizeof *since; i++) {
        struct present present = {.index = since[i].present, .document = &document};
        struct cgi cgi = {.method = TEXT("GET"),
                          .query = text_of(since[i].query),
                          .if_none_match = text_of(since[i].if_none_match)};
        struct read_plan plan;
        enum read_action action = plan_within(&cgi, &span, &present, &plan);
        if (action != since[i].action)
            fail_msg("row %zu: %d", i, (int)action);
    }
}

/* Of what is not remembered nobody can say whether it has been there. */
static void what_is_not_remembered_has_the_horizon_for_who_brings_an_index(void **state)
{
    static const struct tree_span span = {.horizon = 5, .newest = 20};
    static const struct {
        const char *query, *prefer, *if_none_match, *scope;
        uint64_t present, told;
    } rows_told[] = {
        {NULL, NULL, NULL, NULL, 0, 0},
        {"wait=9", NULL, NULL, NULL, 0, 0},
        {"index=0", NULL, NULL, NULL, 0, 0},
        {"index=abc", NULL, NULL, NULL, 0, 0},
        {"index=21", NULL, NULL, NULL, 0, 0}, /* of another store's life */
        {"index=2", NULL, NULL, NULL, 0, 0},  /* of a former one */
        {"index=3", NULL, NULL, NULL, 0, 5},
        {"index=4", NULL, NULL, NULL, 0, 5},
        {"index=5", NULL, NULL, NULL, 0, 5},
        {"index=20", NULL, NULL, NULL, 0, 5},
        {NULL, "wait=9;index=4", NULL, NULL, 0, 5},
        {"wait=9", NULL, "\"4\"", NULL, 0, 5},
        {"wait=9", NULL, "\"0\"", NULL, 0, 0},
        {"wait=9", NULL, "\"2\"", NULL, 0, 0},
        {"wait=9", NULL, "\"21\", W/\"4\"", NULL, 0, 5},
        {NULL, NULL, "\"4\"", NULL, 0, 0}, /* that asks for no wait */
        {"index=4", NULL, NULL, NULL, 3, 3},
        {"index=4", NULL, NULL, NULL, 7, 7},
        {"index=4", NULL, NULL, "below", 0, 5},
        /* A page's end: no index of one resource is. */
        {"index=4503599627370496", NULL, NULL, "below", 0, 5},
        {"index=9007199254740991", NULL, NULL, "below", 0, 5},
        {"index=4503599627370495", NULL, NULL, "below", 0, 0},
        {"index=9007199254740992", NULL, NULL, "below", 0, 0},
        {"index=4503599627370496", NULL, NULL, NULL, 0, 0},
        {"index=4503599627370496", NULL, NULL, "below", 7, 7},
        {"wait=9", NULL, "\"4503599627370496\"", "below", 0, 5},
        {NULL, NULL, "\"4503599627370496\"", "below", 0, 0},
        {"wait=9", NULL, "\"4503599627370496\"", NULL, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows_told / sizeof *rows_told; i++) {
        struct present present = {.index = rows_told[i].present};
        struct cgi cgi = {.query = text_of(rows_told[i].query),
                          .scope = text_of(rows_told[i].scope),
                          .if_none_match = text_of(rows_told[i].if_none_match)};
        if (rows_told[i].prefer != NULL)
            prefer_parse(text_of(rows_told[i].prefer), &cgi.prefer);
        struct operation operation;
        must(operation_read(&operation, &cgi, &rules, S(1000)), "no memory");
        uint64_t told = read_plan_index(&operation, &span, 3, &present);
        uint64_t unknown = read_plan_index(&operation, &span, 0, &present),
                 unforgotten = read_plan_index(&operation, &span, 5, &present);
        operation_dispose(&operation);
        assert_int_equal(unknown, present.index);
        assert_int_equal(unforgotten, present.index);
        if (told != rows_told[i].told)
            fail_msg("row %zu: %llu", i, (unsigned long long)told);
    }
}

/* Index 0 is one, too. */
static void what_has_never_been_can_be_waited_for(void **state)
{
    static const struct present never;
    struct read_plan plan;
    struct cgi cgi = {.query = TEXT("index=0&wait=60")};
    (void)state;
    assert_int_equal(plan_for(&cgi, &never, &plan), READ_HOLD);
    cgi.query = TEXT("index=7&wait=60");
    assert_int_equal(plan_for(&cgi, &never, &plan), READ_PRESENT);
    cgi = (struct cgi){.if_none_match = TEXT("\"0\"")};
    assert_int_equal(plan_for(&cgi, &never, &plan), READ_PRESENT);
}

static void a_location_may_lower_the_longest_wait(void **state)
{
    static const struct {
        const char *wait_max, *query;
        nanos wait;
    } locations[] = {
        {"20s", "index=7&wait=60", S(20)},  {"20", "index=7&wait=60", S(20)},
        {"20s", "index=7&wait=10", S(10)},  {"5s", "index=7", S(5)},
        {"90s", "index=7&wait=120", S(60)}, {"0", "index=7&wait=60", 0},
        {"", "index=7&wait=60", S(60)},     {"soon", "index=7&wait=60", S(60)},
        {"-5", "index=7&wait=60", S(60)},
    };
    const struct present present = {.index = 7};
    (void)state;
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++) {
        struct read_plan plan;
        struct cgi cgi = {.query = text_of(locations[i].query),
                          .wait_max = text_of(locations[i].wait_max)};
        plan_for(&cgi, &present, &plan);
        if (plan.wait != locations[i].wait)
            fail_msg("row %zu: %lld ns", i, (long long)plan.wait);
    }
}

static void no_answer_comes_later_than_the_wait(void **state)
{
    static const nanos waits[] = {1, MS(1), MS(100), S(1), S(60), S(86400)};
    static const double shares[] = {0, 0.1, 0.5, 1};
    struct instant now = {S(1000)};
    (void)state;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t k = 0; k < 4; k++) {
                double jitter = shares[j], luck = shares[k];
                nanos at = read_plan_deadline(now, waits[i], jitter, luck).at - now.at;
                nanos earliest = (nanos)((double)waits[i] * (1 - jitter * luck)) - MS(20);
                if (at > waits[i] || at < 0 || at < earliest)
                    fail_msg("a wait of %lld with %g x %g ends after %lld",
                             (long long)waits[i], jitter, luck, (long long)at);
            }
    /* Long ones end early by what the way back takes. */
    assert_true(read_plan_deadline(now, S(60), 0, 0).at < now.at + S(60));
    assert_true(read_plan_deadline(now, S(60), 1, 1).at == now.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_reading_table),
        cmocka_unit_test(behind_an_origin_only_an_index_or_a_tag_with_a_wait_counts),
        cmocka_unit_test(an_index_between_the_own_and_the_newest_waits),
        cmocka_unit_test(what_is_not_remembered_has_the_horizon_for_who_brings_an_index),
        cmocka_unit_test(what_has_never_been_can_be_waited_for),
        cmocka_unit_test(a_location_may_lower_the_longest_wait),
        cmocka_unit_test(no_answer_comes_later_than_the_wait),
    };
    return cmocka_run_group_tests_name("service/read_plan", tests, NULL, NULL);
}
