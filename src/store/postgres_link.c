/* SPDX-License-Identifier: ISC */
/*
 * libpq without its blocking half: connecting, asking and waiting all go through one
 * poll(), which another thread can end.
 */
#include "postgres_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "fcgiwait/lock.h"
#include "fcgiwait/log.h"
#include "postgres_output.h"

#define SLOW (60 * NANOS_PER_SECOND) /* then it is said again */

int postgres_link_init(struct postgres_link *link, const char *url, struct engine *engine,
                       bool replication)
{
    *link =
        (struct postgres_link){.url = url, .engine = engine, .replication = replication};
    link->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return link->wake >= 0 ? 0 : errno;
}

void postgres_link_dispose(struct postgres_link *link)
{
    postgres_link_close(link);
    postgres_hosts_free(&link->hosts);
    if (link->wake >= 0)
        close(link->wake);
}

void postgres_link_close(struct postgres_link *link)
{
    PQfinish(link->connection);
    link->connection = NULL;
}

void postgres_link_nudge(struct postgres_link *link)
{
    eventfd_write(link->wake, 1); /* it fails only where it was nudged already */
}

void postgres_link_cut(struct postgres_link *link)
{
    atomic_store(&link->cut, true);
    postgres_link_nudge(link);
}

/* --- what is wrong --- */

/* The first line, without what libpq puts around it. */
static struct text first_line(const char *said)
{
    struct text rest = text_of(said), line;
    text_cut(&rest, '\n', &line);
    return text_trim(line);
}

/* "... FATAL:  53300: what is wrong": connections are made with PQERRORS_VERBOSE, since
 * nothing else tells the code of what ended them. */
static struct text state_in(struct text line)
{
    static const char mark[] = ":  ";
    for (size_t i = 0; i + sizeof mark - 1 + 6 <= line.len; i++)
        if (memcmp(line.at + i, mark, sizeof mark - 1) == 0 &&
            line.at[i + sizeof mark - 1 + 5] == ':')
            return (struct text){line.at + i + sizeof mark - 1, 5};
    return TEXT("");
}

static bool fail(struct postgres_link *link, enum engine_state trouble, struct text state,
                 const char *said)
{
    struct text line = first_line(said);
    if (state.len == 0)
        state = state_in(line);
    link->trouble = trouble;
    const char *cure = postgres_cure(state, line, &link->trouble);
    snprintf(link->error, sizeof link->error, "%.*s%s%s", (int)line.len, line.at,
             cure != NULL ? "; " : "", cure != NULL ? cure : "");
    return false;
}

bool postgres_link_lose(struct postgres_link *link, enum engine_state trouble,
                        const char *why)
{
    /* With what the server may have said at its end. */
    const char *said = link->connection != NULL ? PQerrorMessage(link->connection) : "";
    fail(link, trouble, TEXT(""), why != NULL || said[0] == '\0' ? why : said);
    postgres_link_close(link);
    return false;
}

bool postgres_link_lose_with(struct postgres_link *link,
                             const struct postgres_link *other)
{
    link->trouble = other->trouble;
    memcpy(link->error, other->error, sizeof link->error);
    postgres_link_close(link);
    return false;
}

bool postgres_link_lose_by(struct postgres_link *link, const struct pg_result *result)
{
    const char *said = PQresultErrorMessage(result);
    fail(link, ENGINE_LOST, text_of(PQresultErrorField(result, PG_DIAG_SQLSTATE)),
         said[0] != '\0' ? said : "the server has ended the stream");
    postgres_link_close(link);
    return false;
}

/* --- waiting --- */

/* As poll() for these two, which is all of what goes on here that takes time. */
static int poll_until(struct postgres_link *link, struct pollfd fds[2],
                      struct instant until)
{
    for (;;) {
        struct instant next =
            link->meanwhile != NULL ? link->meanwhile(link, until) : until;
        int ready = poll(fds, 2, instant_left_ms(next, clock_now()));
        if (ready != 0 || clock_now().at >= until.at)
            return ready;
    }
}

