/* SPDX-License-Identifier: ISC */
/*
 * sqlite: the store in an SQLite file, shared by all processes that open it. Private to
 * the store.
 *
 * One thread writes (sqlite_write.c): it takes all edits that have come meanwhile, and
 * makes them durable in one transaction. One thread follows (sqlite_follow.c): it sleeps
 * until the doorbell is rung, by any process, and hands to the state what the file has
 * and it has not. Readers who find the doorbell ahead of us do the same rather than wait
 * for it.
 */
#ifndef FCGIWAIT_STORE_SQLITE_H
#define FCGIWAIT_STORE_SQLITE_H

#include <pthread.h>

#include "doorbell.h"
#include "fcgiwait/lock.h"
#include "queue.h"
#include "sqlite_rows.h"

/* Edits in one transaction, at most. */
enum { BATCH_MOST = 1024 };

/* Why a lock could not be had. */
#define SQLITE_GONE                                                                      \
    "its file is gone: put it back, or start fcgiwait again, and it makes another"
#define SQLITE_HELD "another process holds its lock (-board) and does not let go: frozen?"

struct decision;

struct sqlite {
    struct store store;
    char *file;   /* without links */
    bool relaxed; /* a commit does not wait for the disk */
    bool shared;  /* the doorbell belongs to whom the file belongs to */
    struct doorbell doorbell;
    struct queue queue;
    pthread_t writer, follower;
    struct {                      /* of the files' names (sqlite_watch.c) */
        int events, folder, stop; /* descriptors; `events` -1: nobody watches */
        pthread_t thread;
    } watch;
    _Atomic bool stopping, follower_ended;
    _Atomic nanos patience_ends; /* an instant: then nobody waits for a lock any more */

    /* The order in which changes reach the state. The doorbell's lock is taken before it.
     */
    struct lock lock;         /* guards what follows, and the store's index */
    struct rows reader;       /* for following */
    struct instant follow_at; /* following failed: nobody tries again before */
    uint64_t forgotten;       /* that the state knows of */
    bool lost_sight;          /* changes that we have not seen are forgotten already */
    bool follows_badly;       /* following failed the last time, and that was logged */

    /* the writer's own */
    struct rows rows;
    struct rows_state seen; /* that the file had after our last look at it */
    int64_t version;        /* rows_version() then */
    uint64_t beginning; /* the index that a new beginning has made, until it is logged */
    bool started;       /* has changed something since the start */
    enum edit_result trouble; /* of the last transaction, as logged; EDIT_CHANGED: none */
    struct edit *edits[BATCH_MOST];
    struct decision *decisions; /* BATCH_MOST */
};

/* Hands to the state what the file has and it has not. The lock is held. False: it could
 * not be read (reader.message). */
bool sqlite_follow_file(struct sqlite *sqlite);

/* The same where the doorbell says that there is something. Takes the lock. */
bool sqlite_follow_doorbell(struct sqlite *sqlite);

/* Finds the doorbell again where it was removed, replaced or cut short. Takes the lock.
 * False: errno. */
bool sqlite_mend_doorbell(struct sqlite *sqlite);

/* With the doorbell's lock, the writer: opens the file again where another one has its
 * name, and makes a new beginning in it where it does not hold what it held: it is an
 * older copy, or was changed by hand. False: rows.failure. */
bool sqlite_check_file(struct sqlite *sqlite);

/* A new beginning: each resource takes an index above all that can have been given, and
 * everything counts as changed; what the file no longer has is deleted. With the
 * doorbell's lock. `given`: the newest index that is known of. False: rows.failure. */
bool sqlite_begin_anew(struct sqlite *sqlite, uint64_t given);

/* Logs the one that was made. No lock held. */
void sqlite_note_beginning(struct sqlite *sqlite);

/* Logs which rows were passed over since the last time. No lock held. */
void sqlite_report(struct sqlite *sqlite);

/* Starts the thread that watches the files' names; where it can't, that is logged, and
 * all goes on without it. */
void sqlite_watch_start(struct sqlite *sqlite);
void sqlite_watch_end(struct sqlite *sqlite);

/* The threads. */
void *sqlite_writer(void *sqlite);
void *sqlite_follower(void *sqlite);

#endif
