/* SPDX-License-Identifier: ISC */
/*
 * service_rig: a service with everything behind it (tree, room, memory store) and nothing
 * in front: requests without a socket, whose answers go into a buffer.
 */
#ifndef TESTS_SERVICE_RIG_H
#define TESTS_SERVICE_RIG_H

#include <semaphore.h>
#include <stdatomic.h>

#include "fcgiwait/service.h"

struct service_rig {
    struct counters counters;
    struct tree *tree;
    struct service *service;
    struct room *room;
    struct store *store;
    bool is_drained;
};

/* The configuration's defaults, but for small limits: max_waiting 100, body 100, path 20.
 */
extern const struct service_rules service_rig_rules;

/* Fails the test where it does not open. */
void service_rig_open(struct service_rig *service_rig, const struct service_rules *rules);
/* The same over any store; `view` is filled in. */
void service_rig_open_over(struct service_rig *service_rig,
                           const struct service_rules *rules,
                           const struct store_options *options);
/* Ends all waits, for good. */
void service_rig_drain(struct service_rig *service_rig);
void service_rig_close(struct service_rig *service_rig);

/* As fixtures of cmocka: the initial state of a test is its rules (NULL: those above),
 * and then the struct service_rig. Nobody may be left waiting at its end. */
int service_rig_setup(void **state);
int service_rig_teardown(void **state);
#define service_rig_test(test, rules)                                                    \
    cmocka_unit_test_prestate_setup_teardown(test, service_rig_setup,                    \
                                             service_rig_teardown, (void *)(rules))

#define VISIT_BODY 16384

struct visit {
    struct request request;
    sem_t answered;
    _Atomic int answers;
    bool gone; /* what came was the news that nobody is there to answer */
    int status;
    char head[REPLY_HEAD + 1];
    size_t body_len;
    char body[VISIT_BODY]; /* its first bytes, and a NUL */
    /* of a stream: body is all that came and was not taken */
    _Atomic bool is_stream, ended;
    _Atomic int pieces;   /* head, chunks, and an end that has one */
    _Atomic int takes;    /* so many more at once; the rest is SENT_PART. -1: all */
    _Atomic bool stalled; /* one is not taken yet: visit_take() */
    _Atomic bool broken;  /* what comes is SENT_BROKEN */
    const struct chunk *_Atomic chunk; /* the last; may be gone */
    _Atomic pthread_t sender;          /* whoever sent it */
    pthread_mutex_t mutex;             /* guards body and head */
};

void service_rig_serve(struct service_rig *service_rig, struct visit *visit,
                       const struct cgi *cgi);

/* The same for a client that takes so many pieces of a stream at once (-1: all). */
void service_rig_serve_slowly(struct service_rig *service_rig, struct visit *visit,
                              const struct cgi *cgi, int takes);

/* Fails the test where nobody answers, or more than once. Returns the status. */
int visit_await(struct visit *visit);
bool visit_is_answered(struct visit *visit);

/* Of a stream: waits until it is stalled; then that is taken, and the stream goes on. */
void visit_take(struct visit *visit);

/* Waits until this stands in the body of a stream, and forgets all up to its end. Fails
 * the test where it does not come. */
void visit_must_say(struct visit *visit, const char *text);

/* The same, and nothing may stand before it. */
void visit_must_say_next(struct visit *visit, const char *text);

/* How many times this stands in what came and was not taken. */
int visit_count(struct visit *visit, const char *text);

/* The client goes away. True: nobody will answer it. */
bool visit_hang_up(struct visit *visit);

/* The same of a stream that may just be saying something: waits until it has. Fails the
 * test where it never rests, stalls or ends. */
void visit_leave(struct visit *visit);

/* Value of a header, or NULL; letters of the name as they are sent. */
const char *visit_header(const struct visit *visit, const char *name, char value[256]);

/* Takes the request through, which has to be answered at once. Returns the status. */
int service_rig_ask(struct service_rig *service_rig, struct visit *visit,
                    const struct cgi *cgi);

/* A document under the path. Returns its index. */
uint64_t service_rig_put(struct service_rig *service_rig, const char *path,
                         const char *body);
uint64_t service_rig_index(struct service_rig *service_rig, const char *path,
                           enum scope scope);

#endif
