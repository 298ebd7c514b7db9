/* SPDX-License-Identifier: ISC */
#include "store_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/thread.h"
#include "fcgiwait/view.h"
#include "must.h"
#include "shell.h"

static bool sink(void *context, const struct change *change)
{
    struct store_rig *store_rig = context;
    bool counts = change->kind != CHANGE_FORGET && !store_rig->may_go_back;
    must(!counts || change->index > store_rig->newest, "index %llu after %llu",
         (unsigned long long)change->index, (unsigned long long)store_rig->newest);
    if (!tree_apply(store_rig->tree, change))
        return false;
    if (counts)
        store_rig->newest = change->index;
    store_rig->changes += change->kind != CHANGE_NONE;
    struct store *store = atomic_load(&store_rig->counted);
    if (store != NULL && store_rig->batch != store_index(store)) {
        store_rig->batch = store_index(store);
        store_rig->batches++;
    }
    return true;
}

static void sink_all(void *context, const struct change *changes, size_t count)
{
    struct store_rig *store_rig = context;
    must(changes[0].index > store_rig->newest, "index %llu after %llu",
         (unsigned long long)changes[0].index, (unsigned long long)store_rig->newest);
    tree_apply_all(store_rig->tree, changes, count);
    store_rig->newest = changes[0].index;
    store_rig->changes += count;
    store_rig->steps++;
}

static void look(void *context, struct text path, struct present *present)
{
    struct store_rig *store_rig = context;
    tree_look(store_rig->tree, path, SCOPE_SELF, present);
}

static void hold(void *context)
{
    tree_hold(((struct store_rig *)context)->tree);
}

static void ring(void *context)
{
    tree_ring(((struct store_rig *)context)->tree);
}

static void count(void *context, size_t *resources, size_t *tombstones)
{
    struct store_rig *store_rig = context;
    view_of(store_rig->tree).count(store_rig->tree, resources, tombstones);
}

static size_t marks(void *context)
{
    return tree_marks(((struct store_rig *)context)->tree);
}

static uint64_t tombstone_at(void *context, size_t nth)
{
    struct store_rig *store_rig = context;
    return tree_tombstone_at(store_rig->tree, nth);
}

static bool each(void *context, bool (*visit)(void *, struct text path), void *visitor)
{
    struct store_rig *store_rig = context;
    return tree_each(store_rig->tree, visit, visitor);
}

void store_rig_folder_make(struct store_rig_folder *folder)
{
    strcpy(folder->dir, "/tmp/fcgiwait-test.XXXXXX");
    must(mkdtemp(folder->dir) != NULL, "mkdtemp");
    snprintf(folder->file, sizeof folder->file, "%s/store.db", folder->dir);
}

void store_rig_folder_remove(struct store_rig_folder *folder)
{
    shell("rm -rf '%s'", folder->dir);
}

bool store_rig_try(struct store_rig *store_rig, const struct store_options *given,
                   char error[512])
{
    struct store_options options = *given;
    *store_rig = (struct store_rig){.tree = tree_new(1)};
    options.view = (struct store_view){.context = store_rig,
                                       .look = look,
                                       .sink = sink,
                                       .sink_all = sink_all,
                                       .hold = hold,
                                       .ring = ring,
                                       .count = count,
                                       .marks = marks,
                                       .tombstone_at = tombstone_at,
                                       .each = each};
    snprintf(error, 512, "no memory for the tree");
    store_rig->store = store_rig->tree != NULL ? store_open(&options, error, 512) : NULL;
    if (store_rig->store == NULL)
        tree_free(&store_rig->tree);
    atomic_store(&store_rig->counted, store_rig->store);
    return store_rig->store != NULL;
}

void store_rig_open(struct store_rig *store_rig, const struct store_options *options)
{
    char error[512];
    must(store_rig_try(store_rig, options, error), "%s", error);
}

