#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "fcgiwait/log.h"
#include "poller.h"
#include "record.h"
#include "send.h"

/* A reply that the socket did not take at once. */
struct outgoing {
    struct reply reply; /* owned */
    size_t sent;
};

static void deliver(struct request *request, struct reply *reply);

/* --- life --- */

struct connection *connection_new(int fd, struct poller *poller)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    lock_init(&connection->lock, LOCK_CONNECTION);
    connection->request.deliver = deliver;
    connection->fd = fd;
    connection->poller = poller;
    return connection;
}

void connection_discard(struct connection *connection)
{
    if (connection->out != NULL)
        reply_dispose(&connection->out->reply);
    free(connection->out);
    lock_destroy(&connection->lock);
    free(connection);
}

static void connection_free(struct connection *connection)
{
    counter_add(&connection->poller->counters->connections, -1);
    close(connection->fd);
    connection_discard(connection);
}

/* Half a request is not waited for for ever: the list is in order of the last word heard.
 */
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

/* --- sending: any thread --- */

/* The lock is held. */
static void set_closing(struct connection *connection)
{
    connection->phase = PHASE_CLOSING;
    shutdown(connection->fd, SHUT_RDWR); /* its poller hears of that */
}

/* The reply is out. The lock is held. */
static void finish(struct connection *connection)
{
    if (connection->keeps && !atomic_load(&connection->poller->stopping))
        connection->phase = PHASE_READING;
    else
        set_closing(connection);
}

/* Keeps what the socket did not take, and owns the reply then. The lock is held. */
static bool keep_outgoing(struct connection *connection, const struct reply *reply,
                          size_t sent)
{
    connection->out = malloc(sizeof *connection->out);
    if (connection->out == NULL)
        return false;
    *connection->out = (struct outgoing){*reply, sent};
    connection->phase = PHASE_SENDING;
    poller_watch(connection->poller, connection, EPOLLOUT);
    return true;
}

/* True where the connection has taken the reply over. The lock is held. */
static bool send_first(struct connection *connection, const struct reply *reply)
{
    size_t sent = 0;
    enum sent result = send_reply(connection->fd, connection->id, reply, &sent);
    if (result == SENT_PART && keep_outgoing(connection, reply, sent))
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

/* request_deliver_fn */
static void deliver(struct request *request, struct reply *reply)
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

/* --- the poller's thread --- */

static void send_rest(struct connection *connection)
{
    lock_take(&connection->lock);
    struct outgoing *out = connection->out;
    enum sent result =
        send_reply(connection->fd, connection->id, &out->reply, &out->sent);
    if (result == SENT_ALL) {
        connection->out = NULL;
        poller_watch(connection->poller, connection, EPOLLIN | EPOLLRDHUP);
        finish(connection);
        reply_dispose(&out->reply);
        free(out);
    } else if (result == SENT_BROKEN) {
        connection->phase = PHASE_CLOSING;
    }
    bool closing = connection->phase == PHASE_CLOSING;
    lock_drop(&connection->lock);
    if (closing)
        connection_close(connection);
}

static enum phase phase_of(struct connection *connection)
{
    lock_take(&connection->lock);
    enum phase phase = connection->phase;
    lock_drop(&connection->lock);
    return phase;
}

/* The web server is no longer interested in the request that the desk has. */
static void hang_up(struct connection *connection)
{
    detach(connection);
    lock_take(&connection->lock);
    bool held = connection->phase == PHASE_DESK;
    bool ours = !held || desk_hangup(&connection->request);
    connection->hung_up = !ours;
    lock_drop(&connection->lock);
    if (!ours)
        return;
    if (held)
        desk_gone(&connection->request);
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
    connection->phase = PHASE_DESK;
    lock_drop(&connection->lock);
    desk_serve(connection->poller->desk, &connection->request, fcgi_reader_cgi(reader));
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
    case PHASE_DESK:
    case PHASE_SENDING:
        fcgi_reader_busy(connection->reader, connection->id);
        return true;
    case PHASE_CLOSING:
        break;
    }
    connection_close(connection);
    return false;
}

/* FCGI_ABORT_REQUEST: the request is ended, the connection with it unless it is to be
 * kept. */
static bool aborted(struct connection *connection)
{
    struct fcgi_reader *reader = connection->reader;
    unsigned char end[RECORD_END];
    bool reading = phase_of(connection) == PHASE_READING;
    bool keeps = reading ? fcgi_reader_keeps(reader) : connection->keeps;
    record_complete(end, fcgi_reader_id(reader));
    if (!reading) {
        lock_take(&connection->lock);
        bool ours = connection->phase == PHASE_DESK && desk_hangup(&connection->request);
        if (ours)
            connection->phase = PHASE_READING;
        lock_drop(&connection->lock);
        if (!ours) /* its answer is on the way: that ends it too */
            return true;
    }
    fcgi_reader_reset(reader);
    if (send_protocol(connection->fd, (struct text){(char *)end, sizeof end}) && keeps)
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
        fcgi_keep_body(
            reader, desk_wants_body(connection->poller->desk, fcgi_reader_cgi(reader)));
        return true;
    case FCGI_WHOLE:
        return serve_whole(connection);
    case FCGI_ABORTED:
        return aborted(connection);
    case FCGI_REPLY:
        if (send_protocol(connection->fd, fcgi_reader_answer(reader)))
            return true;
        connection_close(connection);
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
        set_cut_off(connection, phase_of(connection) == PHASE_READING);
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
    case PHASE_DESK:
        receive(connection);
        break;
    case PHASE_SENDING:
        if ((events & (EPOLLERR | EPOLLHUP)) != 0)
            connection_close(connection);
        else if ((events & EPOLLOUT) != 0)
            send_rest(connection);
        break;
    case PHASE_CLOSING:
        connection_close(connection);
        break;
    }
}

void connection_rest(struct connection *connection)
{
    if (connection->reader == NULL && phase_of(connection) == PHASE_READING)
        connection_close(connection);
}

void connection_give_up(struct connection *connection, const char *reason)
{
    if (phase_of(connection) != PHASE_DESK)
        close_broken(connection, reason);
}
