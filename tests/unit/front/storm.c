/* SPDX-License-Identifier: ISC */
/* Answers, changes, expiries, aborts, hang-ups, second requests and a stop, all at once,
 * from many threads. On every connection each request has one end, nothing stands between
 * the records of an answer, and nothing is logged as an error. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front_rig.h"
#include "must.h"

#define CLIENTS 4
#define ENOUGH 3000   /* requests, before the stop */
#define LARGE 400000  /* more than a socket takes at once */
#define CONTENT 65535 /* of a record, at most */

static const struct service_rules rules = {.wait_default = NANOS_PER_SECOND,
                                           .wait_max = 60 * NANOS_PER_SECOND,
                                           .max_waiting = 1000,
                                           .limit_body = 2 * LARGE,
                                           .limit_path = 100,
                                           .cache_control = "no-store"};

static _Atomic int errors;

void __wrap_log_error(const char *format, ...);

void __wrap_log_error(const char *format, ...)
{
    (void)format;
    errors++;
}

/* What the clients share. */
struct town {
    struct front_rig front_rig;
    _Atomic long requests;
    pthread_mutex_t door; /* guards knocking, and `closing` */
    _Atomic bool closing;
};

struct client {
    struct town *town;
    pthread_t thread;
    unsigned short seed[3];
    int fd, id;
    const char *wrong; /* NULL: nothing. cmocka can't fail a test from a thread */
    long whole, aborted, left, refused;
};

static void find(struct client *client, bool condition, const char *wrong)
{
    if (!condition && client->wrong == NULL)
        client->wrong = wrong;
}

static long chance(struct client *client, long of)
{
    return nrand48(client->seed) % of;
}

static bool read_all(int fd, void *out, size_t len)
{
    return len == 0 || recv(fd, out, len, MSG_WAITALL) == (ssize_t)len;
}

static bool say(struct client *client, struct records *records)
{
    bool said = records_send(records, client->fd);
    records_free(records);
    return said;
}

struct heard {
    bool open;        /* the connection is */
    size_t content;   /* of the answer */
    bool second_ends; /* of the request behind it */
};

/* Up to END_REQUEST for the client's request, and for the one behind it where there is
 * one. Nothing else may come. */
static struct heard hear(struct client *client, bool has_second)
{
    static _Thread_local unsigned char content[CONTENT + 255];
    struct heard heard = {.open = true};
    bool first_ends = false;
    while (!first_ends || (has_second && !heard.second_ends)) {
        unsigned char header[8];
        heard.open = read_all(client->fd, header, sizeof header);
        size_t len = (size_t)header[4] << 8 | header[5];
        if (!heard.open || !(heard.open = read_all(client->fd, content, len + header[6])))
            return heard;
        int id = header[2] << 8 | header[3];
        bool is_end = header[1] == FCGI_END_REQUEST;
        find(client, header[0] == FCGI_VERSION_1, "not a record");
        if (header[1] == FCGI_STDERR && len == 0 && client->town->closing)
            continue; /* we are to close it (front/answering.h) */
        find(client, is_end || header[1] == FCGI_STDOUT, "a record of another type");
        if (has_second && is_end && id == client->id + 1) {
            find(client, !heard.second_ends, "ended twice");
            find(client, heard.content == 0 || first_ends, "ended within an answer");
            heard.second_ends = true;
            client->refused += content[4] == FCGI_CANT_MPX_CONN;
            continue;
        }
        find(client, id == client->id, "of another request");
        find(client, !first_ends, "more behind the end");
        first_ends = is_end;
        heard.content += is_end ? 0 : len;
    }
    return heard;
}

/* False: everything stops. Nobody looks into a service_rig that is closed. */
static bool add_request(struct client *client, struct records *records, const char *path,
                        bool waits)
{
    struct town *town = client->town;
    char query[96];
    pthread_mutex_lock(&town->door);
    bool open = !town->closing;
    if (open)
        snprintf(query, sizeof query, "%s?index=%llu&wait=%ldms", path,
                 (unsigned long long)service_rig_index(&town->front_rig.service_rig, path,
                                                       SCOPE_SELF),
                 chance(client, 8));
    pthread_mutex_unlock(&town->door);
    if (open)
        records_get(records, client->id, true, waits ? query : path);
    return open;
}

