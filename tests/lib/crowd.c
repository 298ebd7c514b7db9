/* SPDX-License-Identifier: ISC */
/*
 * HTTP/1.0 on non-blocking sockets, a connection for each request: nothing has to be
 * unpacked, and the end of an answer is the end of its connection.
 */
#include "crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"
#include "stack.h"

#define WAIT 20       /* seconds that a poll asks for */
#define TOO_LONG 60.0 /* no answer: the connection is lost */
#define INBOX 8192
#define REQUEST 512

enum member_kind { PUBLISHER, POLLER, STREAM };

struct member {
    enum member_kind kind;
    int fd, machine, path;
    double start, next; /* of the request; when the next one begins */
    uint64_t known;
    int64_t value; /* of a publisher */
    size_t len, done;
    bool is_open; /* of a stream: the head has come */
    char inbox[INBOX];
};

static int pick(struct crowd *crowd, int below)
{
    return rand_r(&crowd->seed) % below;
}

/* --- asking --- */

static int write_request(struct crowd *crowd, struct member *member, char *out)
{
    char index[40] = "";
    if (member->known != 0)
        snprintf(index, sizeof index, "?index=%llu", (unsigned long long)member->known);
    if (member->kind == PUBLISHER) {
        char body[32];
        member->path = pick(crowd, crowd->options.paths);
        member->value = ++crowd->values;
        int len = snprintf(body, sizeof body, "{\"n\":%lld}", (long long)member->value);
        return snprintf(out, REQUEST,
                        "PUT /publish/r/%d HTTP/1.0\r\nHost: a\r\nContent-Type: "
                        "application/json\r\nContent-Length: %d\r\n\r\n%s",
                        member->path, len, body);
    }
    if (member->kind == STREAM)
        return snprintf(out, REQUEST,
                        "GET /r/%d%s HTTP/1.0\r\nHost: a\r\nAccept: "
                        "application/x-ndjson\r\n\r\n",
                        member->path, index);
    return snprintf(out, REQUEST,
                    "GET /r/%d%s HTTP/1.0\r\nHost: a\r\nPrefer: wait=%d\r\n\r\n",
                    member->path, index, WAIT);
}

