/* SPDX-License-Identifier: ISC */
/*
 * backend: what a kind of store has to know how to do. Private to the store.
 *
 * Every backend embeds `struct store` as its first member. edit_decide() holds the rules
 * that are the same for all of them; batch.h has the common way of deciding many edits.
 */
#ifndef FCGIWAIT_STORE_BACKEND_H
#define FCGIWAIT_STORE_BACKEND_H

#include <stdatomic.h>

#include "fcgiwait/store.h"

struct store_backend {
    const char *type;
    bool keeps_no_documents; /* they are an application's */
    /* As store_can_be(), which has looked at the type; NULL: whatever the options say. */
    bool (*can_be)(const struct store_options *options, char *error, size_t capacity);
    struct store *(*open)(const struct store_options *options, char *error,
                          size_t capacity);
    /* Edits are proposed, and the engine decides. What has happened reaches the state on
     * one way alone, in index order. SQLite and memory do all of it here. */
    void (*propose)(struct store *store, struct edit *edits, size_t count);
    bool (*reached)(struct store *store, uint64_t index);    /* NULL: it always has */
    void (*fence)(struct store *store, struct fence *fence); /* NULL: no need */
    void (*hurry)(struct store *store);                      /* NULL: no need */
    /* Another engine, or another way to it; NULL: only a start can do that. */
    bool (*move_to)(struct store *store, const struct store_options *options, char *error,
                    size_t capacity);
    void (*close)(struct store *store);
    /* As store_check() and store_print_setup(); NULL: there is nothing to compare, or to
     * say. */
    enum store_checked (*check)(const struct store_options *options,
                                void (*say)(void *context, const char *what),
                                void *context);
    bool (*print_setup)(const struct store_options *options, FILE *out, char *error,
                        size_t capacity);
};

struct store {
    const struct store_backend *backend;
    struct store_view view;
    struct engine *engine;  /* the backend's; NULL: it has none */
    nanos patience;         /* how long it may be away before that is told */
    _Atomic size_t limit;   /* resources */
    _Atomic uint64_t index; /* the newest that was handed to the sink */
    _Atomic uint64_t born;  /* store_born() */
};

extern const struct store_backend store_memory, store_sqlite, store_redis, store_postgres;

/* Changes of everything below a path that are kept: beyond, all counts as changed. */
#define STORE_MARKS_MOST 10000

/* What a new store begins with. Nothing of the options is kept but the view: their texts
 * are the caller's, and may go. */
void store_init(struct store *store, const struct store_backend *backend,
                const struct store_view *view);

/* A name that nobody else in an engine has. False: the kernel gives none. */
#define STORE_ID 20
bool store_make_id(char id[STORE_ID]);

/* Hands to the sink that paths without a document are forgotten, up to this index. The
 * first time this is where the store's life begins, unless that is known already. */
bool store_forget(struct store *store, uint64_t upto);

/* Whether answers can be made of what an engine gave out, whoever wrote it there. `type`
 * and `body`: where it `exists`. */
bool store_is_sound(struct text path, const struct present *present, bool exists,
                    struct text type, struct text body);

/* Whether the edit goes through, given what the resource is now and how many there are.
 * True: EDIT_CREATED or EDIT_CHANGED, the edit has to get an index; a patch has its
 * document. False: edit->result and edit->index say why not. Pure. */
bool edit_decide(struct edit *edit, const struct present *present, size_t resources,
                 size_t limit);

/* Whether it goes through whatever the resource is: a touch, of all below too. */
bool edit_is_unconditional(const struct edit *edit);

/* The index to start from where there is none: the clock in microseconds, so that an
 * index from a former life of the store means nothing. Where the clock goes back this
 * does not, within one process, nor before the time when the program was made. A new
 * process of a memory store knows no more: after a clock that was set back it begins
 * lower than the one before it, whose indexes are void to it then. */
uint64_t store_first_index(void);

#endif
