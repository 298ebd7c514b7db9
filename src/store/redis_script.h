/* SPDX-License-Identifier: ISC */
/*
 * redis_script: what runs inside Redis, in one atomic step each. Private to the Redis
 * store. The keys, all with one hash tag:
 *
 *   state  hash: format, newest, replid (of the engine that gave it), everything (index
 *          and time of the last change of everything), forgotten, began (the index of the
 *          last new beginning, of this replid), born (the first index of all; 1: of an
 *          engine that was emptied, and knows no more)
 *   index  sorted set: path, by the index of its last change
 *   times  hash: path, when that was (nanoseconds since 1970)
 *   docs   hash: path, "TYPE\nBODY"
 *   gone   sorted set: those of `index` that have no document
 *   deleted  set: those of `gone` that had one
 *   below  hash: path, "INDEX TIME" of a change of everything below it
 *   log    stream: what happened, under ID INDEX-0; under INDEX-1 what was forgotten then
 *   alive:ID  string: the last connection of that process that may propose
 */
#ifndef FCGIWAIT_STORE_REDIS_SCRIPT_H
#define FCGIWAIT_STORE_REDIS_SCRIPT_H

enum redis_key {
    REDIS_STATE,
    REDIS_INDEX,
    REDIS_TIMES,
    REDIS_DOCS,
    REDIS_GONE,
    REDIS_DELETED,
    REDIS_BELOW,
    REDIS_LOG,
    REDIS_ALIVE,
    REDIS_KEYS
};

enum redis_script { REDIS_PROPOSE, REDIS_PAGE, REDIS_SCRIPTS };
extern const char *const redis_scripts[REDIS_SCRIPTS];

/* Of REDIS_PROPOSE: process, connection (0: one that only follows), number of the first
 * edit, newest index known, clock (microseconds), time (nanoseconds), limit of resources,
 * length of the log; then of each edit: what, path, the index that it was decided on (or
 * one of the two below), type, body, its trace or nothing. Answers "ok", the newest
 * index, the replid, and of each edit its index, or one of the words. */
#define REDIS_ARGUMENTS 8
#define REDIS_EDIT_ARGUMENTS 6
#define REDIS_ANSWERS 3 /* before those of the edits */
/* Whatever the resource is now; and: decided on what an edit before it in this call has
 * made. That holds where it was made of what was known: an edit of the first kind vouches
 * for nothing. */
#define REDIS_BASE_ANY "*"
#define REDIS_BASE_BATCH "b"
/* Nothing was to be changed, and the decision holds; of REDIS_BASE_BATCH the resource's
 * index says so, which nobody could know before. */
#define REDIS_SAID_SAME "same"
#define REDIS_SAID_AGAIN "again" /* the resource is not what it was decided on */
#define REDIS_SAID_FULL "full"
/* Instead of "ok": */
#define REDIS_SAID_GIVEN_UP "given up" /* edits, by a connection that came later */
#define REDIS_SAID_REPLICA "replica"   /* to a proposer: it would be asked in vain */
#define REDIS_SAID_FOREIGN "foreign"   /* the keys are another application's */

/* Of REDIS_PAGE: behind which index, how many, and after how many bytes of documents not
 * one more. Answers what holds at that moment, a list
 * as below, and of each resource that changed since, in index order, path, index, time,
 * its document or nothing, and 1 where that was deleted. */
enum {
    REDIS_STATE_NEWEST,
    REDIS_STATE_EVERYTHING,
    REDIS_STATE_EVERYTHING_AT,
    REDIS_STATE_FORGOTTEN,
    REDIS_STATE_BEGAN,
    REDIS_STATE_REPLID,
    REDIS_STATE_BORN,
    REDIS_STATE_LAST, /* 1: there is nothing behind this page */
    REDIS_STATE_MARKS /* of each path, index, time of a change of everything below it */
};

#endif