/* What nginx does not take is no request: a start that failed is tried again. */
static void ask(struct crowd *crowd, struct member *member)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[REQUEST];
    member->machine = pick(crowd, crowd->options.machines);
    address.sin_port = htons((uint16_t)crowd->options.ports[member->machine]);
    member->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(member->fd >= 0, "socket: %s", strerror(errno));
    /* On loopback, where connecting does not wait. */
    if (connect(member->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(member->fd);
        member->fd = -1;
        member->next = seconds_now() + 0.1;
        return;
    }
    int len = write_request(crowd, member, request);
    member->start = seconds_now();
    member->next = member->start +
                   (member->kind == STREAM ? 0.5 + pick(crowd, 2500) / 1000.0 : TOO_LONG);
    member->len = member->done = 0;
    member->is_open = false;
    if (send(member->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        must(false, "send: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
    must(epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, member->fd, &event) == 0, "epoll_ctl");
}

/* --- what comes --- */

static uint64_t number_behind(const char *text, const char *name)
{
    const char *at = text != NULL ? strstr(text, name) : NULL;
    return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static struct event event_of(const struct member *member, enum event_kind kind)
{
    return (struct event){.kind = kind,
                          .machine = (short)member->machine,
                          .path = member->path,
                          .client = (int)member->kind,
                          .start = member->start,
                          .end = seconds_now(),
                          .brought = member->known};
}

static void note_publish(struct crowd *crowd, struct member *member, int status)
{
    struct event event = event_of(member, EVENT_UNSURE);
    event.brought = 0;
    event.value = member->value;
    if (status == 201 || status == 204) {
        event.kind = EVENT_PUBLISHED;
        event.index = number_behind(member->inbox, "X-Polling-Index: ");
        atomic_fetch_add(&crowd->published, 1);
    } else if (status == 503 && strstr(member->inbox, "could not be stored") != NULL) {
        event.kind = EVENT_REFUSED;
    }
    history_add(&crowd->history, &event);
}

static void note_read(struct crowd *crowd, struct member *member, int status)
{
    struct event event = event_of(member, EVENT_READ);
    if (status != 200 && status != 304 && status != 404)
        return;
    event.unchanged = status == 304;
    event.index = number_behind(member->inbox, "X-Polling-Index: ");
    if (status == 200)
        event.value =
            (int64_t)number_behind(strstr(member->inbox, "\r\n\r\n"), "{\"n\":");
    history_add(&crowd->history, &event);
    atomic_fetch_add(&crowd->answered, 1);
    if (event.index > member->known)
        member->known = event.index;
}

/* One line: what is told, or where it stands. */
static void take_line(struct crowd *crowd, struct member *member, const char *line)
{
    struct event event = event_of(member, EVENT_TOLD);
    event.index = number_behind(line, "\"index\":");
    event.value = (int64_t)number_behind(line, "\"document\":{\"n\":");
    if (event.index == 0)
        return;
    event.start = event.end;
    history_add(&crowd->history, &event);
    atomic_fetch_add(&crowd->told, 1);
    if (event.index > member->known)
        member->known = event.index;
}

static void take_lines(struct crowd *crowd, struct member *member)
{
    char *end;
    if (!member->is_open) {
        end = strstr(member->inbox, "\r\n\r\n");
        if (end == NULL)
            return;
        member->is_open = true;
        member->done = (size_t)(end + 4 - member->inbox);
    }
    while ((end = strchr(member->inbox + member->done, '\n')) != NULL) {
        *end = '\0';
        take_line(crowd, member, member->inbox + member->done);
        member->done = (size_t)(end + 1 - member->inbox);
    }
    member->len -= member->done;
    memmove(member->inbox, member->inbox + member->done, member->len + 1);
    member->done = 0;
}

static int status_of(const struct member *member)
{
    return strncmp(member->inbox, "HTTP/1.", 7) == 0 ? atoi(member->inbox + 9) : 0;
}

static void finish(struct crowd *crowd, struct member *member)
{
    double now = seconds_now();
    int status = member->kind == STREAM ? 0 : status_of(member);
    /* A child that was just forked may have it for a moment, so a close() is not enough.
     */
    epoll_ctl(crowd->epoll, EPOLL_CTL_DEL, member->fd, NULL);
    close(member->fd);
    member->fd = -1;
    if (member->kind == PUBLISHER)
        note_publish(crowd, member, status);
    else if (member->kind == POLLER)
        note_read(crowd, member, status);
    member->next = now;
    if (member->kind == PUBLISHER && crowd->options.pause_ms > 0)
        member->next += pick(crowd, 1000 * crowd->options.pause_ms) / 1e6;
    else if (member->kind != PUBLISHER && status != 200 && status != 304)
        member->next += 0.05; /* somebody is away */
}

static void take(struct crowd *crowd, struct member *member)
{
    if (member->fd < 0)
        return;
    ssize_t len = recv(member->fd, member->inbox + member->len, INBOX - 1 - member->len,
                       MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len > 0) {
        member->len += (size_t)len;
        member->inbox[member->len] = '\0';
        if (member->kind == STREAM)
            take_lines(crowd, member);
        must(member->len < INBOX - 1, "an answer that is too long");
        return;
    }
    member->inbox[member->len] = '\0';
    finish(crowd, member);
}

/* --- the thread --- */

static size_t size_of(const struct crowd *crowd)
{
    const struct crowd_options *options = &crowd->options;
    return (size_t)(options->publishers + options->pollers + options->streams);
}

/* Whose time has come. */
static void begin_again(struct crowd *crowd)
{
    double now = seconds_now();
    for (size_t i = 0; i < size_of(crowd); i++) {
        struct member *member = &crowd->members[i];
        if (now < member->next)
            continue;
        if (member->fd >= 0) { /* a stream turns to another machine; others are lost */
            must(member->kind == STREAM, "no answer for %.0f s", TOO_LONG);
            member->inbox[member->len] = '\0';
            finish(crowd, member);
            member->next = now;
        }
        ask(crowd, member);
    }
}

static void *run(void *context)
{
    struct crowd *crowd = context;
    struct epoll_event events[256];
    while (!atomic_load(&crowd->stopping)) {
        begin_again(crowd);
        int count = epoll_wait(crowd->epoll, events, 256, 2);
        for (int i = 0; i < count; i++)
            take(crowd, events[i].data.ptr);
    }
    /* Publishes that are under way may happen still. */
    for (size_t i = 0; i < size_of(crowd); i++) {
        struct member *member = &crowd->members[i];
        if (member->fd >= 0 && member->kind == PUBLISHER) {
            while (member->fd >= 0) {
                take(crowd, member);
                sleep_ms(1);
                if (seconds_now() - member->start > TOO_LONG)
                    must(false, "no answer for %.0f s", TOO_LONG);
            }
        }
    }
    return NULL;
}

void crowd_start(struct crowd *crowd, const struct crowd_options *options)
{
    *crowd = (struct crowd){
        .options = *options, .values = options->values, .seed = (unsigned)getpid()};
    crowd->history.first = options->values + 1;
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd->members = calloc(size_of(crowd), sizeof *crowd->members);
    must(crowd->epoll >= 0 && crowd->members != NULL, "no memory");
    for (size_t i = 0; i < size_of(crowd); i++) {
        struct member *member = &crowd->members[i];
        int n = (int)i;
        member->fd = -1;
        member->kind = n < options->publishers                      ? PUBLISHER
                       : n < options->publishers + options->pollers ? POLLER
                                                                    : STREAM;
        member->path = n % options->paths;
    }
    must(pthread_create(&crowd->thread, NULL, run, crowd) == 0, "pthread_create");
}

void crowd_stop(struct crowd *crowd)
{
    atomic_store(&crowd->stopping, true);
    pthread_join(crowd->thread, NULL);
}

void crowd_free(struct crowd *crowd)
{
    for (size_t i = 0; i < size_of(crowd); i++)
        if (crowd->members[i].fd >= 0)
            close(crowd->members[i].fd);
    close(crowd->epoll);
    free(crowd->members);
    history_free(&crowd->history);
}
