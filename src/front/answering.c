/* SPDX-License-Identifier: ISC */
/*
 * The exchange, as FastCGI records (exchange.h). What the socket does not take is kept in
 * connection->out and waits for EPOLLOUT: one piece at a time, and never more.
 */
#include "answering.h"

#include "fcgiwait/container.h"
#include "outgoing.h"

static struct connection *connection_of(struct request *request)
{
    return CONTAINER_OF(request, struct connection, request);
}

/* The lock is held. */
static bool dismiss(struct connection *connection)
{
    unsigned char dismissal[RECORD_HEADER];
    if (connection->dismissed)
        return true;
    connection->dismissed = true;
    record_dismissal(dismissal, connection->request.id != 0 ? connection->request.id : 1);
    return send_protocol(connection->fd,
                         (struct text){(char *)dismissal, sizeof dismissal});
}

/* The answer is out. The lock is held. */
static void finish(struct connection *connection)
{
    enum lane_stage stage = connection->lane->stage;
    bool stays = connection->request.keeps && stage < LANE_CLOSING_IDLE;
    if (stays && stage == LANE_STOPPING)
        stays = dismiss(connection);
    connection_set_phase(connection, stays ? PHASE_READING : PHASE_CLOSING);
}

/* SENT_PART: the connection has taken over what the piece owns. The lock is held. */
static enum sent put(struct connection *connection, const struct piece *piece)
{
    struct content content = outgoing_content(piece);
    size_t sent = 0;
    enum sent result =
        send_content(connection->fd, connection->request.id, &content, &sent);
    if (result == SENT_PART) {
        connection->out = outgoing_keep(piece, sent);
        if (connection->out == NULL)
            result = SENT_BROKEN;
    }
    if (result == SENT_PART)
        connection_set_phase(connection, piece->ends ? PHASE_SENDING : PHASE_STALLED);
    else if (result == SENT_BROKEN && piece->ends)
        connection_set_phase(connection, PHASE_CLOSING);
    else if (result == SENT_BROKEN)
        connection_break(connection);
    else if (piece->ends)
        finish(connection);
    return result;
}

/* The same for a piece that does not end. It may be somebody else's request then. */
static enum sent put_more(struct connection *connection, const struct piece *piece)
{
    const struct request *request = &connection->request;
    enum sent result = SENT_BROKEN;
    lock_take(&connection->lock);
    if (!connection->hung_up && !connection->broken)
        result = put(connection, piece);
    if (result == SENT_PART)
        lane_await(connection->lane, &connection->member,
                   request->user->patience(request));
    lock_drop(&connection->lock);
    return result;
}

/* The request was given up while its answer was on the way: the record that ends it is
 * all that the web server still waits for. The lock is held. */
static void end_alone(struct connection *connection)
{
    unsigned char end[RECORD_END];
    record_complete(end, connection->request.id);
    if (send_protocol(connection->fd, (struct text){(char *)end, sizeof end}))
        finish(connection);
    else
        connection_set_phase(connection, PHASE_CLOSING);
}

/* NULL: only the end. True: what the piece owns was taken over. */
static bool put_last(struct connection *connection, const struct piece *piece)
{
    bool taken = false;
    lock_take(&connection->lock);
    bool hung_up = connection->hung_up;
    if (!hung_up && connection->broken)
        connection_set_phase(connection, PHASE_CLOSING);
    else if (!hung_up && piece != NULL)
        taken = put(connection, piece) == SENT_PART;
    else if (!hung_up)
        end_alone(connection);
    lock_drop(&connection->lock);
    /* From here on only a hung-up connection is still ours. */
    if (hung_up)
        connection_free(connection);
    return taken;
}

static void answer_reply(struct request *request, struct reply *reply)
{
    struct piece piece = {.reply = reply, .ends = true};
    bool taken = put_last(connection_of(request), reply != NULL ? &piece : NULL);
    if (reply != NULL && !taken)
        reply_dispose(reply);
}

static enum sent answer_head(struct request *request, struct reply *reply)
{
    enum sent result = put_more(connection_of(request), &(struct piece){.reply = reply});
    if (result != SENT_PART)
        reply_dispose(reply);
    return result;
}

static enum sent answer_chunk(struct request *request, struct chunk *chunk)
{
    return put_more(connection_of(request), &(struct piece){.chunk = chunk});
}

static void answer_end(struct request *request, struct chunk *chunk)
{
    put_last(connection_of(request), &(struct piece){.chunk = chunk, .ends = true});
}

const struct exchange_ops answering_ops = {answer_reply, answer_head, answer_chunk,
                                           answer_end};

enum sent answering_go_on(struct connection *connection, bool *progress)
{
    lock_take(&connection->lock);
    enum sent result =
        outgoing_send(connection->out, connection->fd, connection->request.id, progress);
    if (result == SENT_ALL) {
        outgoing_free(&connection->out);
        if (connection->phase == PHASE_STALLED)
            connection_set_phase(connection, PHASE_SERVICE);
        else
            finish(connection);
    }
    lock_drop(&connection->lock);
    return result;
}

bool answering_say(struct connection *connection, struct text bytes)
{
    bool said = false;
    lock_take(&connection->lock);
    switch (connection->phase) {
    case PHASE_READING:
    case PHASE_SERVICE:
        said = send_protocol(connection->fd, bytes);
        break;
    case PHASE_STALLED:
    case PHASE_SENDING:
        said = outgoing_add(connection->out, bytes);
        break;
    case PHASE_CLOSING:
        break;
    }
    lock_drop(&connection->lock);
    return said;
}

bool answering_dismiss(struct connection *connection)
{
    bool said = true;
    lock_take(&connection->lock);
    if (connection->phase == PHASE_READING)
        said = dismiss(connection);
    lock_drop(&connection->lock);
    return said;
}