bool postgres_link_wait(struct postgres_link *link, bool writable, struct instant until)
{
    struct pollfd fds[] = {{.fd = PQsocket(link->connection),
                            .events = writable ? POLLIN | POLLOUT : POLLIN},
                           {.fd = link->wake, .events = POLLIN}};
    eventfd_t nudges;
    lock_must_hold_none();
    if (atomic_load(&link->cut))
        return false;
    if (poll_until(link, fds, until) > 0 && fds[1].revents != 0)
        eventfd_read(link->wake, &nudges);
    return !atomic_load(&link->cut);
}

bool postgres_link_tell(struct postgres_link *link, uint64_t place, bool asks)
{
    char status[POSTGRES_STATUS];
    postgres_status_write(status, place, clock_wall(), asks);
    if (PQputCopyData(link->connection, status, sizeof status) <= 0 ||
        PQflush(link->connection) < 0)
        return postgres_link_lose(link, ENGINE_LOST, NULL);
    return true;
}

/* --- connecting --- */

/* Whom a nudge sent on too early, libpq lets wait for the server as long as TCP does. */
static bool is_ready(const struct postgres_link *link, bool writable)
{
    struct pollfd fd = {.fd = PQsocket(link->connection),
                        .events = writable ? POLLOUT : POLLIN};
    return poll(&fd, 1, 0) != 0;
}

static bool shake_hands(struct postgres_link *link, struct instant until)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    bool had_time = clock_now().at < until.at;
    while (next != PGRES_POLLING_OK) {
        if (clock_now().at >= until.at) {
            if (had_time && postgres_hosts_count(link->connection) > 1)
                postgres_hosts_rotate(&link->hosts, link->connection);
            return postgres_link_lose(link, ENGINE_SLOW, "no answer in time");
        }
        if (!postgres_link_wait(link, next == PGRES_POLLING_WRITING, until))
            return postgres_link_lose(link, ENGINE_LOST, "the store is being closed");
        if (!is_ready(link, next == PGRES_POLLING_WRITING))
            continue;
        next = PQconnectPoll(link->connection);
        if (next == PGRES_POLLING_FAILED)
            return postgres_link_lose(link, ENGINE_LOST, NULL);
    }
    return true;
}

/* What the server says by the way: libpq would print it. */
static void overhear(void *context, const char *said)
{
    (void)context;
    (void)said;
}

/* Of several hosts the one that is tried, or was found. */
static void say_where(const struct postgres_link *link)
{
    char where[ENGINE_WHERE];
    const char *host = PQhost(link->connection), *port = PQport(link->connection);
    const char *database = PQdb(link->connection);
    snprintf(where, sizeof where, "%s:%s/%s", host != NULL ? host : "",
             port != NULL ? port : "", database != NULL ? database : "");
    engine_set_where(link->engine, where);
}

/* Of options with the same name libpq takes the last. */
struct options {
    const char *names[16], *values[16];
    size_t count;
};

static void put_option(struct options *options, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    options->names[options->count] = name;
    options->values[options->count++] = value;
}

static void put_options(const struct postgres_link *link, struct options *options)
{
    const PGconn *beside = link->beside != NULL ? link->beside->connection : NULL;
    const char *const other[] = {PQhost(beside), PQhostaddr(beside), PQport(beside)};
    /* In an order of our own a standby could come first, for ever. To libpq a role whose
     * transactions are read-only by default is nowhere read-write. */
    const char *primary = PQlibVersion() >= 140000 ? "primary" : "read-write";
    put_option(options, "target_session_attrs",
               link->hosts.lists[0] != NULL ? primary : NULL);
    /* Where an answer may take long, nothing else finds that the server is gone. */
    put_option(options, "keepalives_idle", "20");
    put_option(options, "keepalives_interval", "10");
    put_option(options, "keepalives_count", "3");
    put_option(options, "dbname", link->url);
    for (size_t i = 0; i < POSTGRES_LISTS; i++)
        put_option(options, postgres_lists[i],
                   beside != NULL ? other[i] : link->hosts.lists[i]);
    put_option(options, "fallback_application_name", "fcgiwait");
    /* A role's settings must not change how values are written. */
    put_option(options, "client_encoding", "UTF8");
    put_option(options, "replication", link->replication ? "database" : NULL);
}

