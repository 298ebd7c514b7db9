/* SPDX-License-Identifier: ISC */
/*
 * accept: any Accept header has an answer, within its bounds, and the same one with other
 * letter case, blanks around it, and empty elements in front. An input is the header.
 */
#include "fuzz.h"

#include "fcgiwait/accept.h"

static const struct text types[] = {TEXT("application/json"), TEXT("text/html;q=1"),
                                    TEXT("text/event-stream"), TEXT("")};

static void check_same(struct text accept, struct text other)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        unsigned quality = accept_quality(accept, types[i]);
        holds(quality <= ACCEPT_MOST);
        holds(quality == accept_quality(other, types[i]));
        holds(accept_takes_get(accept, types[i]) == accept_takes_get(other, types[i]));
        for (unsigned streams = 0; streams <= ACCEPT_STREAMS; streams++) {
            enum accept_stream stream = accept_stream(accept, types[i], streams);
            holds(stream == accept_stream(other, types[i], streams));
            holds((stream & ~streams) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text accept = fuzz_joined((struct text){(const char *)data, size}, TEXT(""));
    struct text padded = fuzz_joined(TEXT(" ,, "), accept);
    struct text upper = fuzz_joined(accept, TEXT(""));
    for (size_t i = 0; i < upper.len; i++)
        if (upper.at[i] >= 'a' && upper.at[i] <= 'z')
            ((char *)upper.at)[i] = (char)(upper.at[i] - 'a' + 'A');
    check_same(accept, padded);
    check_same(accept, upper);
    /* Nothing is a stream that is not named. */
    if (accept_stream(accept, TEXT(""), ACCEPT_STREAMS) != ACCEPT_NO_STREAM)
        holds(accept_names_stream(accept));
    if (accept_names_stream(accept))
        holds(accept_quality(accept, TEXT("text/event-stream")) > 0 ||
              accept_quality(accept, TEXT("application/x-ndjson")) > 0);
    free((char *)accept.at);
    free((char *)padded.at);
    free((char *)upper.at);
    return 0;
}
