/* SPDX-License-Identifier: ISC */
/* judged_at_once: two answers without a fault, and the one line that each judge says. */
#ifndef TESTS_PROBE_JUDGED_AT_ONCE_H
#define TESTS_PROBE_JUDGED_AT_ONCE_H

#include "judged.h"

static struct report report;
static struct exchange first, other;

static int start(void **state)
{
    (void)state;
    memset(&report, 0, sizeof report);
    answer_of(&first, 200, GOOD, "{}");
    answer_of(&other, 200, GOOD, "{}");
    return 0;
}

static void must_be(enum verdict_of verdict, const char *says)
{
    report_must_be(&report, verdict, says, "");
}

#endif
