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
#include "poller.h"
#include "record.h"

/* --- life --- */

struct connection *connection_new(int fd, struct poller *poller)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    lock_init(&connection->lock, LOCK_CONNECTION);
    connection->request.deliver = outgoing_deliver;
    connection->fd = fd;
    connection->poller = poller;
    return connection;
}

void connection_free(struct connection *connection)
{
    counter_add(&connection->poller->counters->connections, -1);
    if (log_wants(LOG_LEVEL_DEBUG))
        log_debug("connection %d closed", connection->fd);
    close(connection->fd);
    outgoing_dispose(connection);
    fcgi_reader_free(&connection->reader);
    lock_destroy(&connection->lock);
    free(connection);
}

/* The rest of a record is not waited for for ever: the list is in order of the last word
 * heard. */
static void set_cut_off(struct connection *connection, bool cut_off)
{
    struct poller *poller = connection->poller;
    if (connection->is_cut_off)
        DL_DELETE2(poller->cut_off, connection, cut_prev, cut_next);
    connection->is_cut_off = cut_off;
    if (!cut_off)
        return;
    connection->heard = clock_now();
    DL_APPEND2(poller->cut_off, connection, cut_prev, cut_next);
}

static void release_reader(struct connection *connection)
{
    struct poller *poller = connection->poller;
    struct fcgi_reader *reader = connection->reader;
    connection->reader = NULL;
    set_cut_off(connection, false);
    if (reader == NULL)
        return;
    fcgi_reader_reset(reader);
    if (poller->spare == NULL && fcgi_reader_rests(reader))
        poller->spare = reader;
    else
        fcgi_reader_free(&reader);
}

/* Out of the poller's hands; what is left is the socket and the memory. */
static void detach(struct connection *connection)
{
    release_reader(connection);
    poller_remove(connection->poller, connection);
}

static void connection_close(struct connection *connection)
{
    detach(connection);
    connection_free(connection);
}

static void close_broken(struct connection *connection, const char *reason)
{
    counter_add(&connection->poller->counters->connections_broken, 1);
    log_warn("connection %d closed: %s", connection->fd, reason);
    connection_close(connection);
}

/* --- the poller's thread --- */

static enum phase phase_of(struct connection *connection)
{
    lock_take(&connection->lock);
    enum phase phase = connection->phase;
    lock_drop(&connection->lock);
    return phase;
}

/* The web server is no longer interested in the request that the service has. Once the
 * lock is dropped, a connection that is not ours may be gone. */
static void hang_up(struct connection *connection)
{
    lock_take(&connection->lock);
    bool held = connection->phase == PHASE_SERVICE;
    bool ours = !held || service_hangup(&connection->request);
    connection->hung_up = !ours;
    detach(connection);
    lock_drop(&connection->lock);
    if (!ours)
        return;
    if (held)
        service_hung_up(&connection->request);
    connection_free(connection);
}

static bool take_reader(struct connection *connection)
{
    struct poller *poller = connection->poller;
    if (connection->reader != NULL)
        return true;
    connection->reader = poller->spare != NULL ? poller->spare : fcgi_reader_new();
    poller->spare = NULL;
    return connection->reader != NULL;
}

static void serve(struct connection *connection)
{
    struct fcgi_reader *reader = connection->reader;
    connection->id = fcgi_reader_id(reader);
    connection->keeps = fcgi_reader_keeps(reader);
    lock_take(&connection->lock);
    connection->phase = PHASE_SERVICE;
    connection->dismissed = false;
    lock_drop(&connection->lock);
    service_serve(connection->poller->service, &connection->request,
                  fcgi_reader_cgi(reader));
}

/* Whether the request in the reader can go on being read. False: the connection is gone.
 */
static bool serve_whole(struct connection *connection)
{
    serve(connection);
    switch (phase_of(connection)) {
    case PHASE_READING:
        fcgi_reader_reset(connection->reader);
        return true;
    case PHASE_SERVICE:
    case PHASE_SENDING:
        fcgi_reader_busy(connection->reader, connection->id);
        return true;
    case PHASE_CLOSING:
        break;
    }
    connection_close(connection);
    return false;
}

/* Takes the request back from the service. False: its answer is on the way, or out. */
static bool take_back(struct connection *connection)
{
    lock_take(&connection->lock);
    bool ours =
        connection->phase == PHASE_SERVICE && service_hangup(&connection->request);
    if (ours)
        connection->phase = PHASE_READING;
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
    if (outgoing_say(connection, (struct text){(char *)end, sizeof end}) && keeps &&
        (!atomic_load(&connection->poller->stopping) || outgoing_dismiss(connection)))
        return true;
    connection_close(connection);
    return false;
}

/* False: the connection is gone. */
static bool handle(struct connection *connection, enum fcgi_event event)
{
    struct fcgi_reader *reader = connection->reader;
    switch (event) {
    case FCGI_MORE:
        return true;
    case FCGI_HEAD:
        fcgi_keep_body(reader, service_wants_body(connection->poller->service,
                                                  fcgi_reader_cgi(reader)));
        return true;
    case FCGI_WHOLE:
        return serve_whole(connection);
    case FCGI_ABORTED:
        return aborted(connection);
    case FCGI_REPLY:
        if (outgoing_say(connection, fcgi_reader_answer(reader)))
            return true;
        hang_up(connection);
        return false;
    case FCGI_LAST:
        if (!outgoing_say(connection, fcgi_reader_answer(reader)))
            log_debug("connection %d took no last word", connection->fd);
        hang_up(connection);
        return false;
    case FCGI_BROKEN:
        break;
    }
    if (phase_of(connection) == PHASE_READING) {
        close_broken(connection, fcgi_reader_wrong(reader));
    } else {
        counter_add(&connection->poller->counters->connections_broken, 1);
        log_warn("connection %d closed: %s", connection->fd, fcgi_reader_wrong(reader));
        hang_up(connection);
    }
    return false;
}

/* What was read, record by record. */
static void feed(struct connection *connection, struct text bytes)
{
    if (!take_reader(connection)) {
        hang_up(connection);
        return;
    }
    if (phase_of(connection) == PHASE_READING)
        fcgi_reader_ready(connection->reader);
    else
        fcgi_reader_busy(connection->reader, connection->id);
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
    if (connection->reader != NULL && phase_of(connection) == PHASE_READING)
        close_broken(connection, "the web server closed it within a request");
    else
        hang_up(connection);
}

static void receive(struct connection *connection)
{
    char *buffer = connection->poller->buffer;
    ssize_t n;
    do
        n = recv(connection->fd, buffer, POLLER_BUFFER, MSG_DONTWAIT);
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
            connection_close(connection);
        else if ((events & EPOLLOUT) != 0 && !outgoing_go_on(connection))
            connection_close(connection);
        break;
    case PHASE_CLOSING:
        connection_close(connection);
        break;
    }
}

void connection_dismiss(struct connection *connection)
{
    if (connection->reader == NULL && !outgoing_dismiss(connection))
        connection_close(connection);
}

void connection_close_idle(struct connection *connection)
{
    if (connection->reader == NULL && phase_of(connection) == PHASE_READING)
        connection_close(connection);
}

void connection_cut_off(struct connection *connection)
{
    if (phase_of(connection) == PHASE_READING)
        close_broken(connection, "half a request, and nothing more came");
    else
        set_cut_off(connection, true); /* no more was due: it waited for us */
}

void connection_give_up(struct connection *connection, const char *reason)
{
    if (phase_of(connection) != PHASE_SERVICE)
        close_broken(connection, reason);
}
