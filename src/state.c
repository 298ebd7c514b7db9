#include "fcgiwait/state.h"

static void look(void *context, struct text path, struct present *present)
{
    tree_look(context, path, SCOPE_SELF, present);
}

static bool sink(void *context, const struct change *change)
{
    return tree_apply(context, change);
}

static void count(void *context, size_t *resources, size_t *gone)
{
    *resources = tree_resources(context);
    *gone = tree_gone(context);
}

static uint64_t gone_at(void *context, size_t nth)
{
    return tree_gone_at(context, nth);
}

static bool each(void *context, bool (*visit)(void *, struct text path), void *visitor)
{
    return tree_each(context, visit, visitor);
}

struct store_state state_of(struct tree *tree)
{
    return (struct store_state){.context = tree,
                                .look = look,
                                .sink = sink,
                                .count = count,
                                .gone_at = gone_at,
                                .each = each};
}
