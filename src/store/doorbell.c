/* SPDX-License-Identifier: ISC */
/*
 * A page in shared memory: the newest index, and a count of rings that sleepers watch
 * with a futex. The file is made where it is missing, and its room taken at once.
 */
#include "doorbell.h"

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

#define DOORBELL_SIZE 4096
static const char magic[8] = "fcgiwait"; /* for who looks into the file */

/* All of it takes its room on the disk now: a page that can't be written to later ends
 * the process. */
static bool map(struct doorbell *doorbell)
{
    int result = posix_fallocate(doorbell->fd, 0, DOORBELL_SIZE);
    if (result != 0) {
        errno = result;
        return false;
    }
    void *page =
        mmap(NULL, DOORBELL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, doorbell->fd, 0);
    doorbell->page = page != MAP_FAILED ? page : NULL;
    return doorbell->page != NULL;
}

bool doorbell_open(struct doorbell *doorbell, const char *file)
{
    *doorbell = (struct doorbell){
        .fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (doorbell->fd < 0)
        return false;
    if (map(doorbell))
        return true;
    int reason = errno;
    close(doorbell->fd);
    errno = reason;
    return false;
}

/* Where that is not ours to say, it was said before. Root makes files for others, as
 * SQLite does. */
bool doorbell_match(const struct doorbell *doorbell, const char *file)
{
    struct stat theirs;
    if (stat(file, &theirs) != 0)
        return true;
    fchmod(doorbell->fd, 0600 | ((theirs.st_mode & S_IWGRP) != 0 ? 0060 : 0));
    return geteuid() != 0 || fchown(doorbell->fd, theirs.st_uid, theirs.st_gid) == 0;
}

void doorbell_close(struct doorbell *doorbell)
{
    munmap(doorbell->page, DOORBELL_SIZE);
    close(doorbell->fd);
}

bool doorbell_lock(const struct doorbell *doorbell, const struct patience *patience)
{
    for (int tries = 0; flock(doorbell->fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        if (!patience_pause(patience, tries)) {
            errno = ETIMEDOUT;
            return false;
        }
    }
    return true;
}

void doorbell_unlock(const struct doorbell *doorbell)
{
    flock(doorbell->fd, LOCK_UN);
}

void doorbell_set(const struct doorbell *doorbell, uint64_t newest)
{
    memcpy(doorbell->page->magic, magic, sizeof magic);
    atomic_store_explicit(&doorbell->page->newest, newest, memory_order_release);
    doorbell_wake(doorbell);
}

uint32_t doorbell_rings(const struct doorbell *doorbell)
{
    return atomic_load_explicit(&doorbell->page->rings, memory_order_acquire);
}

void doorbell_sleep(const struct doorbell *doorbell, uint32_t rings, nanos most)
{
    struct timespec span = {most / NANOS_PER_SECOND, most % NANOS_PER_SECOND};
    syscall(SYS_futex, &doorbell->page->rings, FUTEX_WAIT, rings, most > 0 ? &span : NULL,
            NULL, 0);
}

void doorbell_wake(const struct doorbell *doorbell)
{
    atomic_fetch_add_explicit(&doorbell->page->rings, 1, memory_order_acq_rel);
    syscall(SYS_futex, &doorbell->page->rings, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
