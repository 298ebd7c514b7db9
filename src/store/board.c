#include "board.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fcgiwait/log.h"

#define BOARD_SIZE 4096
static const char magic[8] = "fcgiwait"; /* for who looks into the file */

/* All of it takes its room on the disk now: a page that can't be written to later ends
 * the process. */
static bool map(struct board *board)
{
    int result = posix_fallocate(board->fd, 0, BOARD_SIZE);
    if (result != 0) {
        errno = result;
        return false;
    }
    void *page = mmap(NULL, BOARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, board->fd, 0);
    board->page = page != MAP_FAILED ? page : NULL;
    return board->page != NULL;
}

bool board_open(struct board *board, const char *file)
{
    *board =
        (struct board){.fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (board->fd < 0)
        return false;
    if (map(board))
        return true;
    int reason = errno;
    close(board->fd);
    errno = reason;
    return false;
}

/* Where that is not ours to say, it was said before. Root makes files for others, as
 * SQLite does. */
void board_match(const struct board *board, const char *file)
{
    struct stat theirs;
    if (stat(file, &theirs) != 0)
        return;
    fchmod(board->fd, 0600 | ((theirs.st_mode & S_IWGRP) != 0 ? 0060 : 0));
    if (geteuid() == 0 && fchown(board->fd, theirs.st_uid, theirs.st_gid) != 0)
        log_warn("the board beside %s can't be given to its owner: %s", file,
                 strerror(errno));
}

void board_close(struct board *board)
{
    munmap(board->page, BOARD_SIZE);
    close(board->fd);
}

bool board_lock(const struct board *board)
{
    int result;
    do
        result = flock(board->fd, LOCK_EX);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

void board_unlock(const struct board *board)
{
    flock(board->fd, LOCK_UN);
}

void board_set(const struct board *board, uint64_t newest)
{
    memcpy(board->page->magic, magic, sizeof magic);
    atomic_store_explicit(&board->page->newest, newest, memory_order_release);
    board_wake(board);
}

uint32_t board_rings(const struct board *board)
{
    return atomic_load_explicit(&board->page->rings, memory_order_acquire);
}

void board_sleep(const struct board *board, uint32_t rings)
{
    syscall(SYS_futex, &board->page->rings, FUTEX_WAIT, rings, NULL, NULL, 0);
}

void board_wake(const struct board *board)
{
    atomic_fetch_add_explicit(&board->page->rings, 1, memory_order_acq_rel);
    syscall(SYS_futex, &board->page->rings, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