/* One request and what becomes of it. False: the connection is gone. */
static bool ask(struct client *client)
{
    static const char *const paths[] = {"/small", "/none", "/large"};
    struct records records = {0};
    client->id = client->id % 60000 + 1;
    long fate = chance(client, 10);
    bool has_second = fate == 4 || fate == 5;
    /* Behind a large answer that just filled the socket there is room for no word. */
    const char *path = paths[chance(client, has_second ? 2 : 3)];
    if (!add_request(client, &records, path, fate > 2))
        return false;
    if (has_second) { /* refused, or begun and aborted where the first is over already */
        records_begin(&records, client->id + 1, true);
        records_add(&records, FCGI_ABORT_REQUEST, client->id + 1, NULL, 0);
    }
    if (fate == 6) /* at once, or once the request was read */
        records_add(&records, FCGI_ABORT_REQUEST, client->id, NULL, 0);
    if (!say(client, &records))
        return false;
    if (fate == 7) {
        if (chance(client, 2) == 0)
            sched_yield();
        records_add(&records, FCGI_ABORT_REQUEST, client->id, NULL, 0);
        if (!say(client, &records))
            return false;
    }
    if (fate == 8) {
        client->left++;
        return false;
    }
    struct heard heard = hear(client, has_second);
    client->whole += heard.open && heard.content > 0;
    client->aborted += heard.open && heard.content == 0;
    find(client, heard.content > 0 || fate == 6 || fate == 7 || !heard.open,
         "an end without an answer");
    if (has_second)
        client->id++;
    return heard.open;
}

/* False: nobody is let in any more. */
static bool come(struct client *client)
{
    struct town *town = client->town;
    pthread_mutex_lock(&town->door);
    bool open = !town->closing;
    if (open)
        client->fd = front_rig_knock(&town->front_rig);
    pthread_mutex_unlock(&town->door);
    return open;
}

static void *ask_until_the_stop(void *context)
{
    struct client *client = context;
    while (come(client)) {
        long times = chance(client, 20) + 1, left = client->left;
        bool open = true;
        while (open && times-- > 0) {
            open = ask(client);
            client->town->requests++;
        }
        find(client, open || client->town->closing || client->left > left,
             "closed on us");
        close(client->fd);
    }
    return NULL;
}

struct publisher {
    struct front_rig *front_rig;
    pthread_t thread;
    _Atomic bool over;
};

static void *touch_until_over(void *context)
{
    static const char *const paths[] = {"/small", "/large", "/none"};
    struct publisher *publisher = context;
    for (unsigned i = 0; !publisher->over; i++) {
        struct visit visit;
        struct cgi cgi = {.method = TEXT("POST"),
                          .script_name = text_of(paths[i % 3]),
                          .access = TEXT("publish")};
        service_rig_serve(&publisher->front_rig->service_rig, &visit, &cgi);
        usleep(500);
    }
    return NULL;
}

static void put_documents(struct front_rig *front_rig)
{
    front_rig_put(front_rig, "/large", LARGE);
    service_rig_put(&front_rig->service_rig, "/small", "hello");
}

/* Whoever knocked before is let in, and then everything stops. */
static void close_gate(struct town *town)
{
    pthread_mutex_lock(&town->door);
    town->closing = true;
    pthread_mutex_unlock(&town->door);
    front_accept(town->front_rig.front);
    front_rig_close(&town->front_rig, 60 * NANOS_PER_SECOND);
}

static void every_request_has_one_end(void **state)
{
    static struct town town;
    static struct client clients[CLIENTS];
    struct publisher publisher = {.front_rig = &town.front_rig};
    struct client sum = {.fd = -1};
    (void)state;
    front_rig_open(&town.front_rig, &rules);
    put_documents(&town.front_rig);
    pthread_mutex_init(&town.door, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        struct client *client = &clients[i];
        *client = (struct client){.town = &town, .seed = {(unsigned short)i, 3, 3}};
        must(pthread_create(&client->thread, NULL, ask_until_the_stop, client) == 0,
             "no thread");
    }
    must(pthread_create(&publisher.thread, NULL, touch_until_over, &publisher) == 0,
         "no thread");
    while (town.requests < ENOUGH) {
        front_accept(town.front_rig.front);
        usleep(200);
    }
    publisher.over = true;
    pthread_join(publisher.thread, NULL);
    close_gate(&town);
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        if (clients[i].wrong != NULL)
            fail_msg("client %d, request %d: %s", i, clients[i].id, clients[i].wrong);
        sum.whole += clients[i].whole;
        sum.aborted += clients[i].aborted;
        sum.left += clients[i].left;
        sum.refused += clients[i].refused;
    }
    assert_true(sum.whole > 0 && sum.aborted > 0 && sum.left > 0 && sum.refused > 0);
    assert_int_equal(counter_read(&town.front_rig.service_rig.counters.connections), 0);
    assert_int_equal(counter_read(&town.front_rig.service_rig.counters.waiting), 0);
    assert_int_equal(errors, 0);
    pthread_mutex_destroy(&town.door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_has_one_end),
    };
    return cmocka_run_group_tests_name("front/storm", tests, NULL, NULL);
}
