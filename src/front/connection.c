/* SPDX-License-Identifier: ISC */
/*
 * The life of one connection: what its readiness, its requests and its hang-ups lead to.
 * What answers touch is guarded by its lock, since they come from any thread.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "fcgiwait/log.h"
#include "outgoing.h"
#include "record.h"
#include "send.h"

/* --- the phase --- */

static uint32_t events_of(enum phase phase)
{
    return phase == PHASE_SENDING ? EPOLLOUT : EPOLLIN | EPOLLRDHUP;
}

/* The one hand that moves a connection on, with what every phase brings along. The lock
 * is held. */
static void set_phase(struct connection *connection, enum phase phase)
{
    if (events_of(phase) != events_of(connection->phase) &&
        !poller_watch(&connection->context->poller, &connection->socket,
                      events_of(phase)))
        phase = PHASE_CLOSING;
    connection->phase = phase;
    if (phase == PHASE_SERVICE)
        connection->dismissed = false;
    else if (phase == PHASE_CLOSING)
        shutdown(connection->socket.fd, SHUT_RDWR); /* its thread hears of that */
}

static enum phase phase_of(struct connection *connection)
{
    lock_take(&connection->lock);
    enum phase phase = connection->phase;
    lock_drop(&connection->lock);
    return phase;
}

/* --- what goes out --- */

/* We are stopping, and the web server is to close a connection that it keeps: only it
 * knows whether it has just sent a request, which we would cut off. Where the connection
 * rests, any byte makes nginx close it; where a request has crossed our word, that word
 * is an empty FCGI_STDERR record, which says nothing (FastCGI section 5.5), and the
 * answer follows. The lock is held. False: close the connection. */
static bool dismiss(struct connection *connection)
{
    unsigned char dismissal[RECORD_HEADER];
    if (connection->dismissed)
        return true;
    connection->dismissed = true;
    record_dismissal(dismissal, connection->id != 0 ? connection->id : 1);
    return send_protocol(connection->socket.fd,
                         (struct text){(char *)dismissal, sizeof dismissal});
}

/* The reply is out: what becomes of the connection. The lock is held. */
static void finish(struct connection *connection)
{
    enum stopping stopping = atomic_load(&connection->context->stopping);
    bool stays = connection->keeps && stopping < STOPPING_CLOSE_IDLE &&
                 (stopping == STOPPING_NOT || dismiss(connection));
    set_phase(connection, stays ? PHASE_READING : PHASE_CLOSING);
}

/* The lock is held. */
static void go_on_from(struct connection *connection, enum sent sent)
{
    switch (sent) {
    case SENT_ALL:
        finish(connection);
        break;
    case SENT_PART:
        set_phase(connection, PHASE_SENDING);
        break;
    case SENT_BROKEN:
        set_phase(connection, PHASE_CLOSING);
        break;
    }
}

/* The request was aborted while its answer was on the way: the record that ends it is all
 * that the web server still waits for. The lock is held. */
static enum sent send_end(struct connection *connection)
{
    unsigned char end[RECORD_END];
    record_complete(end, connection->id);
    return send_protocol(connection->socket.fd, (struct text){(char *)end, sizeof end})
               ? SENT_ALL
               : SENT_BROKEN;
}

/* Any thread. */
static void deliver(struct request *request, struct reply *reply)
{
    struct connection *connection = (struct connection *)request;
    enum sent sent = SENT_BROKEN;
    lock_take(&connection->lock);
    bool left = connection->phase == PHASE_LEFT;
    if (!left) {
        sent = reply == NULL ? send_end(connection)
                             : outgoing_send(&connection->out, connection->socket.fd,
                                             connection->id, reply);
        go_on_from(connection, sent);
    }
    lock_drop(&connection->lock);
    /* From here on only one that was left is still ours. */
    if (left)
        connection_free(connection);
    if (reply != NULL && sent != SENT_PART)
        reply_dispose(reply);
}

/* PHASE_SENDING, and the socket takes more. */
static void send_on(struct connection *connection)
{
    lock_take(&connection->lock);
    go_on_from(connection, outgoing_go_on(&connection->out, connection->socket.fd));
    bool closing = connection->phase == PHASE_CLOSING;
    lock_drop(&connection->lock);
    if (closing)
        connection_close(connection, NULL);
}

