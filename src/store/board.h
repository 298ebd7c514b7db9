/*
 * board: what the processes over one store tell each other: the newest index. A small
 * file beside the store's, mapped by all of them. Private to the store.
 *
 * The file is a convenience: it can be lost, and is made again. It has no lock that could
 * be left behind, and no process id: the kernel drops the lock of a process that dies
 * (flock(2)), and the sleepers are the kernel's too (futex(2)).
 */
#ifndef FCGIWAIT_STORE_BOARD_H
#define FCGIWAIT_STORE_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct board_page {
    char magic[8];
    _Atomic uint64_t newest;
    _Atomic uint32_t rings; /* counts calls of board_tell() and board_wake() */
};

struct board {
    int fd;
    struct board_page *page;
};

/* Finds or makes the file. False: errno. */
bool board_open(struct board *board, const char *file);
/* Who may write this file, the store's, may use the board, and nobody else. */
void board_match(const struct board *board, const char *file);
void board_close(struct board *board);

/* One process, and one thread of it, at a time. May wait as long as another one writes,
 * but not for one that is gone. False: errno. */
bool board_lock(const struct board *board);
void board_unlock(const struct board *board);

/* With the lock: what the board says, true or not, is put right. Wakes all. */
void board_set(const struct board *board, uint64_t newest);

/* The newest index that is durable. */
static inline uint64_t board_newest(const struct board *board)
{
    return atomic_load_explicit(&board->page->newest, memory_order_acquire);
}

/* The bell: read it, look at what there is, and sleep until it has been rung since. */
uint32_t board_rings(const struct board *board);
void board_sleep(const struct board *board, uint32_t rings);
void board_wake(const struct board *board);

#endif
