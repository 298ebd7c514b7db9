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
    bool started;             /* has changed something since the start */
    enum edit_result trouble; /* of the last transaction, as logged; EDIT_CHANGED: none */
    struct edit *edits[BATCH_MOST];
    struct decision *decisions; /* BATCH_MOST */
};

/* Hands to the state what the file has and it has not. The lock is held. False: it could
 * not be read (reader.message). */
bool sqlite_follow_file(struct sqlite *sqlite);

/* The same where the doorbell says that there is something. Takes the lock. */
bool sqlite_follow_doorbell(struct sqlite *sqlite);

/* Logs which rows were passed over since the last time. No lock held. */
void sqlite_report(struct sqlite *sqlite);

/* The threads. */
void *sqlite_writer(void *sqlite);
void *sqlite_follower(void *sqlite);

#endif