/* False: close the connection. */
static bool say(struct connection *connection, struct text bytes)
{
    bool said = false;
    lock_take(&connection->lock);
    if (connection->phase != PHASE_CLOSING)
        said = outgoing_say(connection->out, connection->socket.fd, bytes);
    lock_drop(&connection->lock);
    return said;
}

/* False: close the connection. */
static bool say_dismissal(struct connection *connection)
{
    lock_take(&connection->lock);
    bool said = connection->phase != PHASE_READING || dismiss(connection);
    lock_drop(&connection->lock);
    return said;
}

/* --- life --- */

struct connection *connection_new(int fd, struct context *context)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    lock_init(&connection->lock, LOCK_CONNECTION);
    connection->request.deliver = deliver;
    connection->socket.fd = fd;
    connection->context = context;
    return connection;
}

void connection_free(struct connection *connection)
{
    counter_add(&connection->context->counters->connections, -1);
    if (log_wants(LOG_LEVEL_DEBUG))
        log_debug("connection %d closed", connection->socket.fd);
    close(connection->socket.fd);
    outgoing_free(&connection->out);
    fcgi_reader_free(&connection->reader);
    lock_destroy(&connection->lock);
    free(connection);
}

/* The rest of a record is not waited for for ever: the list is in order of the last word
 * heard. */
static void set_cut_off(struct connection *connection, bool cut_off)
{
    struct context *context = connection->context;
    if (connection->is_cut_off)
        DL_DELETE2(context->cut_off, connection, cut_prev, cut_next);
    connection->is_cut_off = cut_off;
    if (!cut_off)
        return;
    connection->heard = clock_now();
    DL_APPEND2(context->cut_off, connection, cut_prev, cut_next);
}

static void release_reader(struct connection *connection)
{
    set_cut_off(connection, false);
    context_give_reader(connection->context, connection->reader);
    connection->reader = NULL;
}

/* Once the lock is dropped, a connection that is not ours may be gone. */
void connection_close(struct connection *connection, const char *wrong)
{
    if (wrong != NULL) {
        counter_add(&connection->context->counters->connections_broken, 1);
        log_warn("connection %d closed: %s", connection->socket.fd, wrong);
    }
    lock_take(&connection->lock);
    bool held = connection->phase == PHASE_SERVICE;
    bool ours = !held || service_hangup(&connection->request);
    if (!ours)
        set_phase(connection, PHASE_LEFT);
    release_reader(connection);
    poller_remove(&connection->context->poller, &connection->socket);
    DL_DELETE(connection->context->connections, connection);
    lock_drop(&connection->lock);
    if (!ours)
        return;
    if (held)
        service_hung_up(&connection->request);
    connection_free(connection);
}

/* --- what comes in: its thread --- */

/* What the reader takes the next records for follows from the phase. */
static enum phase lead_reader(struct connection *connection)
{
    enum phase phase = phase_of(connection);
    if (phase == PHASE_READING)
        fcgi_reader_ready(connection->reader);
    else
        fcgi_reader_busy(connection->reader, connection->id);
    return phase;
}

/* The request in the reader is whole. False: the connection is gone. */
static bool serve(struct connection *connection)
{
    struct fcgi_reader *reader = connection->reader;
    connection->id = fcgi_reader_id(reader);
    connection->keeps = fcgi_reader_keeps(reader);
    lock_take(&connection->lock);
    set_phase(connection, PHASE_SERVICE);
    lock_drop(&connection->lock);
    service_serve(connection->context->service, &connection->request,
                  fcgi_reader_cgi(reader));
    if (lead_reader(connection) != PHASE_CLOSING)
        return true;
    connection_close(connection, NULL);
    return false;
}

/* Takes the request back from the service. False: its answer is on the way, or out. */
static bool take_back(struct connection *connection)
{
    lock_take(&connection->lock);
    bool ours =
        connection->phase == PHASE_SERVICE && service_hangup(&connection->request);
    if (ours)
        set_phase(connection, PHASE_READING);
    lock_drop(&connection->lock);
    return ours;
}

