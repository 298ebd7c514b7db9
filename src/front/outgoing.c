/* SPDX-License-Identifier: ISC */
/*
 * What the socket did not take waits here for the poller to say that it takes more. One
 * reply at a time; small words of the protocol queue behind it.
 */
#include "outgoing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "poller.h"
#include "record.h"
#include "send.h"

/* Room for what is said while a reply is going out: more than anybody who reads lets
 * gather. */
#define AFTER_MOST 128

/* A reply that the socket did not take at once. */
struct outgoing {
    struct reply reply; /* owned */
    size_t sent;
    size_t after_len; /* what follows it */
    char after[AFTER_MOST];
};

/* The lock is held. */
static void set_closing(struct connection *connection)
{
    connection->phase = PHASE_CLOSING;
    shutdown(connection->fd, SHUT_RDWR); /* its poller hears of that */
}

/* The lock is held. */
static bool dismiss(struct connection *connection)
{
    unsigned char dismissal[RECORD_HEADER];
    if (connection->dismissed)
        return true;
    connection->dismissed = true;
    record_dismissal(dismissal, connection->id != 0 ? connection->id : 1);
    return send_protocol(connection->fd,
                         (struct text){(char *)dismissal, sizeof dismissal});
}

/* The reply is out. The lock is held. */
static void finish(struct connection *connection)
{
    const struct poller *poller = connection->poller;
    connection->phase = PHASE_READING;
    if (!connection->keeps || atomic_load(&poller->closing_idle) ||
        (atomic_load(&poller->stopping) && !dismiss(connection)))
        set_closing(connection);
}

/* Keeps what the socket did not take, and owns the reply then. The lock is held. */
static bool keep(struct connection *connection, const struct reply *reply, size_t sent)
{
    struct outgoing *out = malloc(sizeof *out);
    if (out == NULL)
        return false;
    out->reply = *reply;
    out->sent = sent;
    out->after_len = 0;
    connection->out = out;
    connection->phase = PHASE_SENDING;
    poller_watch(connection->poller, connection, EPOLLOUT);
    return true;
}

/* True where the connection has taken the reply over. The lock is held. */
static bool send_first(struct connection *connection, const struct reply *reply)
{
    size_t sent = 0;
    enum sent result = send_reply(connection->fd, connection->id, reply, &sent);
    if (result == SENT_PART && keep(connection, reply, sent))
        return true;
    if (result == SENT_ALL)
        finish(connection);
    else
        set_closing(connection);
    return false;
}

/* The request was aborted while its answer was on the way: the record that ends it is all
 * that the web server still waits for. The lock is held. */
static void send_end(struct connection *connection)
{
    unsigned char end[RECORD_END];
    record_complete(end, connection->id);
    if (send_protocol(connection->fd, (struct text){(char *)end, sizeof end}))
        finish(connection);
    else
        set_closing(connection);
}

void outgoing_deliver(struct request *request, struct reply *reply)
{
    struct connection *connection = (struct connection *)request;
    bool taken = false;
    lock_take(&connection->lock);
    bool hung_up = connection->hung_up;
    if (!hung_up && reply != NULL)
        taken = send_first(connection, reply);
    else if (!hung_up)
        send_end(connection);
    lock_drop(&connection->lock);
    /* From here on only a hung-up connection is still ours. */
    if (hung_up)
        connection_free(connection);
    if (reply != NULL && !taken)
        reply_dispose(reply);
}

/* What was said meanwhile; the socket has just taken more than that. */
static bool send_after(struct connection *connection, const struct outgoing *out)
{
    return out->after_len == 0 ||
           send_protocol(connection->fd, (struct text){out->after, out->after_len});
}

bool outgoing_go_on(struct connection *connection)
{
    lock_take(&connection->lock);
    struct outgoing *out = connection->out;
    enum sent result =
        send_reply(connection->fd, connection->id, &out->reply, &out->sent);
    if (result == SENT_ALL && !send_after(connection, out))
        result = SENT_BROKEN;
    if (result == SENT_ALL) {
        outgoing_dispose(connection);
        poller_watch(connection->poller, connection, EPOLLIN | EPOLLRDHUP);
        finish(connection);
    }
    bool open = result != SENT_BROKEN && connection->phase != PHASE_CLOSING;
    lock_drop(&connection->lock);
    return open;
}

static bool say_after(struct outgoing *out, struct text bytes)
{
    if (bytes.len > AFTER_MOST - out->after_len)
        return false;
    memcpy(out->after + out->after_len, bytes.at, bytes.len);
    out->after_len += bytes.len;
    return true;
}

bool outgoing_say(struct connection *connection, struct text bytes)
{
    bool said = false;
    lock_take(&connection->lock);
    switch (connection->phase) {
    case PHASE_READING:
    case PHASE_SERVICE:
        said = send_protocol(connection->fd, bytes);
        break;
    case PHASE_SENDING:
        said = say_after(connection->out, bytes);
        break;
    case PHASE_CLOSING:
        break;
    }
    lock_drop(&connection->lock);
    return said;
}

bool outgoing_dismiss(struct connection *connection)
{
    bool said = true;
    lock_take(&connection->lock);
    if (connection->phase == PHASE_READING)
        said = dismiss(connection);
    lock_drop(&connection->lock);
    return said;
}

void outgoing_dispose(struct connection *connection)
{
    if (connection->out != NULL)
        reply_dispose(&connection->out->reply);
    free(connection->out);
    connection->out = NULL;
}
