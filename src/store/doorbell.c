/* SPDX-License-Identifier: ISC */
/*
 * A page in shared memory: the newest index, and a count of rings that sleepers watch
 * with a futex. The file is made where it is missing, and its room taken at once. Anybody
 * may remove it or cut it short while we have it mapped.
 */
#include "doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"

#define DOORBELL_SIZE 4096
static const char magic[8] = "fcgiwait"; /* for who looks into the file */

/* --- a page whose file is cut short --- */

#define GUARDS 16

/* Looking at a page beyond the end of its file is SIGBUS. The handler puts an empty page
 * in its place; doorbell_mend() puts the file's there again. */
static struct {
    _Atomic(struct doorbell_page *) page;
    _Atomic bool lost;
} guards[GUARDS];

/* ThreadSanitizer may hold a lock of its own while an atomic is looked at, and would take
 * it again in the handler. */
#define IN_HANDLER __attribute__((no_sanitize("thread")))

/* Puts a page in the place of the one at `at`, in one step for those who look there. */
IN_HANDLER static bool put_in_place(void *page, void *at)
{
    return page != MAP_FAILED && mremap(page, DOORBELL_SIZE, DOORBELL_SIZE,
                                        MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED;
}

IN_HANDLER static void replace_page(int signal_number, siginfo_t *info, void *context)
{
    int reason = errno;
    const char *at = info->si_addr;
    (void)context;
    for (int i = 0; i < GUARDS; i++) {
        char *page = (char *)atomic_load(&guards[i].page);
        if (page == NULL || at < page || at >= page + DOORBELL_SIZE)
            continue;
        atomic_store(&guards[i].lost, true);
        if (put_in_place(mmap(NULL, DOORBELL_SIZE, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                         page)) {
            errno = reason;
            return;
        }
    }
    signal(signal_number, SIG_DFL); /* not ours: it ends the process as ever */
    raise(signal_number);
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = replace_page, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

/* -1: there are too many. */
static int guard(struct doorbell_page *page)
{
    install_handler();
    for (int i = 0; i < GUARDS; i++) {
        struct doorbell_page *none = NULL;
        if (atomic_compare_exchange_strong(&guards[i].page, &none, page)) {
            atomic_store(&guards[i].lost, false);
            return i;
        }
    }
    errno = ENFILE;
    return -1;
}

/* --- the file --- */

/* All of it takes its room on the disk now: a page that can't be written to later ends
 * the process. */
static struct doorbell_page *map(int fd)
{
    int result = posix_fallocate(fd, 0, DOORBELL_SIZE);
    if (result != 0) {
        errno = result;
        return NULL;
    }
    void *page = mmap(NULL, DOORBELL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return page != MAP_FAILED ? page : NULL;
}

static int open_file(const char *file)
{
    return open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static bool open_page(struct doorbell *doorbell)
{
    doorbell->page = map(doorbell->fd);
    if (doorbell->page == NULL)
        return false;
    doorbell->guard = guard(doorbell->page);
    if (doorbell->guard >= 0)
        return true;
    munmap(doorbell->page, DOORBELL_SIZE);
    return false;
}

bool doorbell_open(struct doorbell *doorbell, const char *file)
{
    *doorbell = (struct doorbell){.file = strdup(file)};
    if (doorbell->file == NULL)
        return false;
    doorbell->fd = open_file(file);
    if (doorbell->fd >= 0 && open_page(doorbell))
        return true;
    int reason = errno;
    if (doorbell->fd >= 0)
        close(doorbell->fd);
    free(doorbell->file);
    errno = reason;
    return false;
}

bool doorbell_is_sound(const struct doorbell *doorbell)
{
    struct stat open, named;
    return !atomic_load(&guards[doorbell->guard].lost) &&
           fstat(doorbell->fd, &open) == 0 && stat(doorbell->file, &named) == 0 &&
           open.st_ino == named.st_ino && open.st_dev == named.st_dev &&
           open.st_size >= DOORBELL_SIZE;
}

bool doorbell_mend(struct doorbell *doorbell)
{
    int fd = open_file(doorbell->file);
    if (fd < 0)
        return false;
    struct doorbell_page *page = map(fd);
    /* Who sleeps on the page that goes; and nobody, where it stays: they would try to
     * mend it too, and wake each other without end. */
    if (page != NULL)
        doorbell_wake(doorbell);
    bool good = page != NULL && put_in_place(page, doorbell->page);
    if (page != NULL && !good)
        munmap(page, DOORBELL_SIZE);
    if (good) {
        atomic_store(&guards[doorbell->guard].lost, false);
        dup3(fd, doorbell->fd, O_CLOEXEC);
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return good;
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
    atomic_store(&guards[doorbell->guard].page, NULL);
    munmap(doorbell->page, DOORBELL_SIZE);
    close(doorbell->fd);
    free(doorbell->file);
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

void doorbell_raise(const struct doorbell *doorbell, uint64_t newest)
{
    uint64_t said = doorbell_newest(doorbell);
    memcpy(doorbell->page->magic, magic, sizeof magic);
    while (said < newest &&
           !atomic_compare_exchange_weak(&doorbell->page->newest, &said, newest))
        ;
    doorbell_wake(doorbell);
}

/* Indexes do not run ahead of the clock by so much: whatever stands on the page, they do
 * not run out. */
#define AHEAD (UINT64_C(10) * 366 * 86400 * 1000000)

uint64_t doorbell_given(const struct doorbell *doorbell)
{
    uint64_t newest = doorbell_newest(doorbell);
    bool ours = memcmp(doorbell->page->magic, magic, sizeof magic) == 0;
    return ours && newest < store_first_index() + AHEAD ? newest : 0;
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
