/* SPDX-License-Identifier: ISC */
/*
 * Lines of a stream. A change is one line already as telling.h makes it; this ends the
 * line, and has the few lines that are no change.
 */
#include "ndjson.h"

void ndjson_change(struct telling *telling, const struct told *told)
{
    telling_change(telling, told, TELLING_IN_ONE_LINE);
    telling_add(telling, TEXT("\n"));
}

void ndjson_current(struct telling *telling, uint64_t index)
{
    telling_add(telling, TEXT("{\"current\": "));
    telling_number(telling, index);
    telling_add(telling, TEXT("}\n"));
}
