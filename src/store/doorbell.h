/* SPDX-License-Identifier: ISC */
/*
 * doorbell: what the processes over one store tell each other: the newest index. A small
 * file beside the store's, mapped by all of them. Private to the store.
 *
 * The file is a convenience: it can be lost, and is made again. It has no lock that could
 * be left behind, and no process id: the kernel drops the lock of a process that dies
 * (flock(2)), and the sleepers are the kernel's too (futex(2)).
 */
#ifndef FCGIWAIT_STORE_DOORBELL_H
#define FCGIWAIT_STORE_DOORBELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "patience.h"

struct doorbell_page {
    char magic[8];
    _Atomic uint64_t newest;
    _Atomic uint32_t rings; /* counts calls of doorbell_tell() and doorbell_wake() */
};

struct doorbell {
    int fd;
    struct doorbell_page *page; /* stays where it is */
    char *file;                 /* a copy */
    int guard;                  /* of the page, against a file that is cut short */
};

/* Finds or makes the file. False: errno. */
bool doorbell_open(struct doorbell *doorbell, const char *file);

/* Whether the file still has its name and its length. */
bool doorbell_is_sound(const struct doorbell *doorbell);

/* Finds or makes the file again, and wakes those who still sleep on the old one, so that
 * they do the same. One thread at a time; others may look at the page meanwhile. False:
 * errno. */
bool doorbell_mend(struct doorbell *doorbell);
/* Who may write this file, the store's, may use the doorbell, and nobody else. False:
 * that can't be said of its owner (errno). */
bool doorbell_match(const struct doorbell *doorbell, const char *file);
void doorbell_close(struct doorbell *doorbell);

/* One process, and one thread of it, at a time. May wait as long as another one writes,
 * but not for one that is gone, and no longer than `patience`. False: errno, ETIMEDOUT
 * among them. */
bool doorbell_lock(const struct doorbell *doorbell, const struct patience *patience);
void doorbell_unlock(const struct doorbell *doorbell);

/* With the lock: what the doorbell says, true or not, is put right. Wakes all. */
void doorbell_set(const struct doorbell *doorbell, uint64_t newest);

/* Without the lock: makes it say no less. Wakes all. */
void doorbell_raise(const struct doorbell *doorbell, uint64_t newest);

/* What a doorbell says that was left there, or 0 where that can't be an index. */
uint64_t doorbell_given(const struct doorbell *doorbell);

/* The newest index that is durable. */
static inline uint64_t doorbell_newest(const struct doorbell *doorbell)
{
    return atomic_load_explicit(&doorbell->page->newest, memory_order_acquire);
}

/* The bell: read it, look at what there is, and sleep until it has been rung since, or so
 * long (0: without end). */
uint32_t doorbell_rings(const struct doorbell *doorbell);
void doorbell_sleep(const struct doorbell *doorbell, uint32_t rings, nanos most);
void doorbell_wake(const struct doorbell *doorbell);

#endif
