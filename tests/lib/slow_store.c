/* SPDX-License-Identifier: ISC */
#include "slow_store.h"

#include "must.h"
#include "service/service_private.h"

static void slow_propose(struct store *store, struct edit *edits, size_t count)
{
    struct slow_store *slow = (struct slow_store *)store;
    slow->kept = edits;
    slow->count = count;
    slow->waiting = 1;
}

/* What was committed is finished first. */
static void slow_close(struct store *store)
{
    struct slow_store *slow = (struct slow_store *)store;
    slow_store_go_on(slow);
    store_close(&slow->fast);
}

static const struct store_backend backend = {
    .type = "slow", .propose = slow_propose, .close = slow_close};

void slow_store_open(struct slow_store *slow, struct service_rig *service_rig)
{
    *slow = (struct slow_store){.fast = service_rig->store};
    store_init(&slow->store, &backend, &service_rig->store->view);
    service_rig->store = &slow->store;
    service_rig->service->store = service_rig->store;
}

void slow_store_go_on(struct slow_store *slow)
{
    if (slow->waiting == 0)
        return;
    slow->waiting = 0;
    store_commit(slow->fast, slow->kept, slow->count);
}