void store_rig_close(struct store_rig *store_rig)
{
    atomic_store(&store_rig->counted, NULL);
    store_close(&store_rig->store);
    tree_free(&store_rig->tree);
}

static void errand_done(struct edit *edit)
{
    sem_post(&((struct errand *)edit)->done);
}

void store_rig_send(struct store_rig *store_rig, struct errand *errand,
                    const struct edit *edit)
{
    *errand = (struct errand){.edit = *edit};
    errand->edit.done = errand_done;
    sem_init(&errand->done, 0, 0);
    store_commit(store_rig->store, &errand->edit, 1);
}

struct edited store_rig_await(struct errand *errand)
{
    while (sem_wait(&errand->done) != 0)
        must(errno == EINTR, "sem_wait");
    sem_destroy(&errand->done);
    document_unref(&errand->edit.document);
    return (struct edited){errand->edit.result, errand->edit.index};
}

struct edited store_rig_edit(struct store_rig *store_rig, const struct edit *edit)
{
    struct errand errand;
    store_rig_send(store_rig, &errand, edit);
    return store_rig_await(&errand);
}

struct edited store_rig_put(struct store_rig *store_rig, const char *path,
                            const char *type, const char *body)
{
    return store_rig_edit(store_rig, &(struct edit){.kind = EDIT_PUT,
                                                    .path = text_of(path),
                                                    .document = document_new(
                                                        text_of(type), text_of(body))});
}

struct edited store_rig_patch(struct store_rig *store_rig, const char *path,
                              const char *patch)
{
    return store_rig_edit(store_rig, &(struct edit){.kind = EDIT_PATCH,
                                                    .path = text_of(path),
                                                    .patch = text_of(patch),
                                                    .most = 1000000});
}

struct edited store_rig_touch(struct store_rig *store_rig, const char *path)
{
    return store_rig_edit(store_rig,
                          &(struct edit){.kind = EDIT_TOUCH, .path = text_of(path)});
}

struct edited store_rig_delete(struct store_rig *store_rig, const char *path)
{
    return store_rig_edit(store_rig,
                          &(struct edit){.kind = EDIT_DELETE, .path = text_of(path)});
}

uint64_t store_rig_look(struct store_rig *store_rig, const char *path, char *body,
                        size_t capacity)
{
    struct present present;
    tree_look(store_rig->tree, text_of(path), SCOPE_SELF, &present);
    if (capacity > 0)
        snprintf(body, capacity, "%.*s",
                 present.document != NULL ? (int)present.document->body.len : 0,
                 present.document != NULL ? present.document->body.at : "");
    present_dispose(&present);
    return present.index;
}

uint64_t store_rig_index(struct store_rig *store_rig, const char *path)
{
    return store_rig_look(store_rig, path, NULL, 0);
}

void store_rig_await_body(struct store_rig *store_rig, const char *path, const char *body)
{
    char now[64] = "";
    for (int i = 0; i < 6000; i++) {
        store_rig_look(store_rig, path, now, sizeof now);
        if (strcmp(now, body) == 0)
            return;
        thread_pause(10 * NANOS_PER_MS);
    }
    must(false, "%s holds \"%s\", not \"%s\"", path, now, body);
}

/* --- fences --- */

struct passing {
    struct fence fence; /* first: it is given back */
    sem_t done;
    bool reached;
};

static void passed(struct fence *fence, bool reached)
{
    struct passing *passing = (struct passing *)fence;
    passing->reached = reached;
    sem_post(&passing->done);
}

bool store_rig_pass(struct store_rig *store_rig, uint64_t index, nanos most)
{
    struct passing passing = {.fence = {.until = instant_after(clock_now(), most),
                                        .index = index,
                                        .done = passed}};
    sem_init(&passing.done, 0, 0);
    store_fence(store_rig->store, &passing.fence);
    while (sem_wait(&passing.done) != 0)
        must(errno == EINTR, "sem_wait");
    sem_destroy(&passing.done);
    return passing.reached;
}
