/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text json = {(const char *)data, size};
    struct json_error error = {SIZE_MAX, NULL};
    bool good = json_check(json, &error);
    holds(good || (error.offset <= size && error.what != NULL));

    /* Blanks around it change nothing; a second value behind it is one too many. */
    struct text before = fuzz_joined(TEXT(" \t\r\n"), json);
    struct text around = fuzz_joined(before, TEXT("\n "));
    struct text twice = fuzz_joined(around, TEXT("null"));
    holds(json_check(around, &error) == good);
    holds(!good || !json_check(twice, &error));
    free((char *)twice.at);
    free((char *)around.at);
    free((char *)before.at);
    return 0;
}
