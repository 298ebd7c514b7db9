/* SPDX-License-Identifier: ISC */
/* What is told is one line already (telling.h); this ends it. */
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
