/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/duration.h"

/* What is written is read again, whole milliseconds of it. */
static void check_round_trip(nanos span)
{
    char out[DURATION_TEXT + 1];
    nanos again;
    size_t len = duration_format(span, out);
    holds(len > 0 && len < DURATION_TEXT && out[len] == '\0' && strlen(out) == len);
    out[len] = 's';
    holds(duration_parse((struct text){out, len + 1}, &again));
    holds(again == span - span % NANOS_PER_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text said = {(const char *)data, size};
    nanos span = -7;
    if (!duration_parse(said, &span)) {
        holds(span == -7);
        return 0;
    }
    holds(size > 0 && span >= 0);
    check_round_trip(span);

    /* Parts add up: behind a minute it is a minute more. */
    nanos longer;
    struct text joined = fuzz_joined(TEXT("1m"), said);
    bool has_unit = said.at[size - 1] < '0' || said.at[size - 1] > '9';
    holds(duration_parse(joined, &longer) == has_unit);
    holds(!has_unit || longer == INT64_MAX || longer == span + 60 * NANOS_PER_SECOND);
    free((char *)joined.at);
    return 0;
}