/* FCGI_ABORT_REQUEST: the request is ended, the connection with it unless it is to be
 * kept. */
static bool aborted(struct connection *connection)
{
    struct fcgi_reader *reader = connection->reader;
    unsigned char end[RECORD_END];
    bool busy = fcgi_reader_is_busy(reader);
    bool keeps = busy ? connection->keeps : fcgi_reader_keeps(reader);
    if (busy && !take_back(connection)) /* its answer ends it */
        return true;
    record_complete(end, fcgi_reader_id(reader));
    fcgi_reader_reset(reader);
    if (say(connection, (struct text){(char *)end, sizeof end}) && keeps &&
        (atomic_load(&connection->context->stopping) == STOPPING_NOT ||
         say_dismissal(connection)))
        return true;
    connection_close(connection, NULL);
    return false;
}

/* False: the connection is gone. */
static bool handle(struct connection *connection, enum fcgi_event event)
{
    struct fcgi_reader *reader = connection->reader;
    const char *wrong = NULL;
    switch (event) {
    case FCGI_MORE:
        return true;
    case FCGI_HEAD:
        fcgi_keep_body(reader, service_wants_body(connection->context->service,
                                                  fcgi_reader_cgi(reader)));
        return true;
    case FCGI_WHOLE:
        return serve(connection);
    case FCGI_ABORTED:
        return aborted(connection);
    case FCGI_REPLY:
    case FCGI_LAST:
        if (say(connection, fcgi_reader_answer(reader)) && event == FCGI_REPLY)
            return true;
        break;
    case FCGI_BROKEN:
        wrong = fcgi_reader_wrong(reader);
        break;
    }
    connection_close(connection, wrong);
    return false;
}

/* What was read, record by record. */
static void feed(struct connection *connection, struct text bytes)
{
    if (connection->reader == NULL)
        connection->reader = context_take_reader(connection->context);
    if (connection->reader == NULL) {
        connection_close(connection, NULL);
        return;
    }
    lead_reader(connection);
    while (bytes.len > 0)
        if (!handle(connection, fcgi_feed(connection->reader, &bytes)))
            return;
    if (fcgi_reader_rests(connection->reader))
        release_reader(connection);
    else
        set_cut_off(connection, true);
}

static void lost(struct connection *connection)
{
    bool within = connection->reader != NULL && phase_of(connection) == PHASE_READING;
    connection_close(connection,
                     within ? "the web server closed it within a request" : NULL);
}

static void receive(struct connection *connection)
{
    char *buffer = connection->context->buffer;
    ssize_t n;
    do
        n = recv(connection->socket.fd, buffer, CONTEXT_BUFFER, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        feed(connection, (struct text){buffer, (size_t)n});
    else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        lost(connection);
}

void connection_event(struct connection *connection, uint32_t events)
{
    switch (phase_of(connection)) {
    case PHASE_READING:
    case PHASE_SERVICE:
        receive(connection);
        break;
    case PHASE_SENDING:
        if ((events & (EPOLLERR | EPOLLHUP)) != 0)
            connection_close(connection, NULL);
        else if ((events & EPOLLOUT) != 0)
            send_on(connection);
        break;
    case PHASE_CLOSING:
        connection_close(connection, NULL);
        break;
    case PHASE_LEFT:
        break;
    }
}

/* --- what its thread decides --- */

void connection_stop(struct connection *connection)
{
    enum phase phase = phase_of(connection);
    enum stopping stopping = atomic_load(&connection->context->stopping);
    bool idle = connection->reader == NULL && phase == PHASE_READING;
    if (idle && (stopping != STOPPING_DISMISS || !say_dismissal(connection)))
        connection_close(connection, NULL);
    else if (!idle && stopping == STOPPING_GIVE_UP && phase != PHASE_SERVICE)
        connection_close(connection, "it took too long at the shutdown");
}

void connection_cut_off(struct connection *connection)
{
    if (phase_of(connection) == PHASE_READING)
        connection_close(connection, "half a request, and nothing more came");
    else
        set_cut_off(connection, true); /* no more was due: it waited for us */
}
