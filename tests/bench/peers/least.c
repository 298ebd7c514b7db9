/* SPDX-License-Identifier: ISC */
/*
 * The least that a FastCGI responder can do for a broadcast: one thread that looks at the
 * bytes of a request instead of reading them, keeps nothing but the connection of one
 * that waits, and sends all of them the same bytes. There is one resource, no wait ends,
 * nothing can go wrong. Nobody behind this nginx answers so many with less.
 *
 *     spawn-fcgi -s /run/least.sock -n -- least
 */
#include <signal.h>
#include <stdio.h>
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

static int held[CONNECTIONS];
static size_t held_count;
static char document[256] = "{}";
static unsigned long long document_index; /* starts from the clock */

static void add_record(struct bytes *out, int type, const void *content, size_t len)
{
    const char header[8] = {1, (char)type, 0, 1, (char)(len >> 8), (char)len, 0, 0};
    memcpy(out->at + out->len, header, sizeof header);
    memcpy(out->at + out->len + sizeof header, content, len);
    out->len += sizeof header + len;
}

static size_t streams_count;
static int streams[CONNECTIONS];

/* An event of a stream that has begun. */
static void add_event(struct bytes *out)
{
    char text[ROOM / 2];
    int len =
        snprintf(text, sizeof text, "id: %llu\ndata: %s\n\n", document_index, document);
    add_record(out, 6, text, (size_t)len);
}

static void begin_stream(int fd, struct bytes *out)
{
    static const char head[] = "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n\r\n";
    out->len = 0;
    add_record(out, 6, head, sizeof head - 1);
    add_event(out);
    streams[streams_count++] = fd;
}

/* The answer to request 1, which is the number that nginx always gives. */
static void answer(struct bytes *out, const char *status, const char *body)
{
    static const char end[8];
    char text[ROOM / 2];
    int len = snprintf(text, sizeof text,
                       "Status: %s\r\nX-Polling-Index: %llu\r\nETag: \"%llu\"\r\n"
                       "Cache-Control: no-store\r\nVary: Prefer\r\n"
                       "Content-Type: application/json\r\n"
                       "Last-Modified: Tue, 24 Nov 2026 18:44:25 GMT\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       status, document_index, document_index, strlen(body), body);
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

static void send_answer(int fd, const char *status, const char *body)
{
    struct bytes out;
    answer(&out, status, body);
    send_to(fd, &out);
}

static void broadcast(const char *body, size_t len)
{
    struct bytes out;
    snprintf(document, sizeof document, "%.*s", (int)len, body);
    document_index++;
    answer(&out, "200 OK", document);
    for (size_t i = 0; i < held_count; i++)
        send_to(held[i], &out);
    held_count = 0;
    out.len = 0;
    add_event(&out);
    for (size_t i = 0; i < streams_count; i++)
        send_to(streams[i], &out);
}

static void serve(int fd, const char *request, size_t len)
{
    char waiting[64];
    struct bytes out;
    const char *body = memmem(request, len, "{\"n\"", 4);
    const char *end =
        body != NULL ? memchr(body, '}', len - (size_t)(body - request)) : NULL;
    if (end != NULL) {
        send_answer(fd, "204 No Content", "");
        if (memmem(request, len, "/aside", 6) == NULL)
            broadcast(body, (size_t)(end + 1 - body));
    } else if (memmem(request, len, "event-stream", 12) != NULL &&
               streams_count < CONNECTIONS) {
        begin_stream(fd, &out);
        send_to(fd, &out);
    } else if (memmem(request, len, "index=", 6) != NULL && held_count < CONNECTIONS) {
        held[held_count++] = fd;
    } else if (memmem(request, len, "/status", 7) != NULL) {
        snprintf(waiting, sizeof waiting, "{\"waiting\":%zu}",
                 held_count + streams_count);
        send_answer(fd, "200 OK", waiting);
    } else {
        send_answer(fd, "200 OK", document);
    }
}

static void forget(int fd)
{
    for (size_t i = 0; i < held_count; i++)
        if (held[i] == fd)
            held[i--] = held[--held_count];
    for (size_t i = 0; i < streams_count; i++)
        if (streams[i] == fd)
            streams[i--] = streams[--streams_count];
    close(fd);
}

static void take_in(int epoll)
{
    struct epoll_event event = {.events = EPOLLIN};
    event.data.fd = accept(STDIN_FILENO, NULL, NULL);
    if (event.data.fd >= 0)
        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
}

int main(void)
{
    struct epoll_event events[128] = {{.events = EPOLLIN, .data.fd = STDIN_FILENO}};
    struct rlimit limit;
    int epoll = epoll_create1(0);
    document_index = (unsigned long long)time(NULL) * 1000000;
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &events[0]);
    for (;;) {
        int count = epoll_wait(epoll, events, 128, -1);
        for (int i = 0; i < count; i++) {
            char request[65536];
            int fd = events[i].data.fd;
            ssize_t len =
                fd == STDIN_FILENO ? 0 : recv(fd, request, sizeof request, MSG_DONTWAIT);
            if (fd == STDIN_FILENO)
                take_in(epoll);
            else if (len > 0)
                serve(fd, request, (size_t)len);
            else
                forget(fd);
        }
    }
}
