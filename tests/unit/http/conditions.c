/* SPDX-License-Identifier: ISC */
/* Which conditions hold, of a resource at index 7 of 1994-11-06 08:49:37. */
#include "fcgiwait/conditions.h"

#include "must.h"

#define CHANGED (784111777 * NANOS_PER_SECOND + 5)
#define THEN "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"

static void each_condition_holds_or_says_why_not(void **state)
{
    static const struct {
        const char *match, *none, *since;
        const char *there, *gone; /* a word of the reason; NULL: it holds */
    } rows[] = {
        {NULL, NULL, NULL, NULL, NULL},
        {"\"7\"", NULL, NULL, NULL, "no such"},
        {"\"6\", \"7\"", NULL, NULL, NULL, "no such"},
        {"*", NULL, NULL, NULL, "no such"},
        {"\"6\"", NULL, NULL, "has changed", "no such"},
        {"W/\"6\"", NULL, NULL, "has changed", "no such"},
        {"W/\"7\"", NULL, NULL, "strongly", "no such"},
        {"", NULL, NULL, "has changed", "no such"},
        {NULL, "*", NULL, "If-None-Match", NULL},
        {NULL, "W/\"7\"", NULL, "If-None-Match", NULL},
        {NULL, "\"6\"", NULL, NULL, NULL},
        {"\"7\"", "*", NULL, "If-None-Match", "no such"},
        {NULL, NULL, THEN, NULL, NULL},
        {NULL, NULL, BEFORE, "If-Unmodified-Since", NULL},
        {NULL, NULL, "yesterday", NULL, NULL},
        {"\"7\"", NULL, BEFORE, NULL, "no such"}, /* ignored beside If-Match */
        {NULL, "*", THEN, "If-None-Match", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int exists = 0; exists < 2; exists++) {
            struct conditions conditions = {text_of(rows[i].match), text_of(rows[i].none),
                                            text_of(rows[i].since)};
            const char *expected = exists ? rows[i].there : rows[i].gone;
            const char *why = conditions_failure(&conditions, exists, 7, CHANGED);
            if ((why == NULL) != (expected == NULL) ||
                (why != NULL && strstr(why, expected) == NULL))
                fail_msg("row %zu, exists %d: %s", i, exists, why);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_holds_or_says_why_not),
    };
    return cmocka_run_group_tests_name("http/conditions", tests, NULL, NULL);
}
