/* SPDX-License-Identifier: ISC */
/*
 * The life of a connection: its phases and its end. What is read on it is in reading.c,
 * what goes out in answering.c; neither changes the phase or ends it but through here.
 */
#include "connection.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgiwait/log.h"
#include "fcgiwait/service.h"
#include "outgoing.h"

struct connection *connection_new(int fd, struct lane *lane,
                                  const struct exchange_ops *exchange)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    lock_init(&connection->lock, LOCK_CONNECTION);
    connection->request.exchange = exchange;
    connection->fd = fd;
    connection->lane = lane;
    counter_add(&lane->counters->connections, 1);
    census_enter(lane->census);
    return connection;
}

static void close_socket(int fd)
{
    if (log_wants(LOG_LEVEL_DEBUG))
        log_debug("connection %d closed", fd);
    close(fd);
}

void connection_free(struct connection *connection)
{
    struct census *census = connection->lane->census;
    counter_add(&connection->lane->counters->connections, -1);
    if (connection->fd >= 0)
        close_socket(connection->fd);
    outgoing_free(&connection->out);
    fcgi_reader_free(&connection->reader);
    lock_destroy(&connection->lock);
    free(connection);
    census_leave(census);
}

enum phase connection_phase(struct connection *connection)
{
    lock_take(&connection->lock);
    enum phase phase = connection->phase;
    lock_drop(&connection->lock);
    return phase;
}

void connection_break(struct connection *connection)
{
    lock_must_hold(&connection->lock);
    connection->broken = true;
    shutdown(connection->fd, SHUT_RDWR);
}

static bool is_sending(enum phase phase)
{
    return phase == PHASE_STALLED || phase == PHASE_SENDING;
}

void connection_set_phase(struct connection *connection, enum phase phase)
{
    bool was_sending = is_sending(connection->phase);
    lock_must_hold(&connection->lock);
    connection->phase = phase;
    if (phase == PHASE_CLOSING)
        shutdown(connection->fd, SHUT_RDWR);
    else if (is_sending(phase) != was_sending &&
             !poller_watch(&connection->lane->poller, connection->fd, connection,
                           was_sending ? EPOLLIN | EPOLLRDHUP : EPOLLOUT))
        connection_break(connection);
}

/* Only what the service is just answering can't be had back. The lock is held. */
static bool take_back(struct connection *connection, enum phase phase)
{
    return phase != PHASE_SERVICE || service_hangup(&connection->request);
}

void connection_close(struct connection *connection, const char *reason)
{
    struct lane *lane = connection->lane;
    int fd = connection->fd;
    lock_take(&connection->lock);
    enum phase phase = connection->phase;
    bool ours = take_back(connection, phase);
    connection->hung_up = !ours;
    lane_return(lane, &connection->reader);
    lane_leave(lane, &connection->member, fd);
    if (!ours)
        connection->fd = -1;
    lock_drop(&connection->lock);
    if (reason != NULL) {
        counter_add(&lane->counters->connections_broken, 1);
        log_warn("connection %d closed: %s", fd, reason);
    }
    if (!ours) { /* and perhaps gone already, or not before an engine is back */
        close_socket(fd);
        return;
    }
    if (phase == PHASE_SERVICE)
        service_hung_up(&connection->request);
    else if (phase == PHASE_STALLED)
        connection->request.user->closed(&connection->request);
    connection_free(connection);
}
