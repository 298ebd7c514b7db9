/* SPDX-License-Identifier: ISC */
/* The log's numbers of transactions wrap around; a snapshot's do not. */
#include "postgres_snapshot.h"

static bool is_number(struct text t)
{
    uint64_t number;
    return text_number(t, UINT64_MAX, &number);
}

bool postgres_snapshot_read(struct text said, struct postgres_snapshot *snapshot)
{
    struct text rest = said, from, to;
    *snapshot = (struct postgres_snapshot){.from = 0};
    if (!text_cut(&rest, ':', &from) || !text_cut(&rest, ':', &to) ||
        !text_number(from, UINT64_MAX, &snapshot->from) ||
        !text_number(to, UINT64_MAX, &snapshot->to))
        return false;
    snapshot->underway = rest;
    for (struct text one; snapshot->underway.len > 0 && text_cut(&rest, ',', &one);)
        if (!is_number(one))
            return false;
    return snapshot->underway.at != NULL && snapshot->from <= snapshot->to;
}

/* The one of these 32 bits that is nearest. */
static uint64_t widen(uint32_t transaction, uint64_t near)
{
    int32_t distance = (int32_t)(transaction - (uint32_t)near);
    return near + (uint64_t)(int64_t)distance;
}

bool postgres_snapshot_sees(const struct postgres_snapshot *snapshot,
                            uint32_t transaction)
{
    uint64_t full = widen(transaction, snapshot->to), number;
    struct text rest = snapshot->underway, one;
    if (snapshot->to == 0 || full >= snapshot->to)
        return false;
    while (full >= snapshot->from && rest.len > 0 && text_cut(&rest, ',', &one))
        if (text_number(one, UINT64_MAX, &number) && number == full)
            return false;
    return true;
}
