/* SPDX-License-Identifier: ISC */
/*
 * Bytes in, requests to the service, and the hang-up or the abort that takes them back.
 * The reader follows the phase: what it takes a record for depends on whether a request
 * is being answered.
 */
#include "reading.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "answering.h"
#include "fcgiwait/service.h"
#include "record.h"

/* How long half a request may say nothing: as long as nginx waits for its client by
 * default. */
#define REST_WITHIN (60 * NANOS_PER_SECOND)

/* False: the connection is gone. */
static bool follow_phase(struct connection *connection)
{
    enum phase phase = connection_phase(connection);
    if (phase == PHASE_CLOSING) {
        connection_close(connection, NULL);
        return false;
    }
    if (connection->reader != NULL)
        fcgi_reader_follow(connection->reader,
                           phase == PHASE_READING ? 0 : connection->request.id);
    return true;
}

/* The rest of a record is not waited for for ever. While a chunk is stalled that is what
 * is awaited, from whichever thread. */
static void await_rest(struct connection *connection)
{
    struct lane *lane = connection->lane;
    if (connection->reader == NULL && connection->member.due == 0)
        return;
    lock_take(&connection->lock);
    if (connection->phase == PHASE_STALLED)
        ;
    else if (connection->reader != NULL)
        lane_await(lane, &connection->member, REST_WITHIN);
    else
        lane_await_nothing(lane, &connection->member);
    lock_drop(&connection->lock);
}

static void settle(struct connection *connection)
{
    if (connection->reader != NULL && fcgi_reader_rests(connection->reader))
        lane_return(connection->lane, &connection->reader);
    await_rest(connection);
}

/* --- what was read --- */

static void serve(struct connection *connection)
{
    struct fcgi_reader *reader = connection->reader;
    connection->request.id = fcgi_reader_id(reader);
    connection->request.keeps = fcgi_reader_keeps(reader);
    lock_take(&connection->lock);
    connection_set_phase(connection, PHASE_SERVICE);
    connection->dismissed = false;
    lock_drop(&connection->lock);
    service_serve(connection->lane->service, &connection->request,
                  fcgi_reader_cgi(reader));
}

/* Takes the request back from the service. False: its answer is on the way, or out. */
static bool take_back(struct connection *connection)
{
    lock_take(&connection->lock);
    bool ours =
        connection->phase == PHASE_SERVICE && service_hangup(&connection->request);
    if (ours)
        connection_set_phase(connection, PHASE_READING);
    lock_drop(&connection->lock);
    return ours;
}

/* FCGI_ABORT_REQUEST: the request is ended, the connection with it unless it is to be
 * kept. */
static bool abort_request(struct connection *connection)
{
    struct fcgi_reader *reader = connection->reader;
    unsigned char end[RECORD_END];
    bool busy = fcgi_reader_is_busy(reader);
    bool keeps = busy ? connection->request.keeps : fcgi_reader_keeps(reader);
    if (busy && !take_back(connection)) /* its answer ends it */
        return true;
    record_complete(end, fcgi_reader_id(reader));
    fcgi_reader_reset(reader);
    if (answering_say(connection, (struct text){(char *)end, sizeof end}) && keeps &&
        (connection->lane->stage == LANE_OPEN || answering_dismiss(connection)))
        return true;
    connection_close(connection, NULL);
    return false;
}

/* Whether the connection is still there. */
static bool handle(struct connection *connection, enum fcgi_event event)
{
    struct fcgi_reader *reader = connection->reader;
    switch (event) {
    case FCGI_MORE:
        return true;
    case FCGI_HEAD:
        fcgi_keep_body(reader, service_wants_body(connection->lane->service,
                                                  fcgi_reader_cgi(reader)));
        return true;
    case FCGI_WHOLE:
        serve(connection);
        return follow_phase(connection);
    case FCGI_ABORTED:
        return abort_request(connection) && follow_phase(connection);
    case FCGI_REPLY:
        if (answering_say(connection, fcgi_reader_answer(reader)))
            return true;
        connection_close(connection, NULL);
        return false;
    case FCGI_LAST: /* whether it is heard or not */
        (void)!answering_say(connection, fcgi_reader_answer(reader));
        connection_close(connection, NULL);
        return false;
    case FCGI_BROKEN:
        connection_close(connection, fcgi_reader_wrong(reader));
        return false;
    }
    return true;
}

static void feed(struct connection *connection, struct text bytes)
{
    if (connection->reader == NULL)
        connection->reader = lane_reader(connection->lane);
    if (connection->reader == NULL) {
        connection_close(connection, "out of memory");
        return;
    }
    if (!follow_phase(connection))
        return;
    while (bytes.len > 0)
        if (!handle(connection, fcgi_feed(connection->reader, &bytes)))
            return;
    settle(connection);
}

/* --- what happens on the socket --- */

static void lost(struct connection *connection)
{
    bool within =
        connection->reader != NULL && connection_phase(connection) == PHASE_READING;
    connection_close(connection,
                     within ? "the web server closed it within a request" : NULL);
}

static void receive(struct connection *connection)
{
    char *buffer = connection->lane->buffer;
    ssize_t n;
    do
        n = recv(connection->fd, buffer, LANE_BUFFER, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        feed(connection, (struct text){buffer, (size_t)n});
    else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        lost(connection);
}

static void go_on(struct connection *connection)
{
    struct request *request = &connection->request;
    bool progress, streams = connection_phase(connection) == PHASE_STALLED;
    enum sent sent = answering_go_on(connection, &progress);
    if (sent == SENT_BROKEN) {
        connection_close(connection, NULL);
    } else if (sent == SENT_PART) {
        if (streams && progress)
            lane_await(connection->lane, &connection->member,
                       request->user->patience(request));
    } else {
        await_rest(connection);
        if (streams)
            request->user->writable(request);
        follow_phase(connection);
    }
}

void reading_event(void *owner, uint32_t events)
{
    struct connection *connection = owner;
    switch (connection_phase(connection)) {
    case PHASE_READING:
    case PHASE_SERVICE:
        receive(connection);
        break;
    case PHASE_STALLED:
    case PHASE_SENDING:
        if ((events & (EPOLLERR | EPOLLHUP)) != 0)
            connection_close(connection, NULL);
        else if ((events & EPOLLOUT) != 0)
            go_on(connection);
        break;
    case PHASE_CLOSING:
        connection_close(connection, NULL);
        break;
    }
}

/* --- what is to end --- */

void reading_dismiss(struct connection *connection)
{
    if (connection->reader == NULL && !answering_dismiss(connection))
        connection_close(connection, NULL);
}

void reading_close_idle(struct connection *connection)
{
    if (connection->reader == NULL && connection_phase(connection) == PHASE_READING)
        connection_close(connection, NULL);
}

void reading_give_up(struct connection *connection)
{
    if (connection_phase(connection) != PHASE_SERVICE)
        connection_close(connection, "it took too long at the shutdown");
}

void reading_overdue(struct connection *connection)
{
    lock_take(&connection->lock);
    enum phase phase = connection->phase;
    bool awaited = connection->member.due != 0; /* again, and something else */
    lock_drop(&connection->lock);
    if (awaited)
        return;
    if (phase == PHASE_READING) {
        connection_close(connection, "half a request, and nothing more came");
    } else if (phase == PHASE_STALLED) {
        counter_add(&connection->lane->counters->streams_stalled, 1);
        connection_close(connection, NULL);
    } else {
        await_rest(connection); /* no more was due: it waited for us */
    }
}
