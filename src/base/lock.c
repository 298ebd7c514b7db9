/* SPDX-License-Identifier: ISC */
/*
 * A mutex with a rank. In checking builds each thread keeps a list of what it holds; in
 * others nothing is left of that.
 */
#include "fcgiwait/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

/* For calls that fail only by a bug of ours: going on would corrupt memory. */
static void must(int result, const char *call)
{
    if (result == 0)
        return;
    fprintf(stderr, "fcgiwait: %s: %s\n", call, strerror(result));
    abort();
}

#ifdef ENABLE_LOCK_CHECK

#define HELD_MOST 8

static _Thread_local const struct lock *held[HELD_MOST];
static _Thread_local int held_count;

static void note_taken(const struct lock *lock)
{
    if (held_count == HELD_MOST ||
        (held_count > 0 && held[held_count - 1]->rank >= lock->rank))
        must(EDEADLK, "lock taken against its rank");
    held[held_count++] = lock;
}

static void note_dropped(const struct lock *lock)
{
    if (held_count == 0 || held[held_count - 1] != lock)
        must(EPERM, "lock dropped out of order");
    held_count--;
}

void lock_must_hold(const struct lock *lock)
{
    for (int i = 0; i < held_count; i++)
        if (held[i] == lock)
            return;
    must(EPERM, "lock not held");
}

void lock_must_hold_none(void)
{
    if (held_count != 0)
        must(EDEADLK, "a call that may block, under a lock");
}

#else

static void note_taken(const struct lock *lock)
{
    (void)lock;
}

static void note_dropped(const struct lock *lock)
{
    (void)lock;
}

void lock_must_hold(const struct lock *lock)
{
    (void)lock;
}

void lock_must_hold_none(void)
{
}

#endif

void lock_init(struct lock *lock, enum lock_rank rank)
{
    must(pthread_mutex_init(&lock->mutex, NULL), "pthread_mutex_init");
    lock->rank = rank;
}

void lock_destroy(struct lock *lock)
{
    must(pthread_mutex_destroy(&lock->mutex), "pthread_mutex_destroy");
}

void lock_take(struct lock *lock)
{
    note_taken(lock);
    must(pthread_mutex_lock(&lock->mutex), "pthread_mutex_lock");
}

void lock_drop(struct lock *lock)
{
    note_dropped(lock);
    must(pthread_mutex_unlock(&lock->mutex), "pthread_mutex_unlock");
}

bool lock_wait_until(struct lock *lock, pthread_cond_t *cond, struct instant until)
{
    lock_must_hold(lock);
    if (until.at == INSTANT_NEVER.at) {
        must(pthread_cond_wait(cond, &lock->mutex), "pthread_cond_wait");
        return true;
    }
    struct timespec at = {until.at / NANOS_PER_SECOND, until.at % NANOS_PER_SECOND};
    int result = pthread_cond_timedwait(cond, &lock->mutex, &at);
    if (result != ETIMEDOUT)
        must(result, "pthread_cond_timedwait");
    return result == 0;
}
