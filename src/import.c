/* SPDX-License-Identifier: ISC */
/*
 * Two stores with a tree each. Documents go over in the order of their indexes, as
 * publishes that may make resources and replace none, a few hundred under way at a time.
 */
#include "import.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "fcgiwait/store.h"
#include "fcgiwait/tree.h"
#include "fcgiwait/view.h"
#include "setup.h"

#define UNDER_WAY 256

struct side {
    struct tree *tree;
    struct store *store;
};

struct row {
    uint64_t index;
    struct text path; /* malloc'd */
    struct document *document;
};

struct import {
    struct side from, to;
    struct row *rows;
    size_t count, capacity;
    sem_t room; /* for more of them */
    _Atomic size_t moved;
    _Atomic int failed; /* an enum edit_result; EDIT_CREATED: none */
};

static bool open_side(struct side *side, struct store_options *options)
{
    char error[512];
    side->tree = tree_new(1);
    if (side->tree == NULL) {
        fputs("fcgiwait: out of memory\n", stderr);
        return false;
    }
    options->view = view_of(side->tree);
    side->store = store_open(options, error, sizeof error);
    if (side->store == NULL)
        fprintf(stderr, "fcgiwait: the store can't be opened: %s\n", error);
    return side->store != NULL;
}

static void close_side(struct side *side)
{
    store_close(&side->store);
    tree_free(&side->tree);
}

static bool open_from(struct import *import, const char *from,
                      const struct config *config)
{
    struct store_options options = setup_store(config);
    bool is_url = strstr(from, "://") != NULL || strncmp(from, "redis+unix:", 11) == 0;
    options.type = is_url ? "redis" : "sqlite";
    options.file = options.url = from;
    if (!is_url && access(from, R_OK) != 0) {
        fprintf(stderr, "fcgiwait: %s: %s\n", from, strerror(errno));
        return false;
    }
    return open_side(&import->from, &options);
}

static bool open_to(struct import *import, const struct config *config)
{
    struct store_options options = setup_store(config);
    if (!open_side(&import->to, &options))
        return false;
    store_set_limit(import->to.store, (size_t)config->limit_resources);
    size_t resources = tree_resources(import->to.tree);
    if (resources + tree_tombstones(import->to.tree) == 0)
        return true;
    fprintf(stderr,
            "fcgiwait: the configured store is not empty: it has %zu resources; an empty "
            "one is needed (another store.name or store.file)\n",
            resources);
    return false;
}

/* --- what there is --- */

/* A visitor of tree_each(). */
static bool add_row(void *context, struct text path)
{
    struct import *import = context;
    if (import->count == import->capacity) {
        size_t capacity = import->capacity > 0 ? 2 * import->capacity : 1024;
        struct row *rows = realloc(import->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return false;
        import->rows = rows;
        import->capacity = capacity;
    }
    char *copy = malloc(path.len + 1);
    if (copy == NULL)
        return false;
    text_put(copy, path);
    import->rows[import->count++] = (struct row){.path = { copy, path.len }};
    return true;
}

static int by_index(const void *a, const void *b)
{
    uint64_t one = ((const struct row *)a)->index, other = ((const struct row *)b)->index;
    return one < other ? -1 : one > other;
}

static bool read_rows(struct import *import)
{
    if (!tree_each(import->from.tree, add_row, import)) {
        fputs("fcgiwait: out of memory\n", stderr);
        return false;
    }
    for (size_t i = 0; i < import->count; i++) {
        struct present present;
        tree_look(import->from.tree, import->rows[i].path, SCOPE_SELF, &present);
        import->rows[i].index = present.index;
        import->rows[i].document = document_ref(present.document);
        present_dispose(&present);
    }
    if (import->count > 0)
        qsort(import->rows, import->count, sizeof *import->rows, by_index);
    return true;
}

/* --- moving --- */

static void moved(struct edit *edit)
{
    struct import *import = edit->context;
    if (edit->result == EDIT_CREATED)
        atomic_fetch_add(&import->moved, 1);
    else
        atomic_store(&import->failed, (int)edit->result);
    free(edit);
    sem_post(&import->room);
}

static bool move(struct import *import, struct row *row)
{
    struct edit *edit = calloc(1, sizeof *edit);
    if (edit == NULL)
        return false;
    *edit = (struct edit){.kind = EDIT_PUT,
                          .path = row->path,
                          .document = row->document,
                          .conditions.if_none_match = TEXT("*"),
                          .done = moved,
                          .context = import};
    store_commit(import->to.store, edit, 1);
    return true;
}

static void take_room(struct import *import)
{
    while (sem_wait(&import->room) != 0)
        ;
}

static bool move_all(struct import *import)
{
    bool good = true;
    for (size_t i = 0; good && i < import->count; i++) {
        take_room(import);
        good = atomic_load(&import->failed) == EDIT_CREATED;
        if (!good || !move(import, &import->rows[i])) {
            sem_post(&import->room);
            good = false;
        }
    }
    for (int i = 0; i < UNDER_WAY; i++)
        take_room(import);
    return good && atomic_load(&import->failed) == EDIT_CREATED;
}

static const char *why(int result)
{
    switch (result) {
    case EDIT_FULL:
        return "limits.resources is reached";
    case EDIT_NO_ROOM:
        return "the disk is full";
    case EDIT_CONFLICT:
        return "somebody else writes there";
    default:
        return "it takes no changes";
    }
}

static int act(struct import *import, const char *from, const struct config *config)
{
    if (!open_from(import, from, config) || !open_to(import, config) ||
        !read_rows(import))
        return EX_CANTCREAT;
    if (move_all(import)) {
        printf("fcgiwait: %zu documents are in the configured store now\n",
               import->count);
        return EXIT_SUCCESS;
    }
    fprintf(stderr,
            "fcgiwait: only %zu of %zu documents are in the configured store, since %s; "
            "empty it before another try\n",
            atomic_load(&import->moved), import->count,
            why(atomic_load(&import->failed)));
    return EX_TEMPFAIL;
}

int import_run(const char *from, const struct config *config)
{
    struct import import = {.rows = NULL};
    signal(SIGPIPE, SIG_IGN); /* of an engine that goes away */
    sem_init(&import.room, 0, UNDER_WAY);
    int status = act(&import, from, config);
    close_side(&import.to);
    close_side(&import.from);
    for (size_t i = 0; i < import.count; i++) {
        free((char *)import.rows[i].path.at);
        document_unref(&import.rows[i].document);
    }
    free(import.rows);
    sem_destroy(&import.room);
    return status;
}
