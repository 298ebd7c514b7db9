/* SPDX-License-Identifier: ISC */
/*
 * The least that a FastCGI responder can do for those who wait: one thread that looks at
 * the bytes of a request instead of reading them, keeps nothing but the connection of one
 * that waits, and sends all of them the same bytes. Resources are /r/NUMBER and /r/all,
 * no wait ends, nothing can go wrong. Nobody behind this nginx answers so many with less.
 *
 *     spawn-fcgi -s /run/least.sock -n -- least
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 20000
#define ROOM 2048

struct bytes {
    char at[ROOM];
    size_t len;
};

struct crowd {
    int *fds;
    size_t count, room;
};

/* A client that asks again with its index waits until there is a newer one. */
struct resource {
    unsigned long long index;
    char document[128];
    struct crowd held, streams;
};

static struct resource resources[CONNECTIONS]; /* by number; 0 is /r/all, too */
static struct crowd *with[CONNECTIONS];        /* by descriptor: those it is one of */
static size_t waiting;
static unsigned long long newest; /* starts from the clock */

static void add_record(struct bytes *out, int type, const void *content, size_t len)
{
    const char header[8] = {1, (char)type, 0, 1, (char)(len >> 8), (char)len, 0, 0};
    memcpy(out->at + out->len, header, sizeof header);
    memcpy(out->at + out->len + sizeof header, content, len);
    out->len += sizeof header + len;
}

/* --- who waits --- */

static bool join(struct crowd *crowd, int fd)
{
    if (crowd->count == crowd->room) {
        size_t room = crowd->room > 0 ? 2 * crowd->room : 1;
        int *fds = realloc(crowd->fds, room * sizeof *fds);
        if (fds == NULL)
            return false;
        crowd->fds = fds;
        crowd->room = room;
    }
    crowd->fds[crowd->count++] = fd;
    with[fd] = crowd;
    waiting++;
    return true;
}

static void leave(int fd)
{
    struct crowd *crowd = with[fd];
    for (size_t i = 0; crowd != NULL && i < crowd->count; i++)
        if (crowd->fds[i] == fd) {
            crowd->fds[i] = crowd->fds[--crowd->count];
            waiting--;
            break;
        }
    with[fd] = NULL;
}

/* --- what they are sent --- */

/* An event of a stream that has begun. */
static void add_event(struct bytes *out, const struct resource *resource)
{
    char text[ROOM / 2];
    int len = snprintf(text, sizeof text, "id: %llu\ndata: %s\n\n", resource->index,
                       resource->document);
    add_record(out, 6, text, (size_t)len);
}

static void begin_stream(const struct resource *resource, struct bytes *out)
{
    static const char head[] = "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n\r\n";
    out->len = 0;
    add_record(out, 6, head, sizeof head - 1);
    add_event(out, resource);
}

/* The answer to request 1, which is the number that nginx always gives. */
static void answer(struct bytes *out, const char *status, unsigned long long index,
                   const char *body)
{
    static const char end[8];
    char text[ROOM / 2];
    int len = snprintf(text, sizeof text,
                       "Status: %s\r\nX-Polling-Index: %llu\r\nETag: \"%llu\"\r\n"
                       "Cache-Control: no-store\r\nVary: Prefer\r\n"
                       "Content-Type: application/json\r\n"
                       "Last-Modified: Tue, 24 Nov 2026 18:44:25 GMT\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       status, index, index, strlen(body), body);
    out->len = 0;
    add_record(out, 6, text, (size_t)len);
    add_record(out, 6, "", 0);
    add_record(out, 3, end, sizeof end);
}

static void send_to(int fd, const struct bytes *out)
{
    if (send(fd, out->at, out->len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)out->len)
        shutdown(fd, SHUT_RDWR);
}

static void send_answer(int fd, const char *status, unsigned long long index,
                        const char *body)
{
    struct bytes out;
    answer(&out, status, index, body);
    send_to(fd, &out);
}

static void send_to_all(const struct crowd *crowd, const struct bytes *out)
{
    for (size_t i = 0; i < crowd->count; i++)
        send_to(crowd->fds[i], out);
}

static void publish(struct resource *resource, const char *body, size_t len)
{
    struct bytes out;
    snprintf(resource->document, sizeof resource->document, "%.*s", (int)len, body);
    resource->index = ++newest;
    answer(&out, "200 OK", resource->index, resource->document);
    send_to_all(&resource->held, &out);
    for (size_t i = 0; i < resource->held.count; i++)
        with[resource->held.fds[i]] = NULL;
    waiting -= resource->held.count;
    resource->held.count = 0;
    out.len = 0;
    add_event(&out, resource);
    send_to_all(&resource->streams, &out);
}

/* --- what they ask --- */

static struct resource *named(const char *request, size_t len)
{
    const char *at = memmem(request, len, "/r/", 3);
    unsigned long number = at != NULL ? strtoul(at + 3, NULL, 10) : 0;
    return number < CONNECTIONS ? &resources[number] : &resources[0];
}

static void serve(int fd, char *request, size_t len)
{
    char status[64];
    struct bytes out;
    request[len] = '\0';
    struct resource *resource = named(request, len);
    const char *body = memmem(request, len, "{\"n\"", 4);
    const char *end =
        body != NULL ? memchr(body, '}', len - (size_t)(body - request)) : NULL;
    const char *index = memmem(request, len, "index=", 6);
    if (end != NULL) {
        send_answer(fd, "204 No Content", newest, "");
        if (memmem(request, len, "/aside", 6) == NULL)
            publish(resource, body, (size_t)(end + 1 - body));
    } else if (memmem(request, len, "event-stream", 12) != NULL &&
               join(&resource->streams, fd)) {
        begin_stream(resource, &out);
        send_to(fd, &out);
    } else if (index != NULL && strtoull(index + 6, NULL, 10) >= resource->index &&
               join(&resource->held, fd)) {
        return;
    } else if (memmem(request, len, "/status", 7) != NULL) {
        snprintf(status, sizeof status, "{\"waiting\":%zu}", waiting);
        send_answer(fd, "200 OK", newest, status);
    } else {
        send_answer(fd, "200 OK", resource->index, resource->document);
    }
}

static void forget(int fd)
{
    leave(fd);
    close(fd);
}

static void take_in(int epoll)
{
    struct epoll_event event = {.events = EPOLLIN};
    event.data.fd = accept(STDIN_FILENO, NULL, NULL);
    if (event.data.fd >= CONNECTIONS)
        close(event.data.fd);
    else if (event.data.fd >= 0)
        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
}

int main(void)
{
    struct epoll_event events[128] = {{.events = EPOLLIN, .data.fd = STDIN_FILENO}};
    struct rlimit limit;
    int epoll = epoll_create1(0);
    newest = (unsigned long long)time(NULL) * 1000000;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        resources[i].index = newest;
        strcpy(resources[i].document, "{}");
    }
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &events[0]);
    for (;;) {
        int count = epoll_wait(epoll, events, 128, -1);
        for (int i = 0; i < count; i++) {
            static char request[65536 + 1];
            int fd = events[i].data.fd;
            ssize_t len = fd == STDIN_FILENO
                              ? 0
                              : recv(fd, request, sizeof request - 1, MSG_DONTWAIT);
            if (fd == STDIN_FILENO)
                take_in(epoll);
            else if (len > 0)
                serve(fd, request, (size_t)len);
            else
                forget(fd);
        }
    }
}