static bool start(struct postgres_link *link)
{
    struct options options = {.count = 0};
    put_options(link, &options);
    postgres_link_close(link);
    link->connection = PQconnectStartParams(options.names, options.values, 1);
    if (link->connection == NULL)
        return fail(link, ENGINE_LOST, TEXT(""), "out of memory");
    say_where(link);
    if (PQstatus(link->connection) == CONNECTION_BAD)
        return postgres_link_lose(link, ENGINE_LOST, NULL);
    PQsetNoticeProcessor(link->connection, overhear, NULL);
    PQsetErrorVerbosity(link->connection, PQERRORS_VERBOSE);
    return true;
}

static bool connect_in_time(struct postgres_link *link, struct instant until)
{
    for (size_t tried = 0;; tried++) {
        if (!start(link))
            return false;
        size_t hosts = postgres_hosts_count(link->connection);
        size_t left = hosts > tried ? hosts - tried : 1;
        struct instant now = clock_now();
        if (shake_hands(link, instant_after(now, (until.at - now.at) / (nanos)left)))
            return true;
        if (link->trouble != ENGINE_SLOW || tried + 1 >= hosts)
            return false;
    }
}

bool postgres_link_open(struct postgres_link *link, struct instant until)
{
    if (!connect_in_time(link, until))
        return false;
    say_where(link);
    counter_add(&link->engine->counters->engine_connects, 1);
    if (PQsetnonblocking(link->connection, 1) != 0)
        return postgres_link_lose(link, ENGINE_LOST, NULL);
    PQsetErrorVerbosity(link->connection, PQERRORS_DEFAULT);
    if (PQserverVersion(link->connection) < 140000)
        return postgres_link_lose(link, ENGINE_REFUSED,
                                  "the server is older than PostgreSQL 14, which "
                                  "is the first that fcgiwait can follow");
    return true;
}

/* --- asking --- */

static bool may_be_slow(const struct postgres_link *link, struct instant *until)
{
    if (link->slow == NULL)
        return false;
    log_warn("%s", link->slow);
    engine_set_trouble(link->engine, ENGINE_IS_FOLLOWED, ENGINE_SLOW, link->slow);
    *until = instant_after(clock_now(), SLOW);
    return true;
}

/* Until all is sent, and the next result is there. */
static bool exchange(struct postgres_link *link, struct instant until)
{
    for (int left = 1;;) {
        left = left != 0 ? PQflush(link->connection) : 0;
        if (left < 0 || PQconsumeInput(link->connection) == 0)
            return postgres_link_lose(link, ENGINE_LOST, NULL);
        if (left == 0 && !PQisBusy(link->connection))
            return true;
        if (clock_now().at >= until.at && !may_be_slow(link, &until))
            return postgres_link_lose(link, ENGINE_SLOW, "no answer in time");
        if (!postgres_link_wait(link, left != 0, until))
            return postgres_link_lose(link, ENGINE_LOST, "the store is being closed");
    }
}

/* What streams has no end that could be waited for. */
static bool streams(const PGresult *result)
{
    return result != NULL && PQresultStatus(result) == PGRES_COPY_BOTH;
}

struct pg_result *postgres_link_ask(struct postgres_link *link, const char *command,
                                    const char *value, struct instant until)
{
    PGresult *last = NULL, *result;
    if (link->connection == NULL) {
        fail(link, ENGINE_LOST, TEXT(""), "not connected");
        return NULL;
    }
    int sent = value != NULL ? PQsendQueryParams(link->connection, command, 1, NULL,
                                                 &value, NULL, NULL, 0)
                             : PQsendQuery(link->connection, command);
    if (sent == 0) {
        postgres_link_lose(link, ENGINE_LOST, NULL);
        return NULL;
    }
    do {
        if (!exchange(link, until)) {
            PQclear(last);
            return NULL;
        }
        result = PQgetResult(link->connection);
        if (result != NULL) {
            PQclear(last);
            last = result;
        }
    } while (result != NULL && !streams(result));
    ExecStatusType status = PQresultStatus(last);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || streams(last)) {
        counter_add(&link->engine->counters->engine_round_trips, 1);
        return last;
    }
    fail(link, ENGINE_REFUSED, text_of(PQresultErrorField(last, PG_DIAG_SQLSTATE)),
         PQresultErrorMessage(last));
    PQclear(last);
    if (PQstatus(link->connection) == CONNECTION_BAD)
        postgres_link_close(link);
    return NULL;
}
