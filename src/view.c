/* SPDX-License-Identifier: ISC */
/*
 * Joins tree and store, which do not know each other: each function of struct store_view
 * is one of the tree's, with the tree as its context.
 */
#include "fcgiwait/view.h"

static void look(void *context, struct text path, struct present *present)
{
    tree_look(context, path, SCOPE_SELF, present);
}

static bool sink(void *context, const struct change *change)
{
    return tree_apply(context, change);
}

static void hold(void *context)
{
    tree_hold(context);
}

static void ring(void *context)
{
    tree_ring(context);
}

static void sink_all(void *context, const struct change *changes, size_t count)
{
    tree_apply_all(context, changes, count);
}

static void count(void *context, size_t *resources, size_t *tombstones)
{
    *resources = tree_resources(context);
    *tombstones = tree_tombstones(context);
}

static size_t marks(void *context)
{
    return tree_marks(context);
}

static uint64_t tombstone_at(void *context, size_t nth)
{
    return tree_tombstone_at(context, nth);
}

static bool each(void *context, bool (*visit)(void *, struct text path), void *visitor)
{
    return tree_each(context, visit, visitor);
}

struct store_view view_of(struct tree *tree)
{
    return (struct store_view){.context = tree,
                               .look = look,
                               .sink = sink,
                               .sink_all = sink_all,
                               .hold = hold,
                               .ring = ring,
                               .count = count,
                               .marks = marks,
                               .tombstone_at = tombstone_at,
                               .each = each};
}
