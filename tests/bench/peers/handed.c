/* SPDX-License-Identifier: ISC */
/*
 * handed: preloaded into a responder it takes the time of each publish of load's when it
 * was read (its "t" names it), and of each answer with the same "t" once it is in the web
 * server's hands, where it was asked for before the publish came: of those who waited.
 * At the end the file HANDED gets the span of each, a line in nanoseconds.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MOST (1 << 20) /* spans */
#define PLACES (1 << 16)
#define DESCRIPTORS (1 << 16)

/* Of one publish; another one at the same place takes it. */
static struct {
    _Atomic uint64_t t, read_at;
} publishes[PLACES];

static _Atomic uint64_t asked_at[DESCRIPTORS];
static _Atomic uint64_t spans[MOST];
static _Atomic size_t count;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* 0: none. */
static uint64_t find_t(const char *bytes, size_t len)
{
    static const char name[] = "\"t\":";
    const char *end = bytes + len, *at = memmem(bytes, len, name, sizeof name - 1);
    uint64_t t = 0;
    if (at != NULL)
        for (at += sizeof name - 1; at < end && *at >= '0' && *at <= '9'; at++)
            t = t * 10 + (uint64_t)(*at - '0');
    return t;
}

static size_t place_of(uint64_t t)
{
    return (size_t)((t * UINT64_C(0x9e3779b97f4a7c15)) >> 48);
}

static void note_read(int fd, const char *bytes, size_t len)
{
    uint64_t t = find_t(bytes, len), read_at = now();
    if (fd < DESCRIPTORS)
        asked_at[fd] = read_at;
    if (t == 0)
        return;
    publishes[place_of(t)].read_at = read_at;
    publishes[place_of(t)].t = t;
}

static void note_sent(int fd, uint64_t t)
{
    uint64_t sent_at = now(), read_at = publishes[place_of(t)].read_at;
    if (t == 0 || fd >= DESCRIPTORS || publishes[place_of(t)].t != t ||
        asked_at[fd] >= read_at)
        return;
    size_t at = count++;
    if (at < MOST)
        spans[at] = sent_at - read_at;
}

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    static ssize_t (*_Atomic real)(int, void *, size_t, int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "recv");
    ssize_t n = real(fd, bytes, len, flags);
    if (n > 0)
        note_read(fd, bytes, (size_t)n);
    return n;
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    static ssize_t (*_Atomic real)(int, const void *, size_t, int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "send");
    ssize_t n = real(fd, bytes, len, flags);
    if (n > 0)
        note_sent(fd, find_t(bytes, (size_t)n));
    return n;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    static ssize_t (*_Atomic real)(int, const struct msghdr *, int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
    ssize_t n = real(fd, message, flags);
    uint64_t t = 0;
    for (size_t i = 0; n > 0 && t == 0 && i < message->msg_iovlen; i++)
        t = find_t(message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
    note_sent(fd, t);
    return n;
}

__attribute__((destructor)) static void tell(void)
{
    const char *name = getenv("HANDED");
    FILE *file = name != NULL ? fopen(name, "w") : NULL;
    if (file == NULL)
        return;
    for (size_t i = 0; i < count && i < MOST; i++)
        fprintf(file, "%llu\n", (unsigned long long)spans[i]);
    fclose(file);
}
