/* SPDX-License-Identifier: ISC */
/*
 * sqlite_rows: what stands in the file, over one connection. Private to the SQLite store.
 *
 * One thread at a time. A function that returns false leaves `failure`.
 */
#ifndef FCGIWAIT_STORE_SQLITE_ROWS_H
#define FCGIWAIT_STORE_SQLITE_ROWS_H

#include <sqlite3.h>

#include "backend.h"
#include "patience.h"

enum { ROWS_STATEMENTS = 15 };

/* What opening may wait for another program, a backup or sqlite3(1). */
#define ROWS_PATIENCE (5 * NANOS_PER_SECOND)

struct rows {
    sqlite3 *db;
    sqlite3_stmt *statements[ROWS_STATEMENTS];
    struct rows_failure {
        enum edit_result result; /* EDIT_NO_ROOM, EDIT_FAILED */
        int code, reason;        /* SQLite's, and an errno value or 0 */
        char message[512];
    } failure;                /* of the last call that failed */
    struct patience patience; /* with other programs' locks; set before each use */
    struct rows_unsound {
        size_t count;
        uint64_t index; /* of the last one */
    } unsound; /* rows that no fcgiwait can have written, since somebody set this to 0 */
};

/* The one row of the table `state`, or none and zeros, where somebody emptied it. All of
 * it lies below INDEX_LIMIT. */
struct rows_state {
    uint64_t newest;     /* no row's index is higher */
    uint64_t everything; /* 0: never */
    nanos everything_changed;
    uint64_t forgotten;
};

/* Takes the connection, whatever it returns. `rows` is all zero or closed, and must not
 * move. */
bool rows_open(struct rows *rows, sqlite3 *db);
/* Also what is closed already. `failure` and `unsound` stay. */
void rows_close(struct rows *rows);

/* Fills in `failure`, an EDIT_FAILED, for reasons that are not SQLite's. False. */
bool rows_fail(struct rows *rows, int code, const char *message);

/* What became of the name that the file was opened under. */
enum rows_file { ROWS_FILE_SAME, ROWS_FILE_OTHER, ROWS_FILE_GONE };
enum rows_file rows_file(const struct rows *rows, const char *file);

/* A transaction: one view of the file, or the right to write it. */
bool rows_begin(struct rows *rows);
bool rows_begin_write(struct rows *rows);
bool rows_commit(struct rows *rows);
void rows_rollback(struct rows *rows); /* keeps `failure` */

bool rows_read_state(struct rows *rows, struct rows_state *state);
bool rows_write_state(struct rows *rows, const struct rows_state *state);

/* Calls `show` for each resource that changed after `index`, in index order, with a
 * document reference that is taken back, and for each change of everything at and below a
 * path (`below`). Rows that can't be ours are passed over (`unsound`). Stops where it
 * returns false: out of memory. */
typedef bool rows_show_fn(void *context, struct text path, bool below,
                          const struct present *present);
bool rows_since(struct rows *rows, uint64_t index, rows_show_fn *show, void *context);

bool rows_put(struct rows *rows, struct text path, const struct present *present);
/* A change of everything at and below the path; the one at "/" takes the place of all. */
bool rows_mark(struct rows *rows, struct text path, const struct present *present);
bool rows_drop_marks(struct rows *rows);

/* Gives all resources that have an index up to `newest` a new one, in their order, from
 * the one behind `newest` on; `newest` becomes the last one. */
bool rows_renumber(struct rows *rows, uint64_t *newest);

/* Changes where another connection changed the file. -1: unknown. */
int64_t rows_version(struct rows *rows);
bool rows_count(struct rows *rows, size_t *resources, size_t *tombstones);

bool rows_forget(struct rows *rows, uint64_t index); /* those without a body up to it */
bool rows_has(struct rows *rows, struct text path, bool *has);

#endif
