/*
 * office: a desk with everything behind it (tree, room, memory store) and nothing in
 * front: requests without a socket, whose answers go into a buffer.
 */
#ifndef TESTS_OFFICE_H
#define TESTS_OFFICE_H

#include <semaphore.h>
#include <stdatomic.h>

#include "fcgiwait/desk.h"

struct office {
    struct counters counters;
    struct tree *tree;
    struct desk *desk;
    struct room *room;
    struct store *store;
    bool is_drained;
};

/* The configuration's defaults, but for small limits: max_waiting 100, body 100, path 20.
 */
extern const struct desk_rules office_rules;

/* Fails the test where it does not open. */
void office_open(struct office *office, const struct desk_rules *rules);
/* Ends all waits, for good. */
void office_drain(struct office *office);
void office_close(struct office *office);

#define VISIT_BODY 4096

struct visit {
    struct request request; /* first: the desk gives requests back */
    sem_t answered;
    _Atomic int answers;
    bool gone; /* what came was the news that nobody is there to answer */
    int status;
    char head[REPLY_HEAD + 1];
    size_t body_len;
    char body[VISIT_BODY]; /* its first bytes, and a NUL */
};

void office_serve(struct office *office, struct visit *visit, const struct cgi *cgi);

/* Fails the test where nobody answers, or more than once. Returns the status. */
int visit_await(struct visit *visit);
bool visit_is_answered(struct visit *visit);

/* Value of a header, or NULL; letters of the name as they are sent. */
const char *visit_header(const struct visit *visit, const char *name, char value[256]);

/* Takes the request through, which has to be answered at once. Returns the status. */
int office_ask(struct office *office, struct visit *visit, const struct cgi *cgi);

/* A document under the path. Returns its index. */
uint64_t office_put(struct office *office, const char *path, const char *body);
uint64_t office_index(struct office *office, const char *path, enum scope scope);

#endif
