/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/traceparent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text header = fuzz_joined((struct text){(const char *)data, size}, TEXT(""));
    struct text id = traceparent_id(header);
    holds(fuzz_within(id, header));
    holds(id.len == 0 || id.len == 32);
    holds(traceparent_is_id(id) == (id.len > 0));
    holds(!traceparent_is_id(header) || header.len == 32);
    for (size_t i = 0; i < id.len; i++)
        holds(strchr("0123456789abcdef", id.at[i]) != NULL && id.at[i] != '\0');
    free((char *)header.at);
    return 0;
}
