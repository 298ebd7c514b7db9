/* SPDX-License-Identifier: ISC */
/* The only way into the state: whole transactions, in the order of the log. */
#include "batch.h"
#include "postgres.h"
#include "postgres_index.h"

static void move(struct postgres *postgres, uint64_t index)
{
    atomic_store(&postgres->store.index, index);
    pthread_cond_broadcast(&postgres->moved);
}

/* As many paths keep an index as there may be resources. The lock is held. */
static void forget_surplus(struct postgres *postgres, uint64_t index)
{
    struct batch batch;
    batch_open(&batch, &postgres->store, NULL, 0, index);
    batch_forget(&batch);
    if (batch.forgotten != 0)
        store_forget(&postgres->store, batch.forgotten);
    batch_close(&batch);
}

static void note_mark(struct postgres *postgres, uint64_t index)
{
    if (postgres->mark > postgres->seen) {
        postgres->seen = postgres->mark;
        postgres->seen_index = index;
    }
}

bool postgres_show(struct postgres *postgres, uint64_t place, nanos at)
{
    const struct store_view *view = &postgres->store.view;
    uint64_t index;
    if (!postgres_index_of(atomic_load(&postgres->base), atomic_load(&postgres->timeline),
                           place, &index) ||
        index <= atomic_load(&postgres->store.index))
        return postgres_link_lose(&postgres->following, ENGINE_REFUSED,
                                  "the log goes on where it can't");
    size_t count =
        postgres_gather_changes(&postgres->gather, index, at, view->marks(view->context));
    lock_take(&postgres->lock);
    if (count > 0)
        view->sink_all(view->context, postgres->gather.changes, count);
    else
        view->sink(view->context,
                   &(struct change){
                       .kind = CHANGE_NONE, .index = index, .at = at, .path = TEXT("/")});
    note_mark(postgres, index);
    move(postgres, index);
    if (count > 0)
        forget_surplus(postgres, index);
    lock_drop(&postgres->lock);
    postgres_gather_empty(&postgres->gather);
    postgres->reached = place;
    return true;
}

bool postgres_show_start(struct postgres *postgres, uint64_t index)
{
    const struct store_view *view = &postgres->store.view;
    struct change change = {
        .kind = CHANGE_EVERYTHING, .index = index, .at = clock_wall(), .path = TEXT("/")};
    lock_take(&postgres->lock);
    bool shown = view->sink(view->context, &change);
    if (shown) {
        store_forget(&postgres->store, index);
        postgres->session++;
        move(postgres, index);
    }
    lock_drop(&postgres->lock);
    return shown;
}
