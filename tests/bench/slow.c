/* SPDX-License-Identifier: ISC */
/* slow: one who reads a stream no faster than it can, and how old is what it then knows.
 * The document says when it was published, as the clock of this machine has it, so the
 * publisher may be another process.
 */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PIECES 50           /* so many times a second it takes something */
#define RECEIVES_MOST 16384 /* bytes that wait on its own side */

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

void load_read_slowly(struct load *load, struct client *client)
{
    int most = RECEIVES_MOST;
    double pace = load->options.pace;
    size_t room = (size_t)(pace / PIECES) + 1;
    char *inbox = malloc(room);
    struct pollfd there = {.fd = client->fd, .events = POLLIN};
    nanos known = 0, began = nanos_now(),
          until = began + (nanos)(load->options.seconds * 1e9);
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &most, sizeof most);
    while (inbox != NULL && nanos_now() < until) {
        if (poll(&there, 1, 100) == 0)
            continue;
        ssize_t got = recv(client->fd, inbox, room, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0) {
            load->trouble = "the stream ended";
            break;
        }
        load->bytes += got;
        feed(load, &client->answer, inbox, (size_t)got, &known);
        pause_for((double)got / pace);
    }
    load->measured_seconds = (double)(nanos_now() - began) / 1e9;
    free(inbox);
}
