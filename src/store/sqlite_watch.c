/* SPDX-License-Identifier: ISC */
/*
 * A thread that hears from the kernel when somebody removes, replaces or cuts short the
 * store's file or its doorbell. Without it that is found out by the next change of ours,
 * and until then we would show what holds no more, or hear nobody.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "fcgiwait/log.h"
#include "sqlite.h"

#define NAMES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)

/* Writing through the mapped page is no IN_MODIFY: who cuts the file short is heard. */
static void watch_doorbell(struct sqlite *sqlite)
{
    inotify_add_watch(sqlite->watch.events, sqlite->doorbell.file, IN_MODIFY);
}

static bool is_ours(const struct sqlite *sqlite, const struct inotify_event *event)
{
    if (event->len == 0 || event->wd != sqlite->watch.folder)
        return true;
    const char *doorbell = strrchr(sqlite->doorbell.file, '/') + 1;
    return strcmp(event->name, doorbell) == 0 ||
           strcmp(event->name, strrchr(sqlite->file, '/') + 1) == 0;
}

/* True where one of them may be about our files. */
static bool take_events(struct sqlite *sqlite)
{
    _Alignas(struct inotify_event) char bytes[4096];
    bool ours = false;
    ssize_t len;
    while ((len = read(sqlite->watch.events, bytes, sizeof bytes)) > 0)
        for (char *at = bytes; at < bytes + len;) {
            const struct inotify_event *event = (struct inotify_event *)at;
            ours = ours || is_ours(sqlite, event);
            at += sizeof *event + event->len;
        }
    return ours;
}

static void look_after(struct sqlite *sqlite)
{
    if (!sqlite_mend_doorbell(sqlite))
        doorbell_wake(&sqlite->doorbell); /* the follower goes on with it */
    watch_doorbell(sqlite);
    sqlite_follow_doorbell(sqlite);
    queue_nudge(&sqlite->queue); /* the file is the writer's */
}

static void *watch(void *context)
{
    struct sqlite *sqlite = context;
    struct pollfd fds[] = {{.fd = sqlite->watch.events, .events = POLLIN},
                           {.fd = sqlite->watch.stop, .events = POLLIN}};
    for (;;) {
        poll(fds, 2, -1);
        if (fds[1].revents != 0)
            return NULL;
        if (take_events(sqlite))
            look_after(sqlite);
    }
}

/* 0, or an errno value. */
static int start(struct sqlite *sqlite)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s",
             (int)(strrchr(sqlite->file, '/') + 1 - sqlite->file), sqlite->file);
    sqlite->watch.folder = inotify_add_watch(sqlite->watch.events, folder, NAMES);
    if (sqlite->watch.folder < 0 || sqlite->watch.stop < 0)
        return errno;
    watch_doorbell(sqlite);
    return pthread_create(&sqlite->watch.thread, NULL, watch, sqlite);
}

static void close_descriptors(struct sqlite *sqlite)
{
    if (sqlite->watch.stop >= 0)
        close(sqlite->watch.stop);
    close(sqlite->watch.events);
    sqlite->watch.events = -1;
}

void sqlite_watch_start(struct sqlite *sqlite)
{
    sqlite->watch.events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int reason = errno;
    if (sqlite->watch.events >= 0) {
        sqlite->watch.stop = eventfd(0, EFD_CLOEXEC);
        reason = start(sqlite);
        if (reason == 0)
            return;
        close_descriptors(sqlite);
    }
    log_warn("%s is not watched: %s; that somebody replaces it is noticed by the next "
             "change only",
             sqlite->file, strerror(reason));
}

void sqlite_watch_end(struct sqlite *sqlite)
{
    if (sqlite->watch.events < 0)
        return;
    eventfd_write(sqlite->watch.stop, 1);
    pthread_join(sqlite->watch.thread, NULL);
    close_descriptors(sqlite);
}
