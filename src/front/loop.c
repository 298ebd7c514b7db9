/* SPDX-License-Identifier: ISC */
/*
 * One turn: what happened on the sockets, then what the bell was rung for, since that may
 * close any connection, then what has not come in time.
 */
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

#include "answering.h"
#include "fcgiwait/container.h"
#include "fcgiwait/pace.h"
#include "reading.h"

static struct connection *connection_of(struct member *member)
{
    return CONTAINER_OF(member, struct connection, member);
}

static void let_in(struct lane *lane)
{
    struct member *next;
    for (struct member *at = lane_let_in(lane); at != NULL; at = next) {
        struct connection *connection = connection_of(at);
        next = at->next;
        if (!poller_add(&lane->poller, connection->fd, connection, EPOLLIN | EPOLLRDHUP))
            connection_close(connection, strerror(errno));
    }
}

static void each_connection(struct lane *lane, void (*visit)(struct connection *))
{
    struct member *member, *next;
    DL_FOREACH_SAFE(lane->members, member, next)
    {
        visit(connection_of(member));
    }
}

static void on_bell(struct lane *lane)
{
    let_in(lane);
    switch (atomic_load(&lane->stage)) {
    case LANE_OPEN:
        break;
    case LANE_STOPPING:
        each_connection(lane, reading_dismiss);
        break;
    case LANE_GIVING_UP:
        each_connection(lane, reading_give_up);
        break;
    case LANE_CLOSING_IDLE:
        each_connection(lane, reading_close_idle);
        break;
    }
}

static bool is_done(struct lane *lane)
{
    enum lane_stage stage = lane->stage;
    return stage == LANE_GIVING_UP || (stage != LANE_OPEN && lane_is_empty(lane));
}

static void *run(void *context)
{
    struct lane *lane = context;
    struct member *late;
    lane->self = pthread_self();
    pace_wait_its_turn();
    while (!is_done(lane)) {
        if (lane_wait(lane))
            on_bell(lane);
        while ((late = lane_overdue(lane)) != NULL)
            reading_overdue(connection_of(late));
    }
    on_bell(lane); /* it may have been rung since */
    return NULL;
}

bool loop_start(struct lane *lane)
{
    errno = pthread_create(&lane->thread, NULL, run, lane);
    return errno == 0;
}

bool loop_bring(struct lane *lane, int fd)
{
    struct connection *connection = connection_new(fd, lane, &answering_ops);
    if (connection == NULL)
        return false;
    lane_bring(lane, &connection->member);
    return true;
}

static void hurry(struct lane *lane, enum lane_stage stage)
{
    lane->stage = stage;
    poller_ring(&lane->poller);
}

void loop_stop(struct lane *lane)
{
    hurry(lane, LANE_STOPPING);
}

void loop_close_idle(struct lane *lane)
{
    hurry(lane, LANE_CLOSING_IDLE);
}

void loop_give_up(struct lane *lane)
{
    hurry(lane, LANE_GIVING_UP);
}

void loop_join(struct lane *lane)
{
    pthread_join(lane->thread, NULL);
}

static void dispose(struct connection *connection)
{
    DL_DELETE(connection->lane->members, &connection->member);
    if (connection->phase == PHASE_STALLED)
        connection->request.user->closed(&connection->request);
    connection_free(connection);
}

void loop_dispose(struct lane *lane)
{
    lane_let_in(lane);
    each_connection(lane, dispose);
}
