#include "shelf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/state.h"
#include "must.h"

static bool sink(void *context, const struct change *change)
{
    struct shelf *shelf = context;
    bool counts = change->kind != CHANGE_FORGET && !shelf->may_go_back;
    must(!counts || change->index > shelf->newest, "index %llu after %llu",
         (unsigned long long)change->index, (unsigned long long)shelf->newest);
    if (!tree_apply(shelf->tree, change))
        return false;
    if (counts)
        shelf->newest = change->index;
    shelf->changes++;
    struct store *store = atomic_load(&shelf->counted);
    if (store != NULL && shelf->group != store_index(store)) {
        shelf->group = store_index(store);
        shelf->groups++;
    }
    return true;
}

static void look(void *context, struct text path, struct present *present)
{
    struct shelf *shelf = context;
    tree_look(shelf->tree, path, SCOPE_SELF, present);
}

static void count(void *context, size_t *resources, size_t *gone)
{
    struct shelf *shelf = context;
    state_of(shelf->tree).count(shelf->tree, resources, gone);
}

static uint64_t gone_at(void *context, size_t nth)
{
    struct shelf *shelf = context;
    return tree_gone_at(shelf->tree, nth);
}

static bool each(void *context, bool (*visit)(void *, struct text path), void *visitor)
{
    struct shelf *shelf = context;
    return tree_each(shelf->tree, visit, visitor);
}

void shelf_folder_make(struct shelf_folder *folder)
{
    strcpy(folder->dir, "/tmp/fcgiwait-test.XXXXXX");
    must(mkdtemp(folder->dir) != NULL, "mkdtemp");
    snprintf(folder->file, sizeof folder->file, "%s/store.db", folder->dir);
}

void shelf_folder_remove(struct shelf_folder *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder->dir);
    must(system(command) == 0, "%s", command);
}

bool shelf_try(struct shelf *shelf, const struct store_options *given, char error[512])
{
    struct store_options options = *given;
    *shelf = (struct shelf){.tree = tree_new(1)};
    options.state = (struct store_state){.context = shelf,
                                         .look = look,
                                         .sink = sink,
                                         .count = count,
                                         .gone_at = gone_at,
                                         .each = each};
    snprintf(error, 512, "no memory for the tree");
    shelf->store = shelf->tree != NULL ? store_open(&options, error, 512) : NULL;
    if (shelf->store == NULL)
        tree_free(&shelf->tree);
    atomic_store(&shelf->counted, shelf->store);
    return shelf->store != NULL;
}

void shelf_open(struct shelf *shelf, const struct store_options *options)
{
    char error[512];
    must(shelf_try(shelf, options, error), "%s", error);
}

void shelf_close(struct shelf *shelf)
{
    atomic_store(&shelf->counted, NULL);
    store_close(&shelf->store);
    tree_free(&shelf->tree);
}

static void errand_done(struct edit *edit)
{
    sem_post(&((struct errand *)edit)->done);
}

void shelf_send(struct shelf *shelf, struct errand *errand, const struct edit *edit)
{
    *errand = (struct errand){.edit = *edit};
    errand->edit.done = errand_done;
    sem_init(&errand->done, 0, 0);
    store_commit(shelf->store, &errand->edit);
}

struct edited shelf_await(struct errand *errand)
{
    while (sem_wait(&errand->done) != 0)
        must(errno == EINTR, "sem_wait");
    sem_destroy(&errand->done);
    document_unref(&errand->edit.document);
    return (struct edited){errand->edit.result, errand->edit.index};
}

struct edited shelf_edit(struct shelf *shelf, const struct edit *edit)
{
    struct errand errand;
    shelf_send(shelf, &errand, edit);
    return shelf_await(&errand);
}

struct edited shelf_put(struct shelf *shelf, const char *path, const char *type,
                        const char *body)
{
    return shelf_edit(
        shelf, &(struct edit){.kind = EDIT_PUT,
                              .path = text_of(path),
                              .document = document_new(text_of(type), text_of(body))});
}

struct edited shelf_patch(struct shelf *shelf, const char *path, const char *patch)
{
    return shelf_edit(shelf, &(struct edit){.kind = EDIT_PATCH,
                                            .path = text_of(path),
                                            .patch = text_of(patch),
                                            .most = 1000000});
}

struct edited shelf_touch(struct shelf *shelf, const char *path)
{
    return shelf_edit(shelf, &(struct edit){.kind = EDIT_TOUCH, .path = text_of(path)});
}

struct edited shelf_delete(struct shelf *shelf, const char *path)
{
    return shelf_edit(shelf, &(struct edit){.kind = EDIT_DELETE, .path = text_of(path)});
}

uint64_t shelf_look(struct shelf *shelf, const char *path, char *body, size_t room)
{
    struct present present;
    tree_look(shelf->tree, text_of(path), SCOPE_SELF, &present);
    if (room > 0)
        snprintf(body, room, "%.*s",
                 present.document != NULL ? (int)present.document->body.len : 0,
                 present.document != NULL ? present.document->body.at : "");
    present_dispose(&present);
    return present.index;
}

uint64_t shelf_index(struct shelf *shelf, const char *path)
{
    return shelf_look(shelf, path, NULL, 0);
}
