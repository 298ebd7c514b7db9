/* SPDX-License-Identifier: ISC */
/*
 * The only way into the state, for what the stream tells and for what is read by index.
 * What comes from the engine has to be taken for a stranger's.
 */
#include "redis.h"

void redis_move(struct redis *redis, uint64_t index)
{
    atomic_store(&redis->shown, index);
    if (redis->reading)
        return;
    atomic_store(&redis->store.index, index);
    pthread_cond_broadcast(&redis->moved);
}

bool redis_show(struct redis *redis, struct change *change, struct text type,
                struct text body)
{
    const struct store_view *view = &redis->store.view;
    struct present present = {.index = change->index, .changed = change->at};
    bool exists = change->kind == CHANGE_PUT, shown = true;
    if (!store_is_sound(change->path, &present, exists, type, body)) {
        redis->unsound++;
    } else {
        if (exists)
            change->document = document_new(type, body);
        shown =
            (!exists || change->document != NULL) && view->sink(view->context, change);
        document_unref(&change->document);
    }
    if (shown)
        redis_move(redis, change->index);
    return shown;
}

bool redis_show_forgotten(struct redis *redis, uint64_t upto)
{
    redis->forgotten = upto;
    return store_forget(&redis->store, upto);
}
