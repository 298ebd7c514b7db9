/* SPDX-License-Identifier: ISC */
/* slow: one who reads a stream no faster than it can, and how old is what it then knows.
 * The document says when it was published, as the clock of this machine has it, so the
 * publisher may be another process. The segments are Ethernet's: with loopback's of 64 KB
 * the kernel keeps a megabyte for one client, and lets a small window open five times a
 * second only.
 */
#include "load.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECES 50           /* so many times a second it takes something */
#define RECEIVES_MOST 16384 /* bytes that wait on its own side */
#define SEGMENT 1460

static nanos published_at(const char *line)
{
    const char *t = strncmp(line, "data:", 5) == 0 ? strstr(line, "\"t\":") : NULL;
    return t != NULL ? (nanos)strtoll(t + 4, NULL, 10) : 0;
}

/* Until a state is there, the one before it is what the reader knows. */
static void take_line(struct load *load, const char *line, nanos *known)
{
    nanos published = published_at(line), now = nanos_now();
    if (published == 0)
        return;
    load->delivered++;
    samples_add(&load->latency, (double)(now - published) / 1e6);
    if (*known != 0)
        samples_add(&load->stale, (double)(now - *known) / 1e6);
    *known = published;
}

static void feed(struct load *load, struct answer *answer, const char *bytes, size_t len,
                 nanos *known)
{
    for (size_t used = 0; used < len && answer->stage < ANSWER_COMPLETE;) {
        used += answer_feed(answer, bytes + used, len - used);
        if (!answer->has_line)
            continue;
        take_line(load, answer->body, known);
        answer_next_line(answer);
    }
}

static void pause_for(double seconds)
{
    struct timespec pause = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

/* -1: no stream can be asked for. */
static int ask(const struct load *load)
{
    const struct options *options = &load->options;
    int most = RECEIVES_MOST, segment = SEGMENT, fd;
    char text[512];
    int len =
        snprintf(text, sizeof text,
                 "GET %s/all HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n",
                 options->read, options->host);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &most, sizeof most);
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    const struct sockaddr *server = (const struct sockaddr *)&load->clients.server;
    if (connect(fd, server, sizeof load->clients.server) == 0 &&
        send(fd, text, (size_t)len, MSG_NOSIGNAL) == len)
        return fd;
    close(fd);
    return -1;
}

static void read_slowly(struct load *load, int fd, char *inbox, size_t room)
{
    char line[128];
    struct answer answer = {.body = line, .body_room = sizeof line};
    struct pollfd there = {.fd = fd, .events = POLLIN};
    nanos known = 0, until = nanos_now() + (nanos)(load->options.seconds * 1e9);
    answer_reset(&answer);
    while (nanos_now() < until) {
        if (poll(&there, 1, 100) <= 0)
            continue;
        ssize_t got = recv(fd, inbox, room, 0);
        if (got <= 0) {
            load->trouble = "the stream ended";
            return;
        }
        load->bytes += got;
        feed(load, &answer, inbox, (size_t)got, &known);
        pause_for((double)got / load->options.pace);
    }
}

void load_trickle(struct load *load)
{
    size_t room = (size_t)(load->options.pace / PIECES) + 1;
    char *inbox = malloc(room);
    int fd = ask(load);
    nanos began = nanos_now();
    if (inbox != NULL && fd >= 0)
        read_slowly(load, fd, inbox, room);
    else
        load->trouble = "there is no stream";
    load->measured_seconds = (double)(nanos_now() - began) / 1e9;
    if (fd >= 0)
        close(fd);
    free(inbox);
}
