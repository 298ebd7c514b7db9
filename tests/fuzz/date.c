/* SPDX-License-Identifier: ISC */
/* date: moments in headers. What is read is written again as it was, or as the same. */
#include "fuzz.h"

#include "fcgiwait/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text t = {(const char *)data, size};
    char out[DATE_TEXT];
    nanos at, again;
    if (!date_parse(t, &at) || at < 0 || at == INT64_MAX)
        return 0;
    date_format(at, out);
    holds(date_parse((struct text){out, sizeof out}, &again));
    holds(again == at);
    return 0;
}
