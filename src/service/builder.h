/* SPDX-License-Identifier: ISC */
/*
 * builder: a thread that builds long answers to those who follow what is below a path,
 * one after the other, so that nobody else's request waits behind them: not those that
 * the same thread of the front reads, nor those that the same worker wakes. Private to
 * the service.
 *
 * The thread begins with the first of them. Any thread may add.
 */
#ifndef FCGIWAIT_SERVICE_BUILDER_H
#define FCGIWAIT_SERVICE_BUILDER_H

#include <pthread.h>

#include "fcgiwait/lock.h"
#include "fcgiwait/request.h"

/* Builds the request's answer, and answers. Called by the thread, with no locks held. */
typedef void builder_build_fn(struct service *service, struct request *request);

struct builder {
    struct service *service;
    builder_build_fn *build;
    struct lock lock; /* guards what follows */
    pthread_cond_t wake;
    pthread_t thread;
    bool is_running, is_closed;
    struct feed *first, *last; /* of the requests that wait for it */
};

/* 0, or an errno value. */
int builder_open(struct builder *builder, struct service *service,
                 builder_build_fn *build);

/* The request, which has a feed, is answered by the thread. False: there is none, and the
 * caller has it still. */
bool builder_add(struct builder *builder, struct request *request)
    __attribute__((warn_unused_result));

/* Returns when all that were added are answered; there is no thread any more. */
void builder_close(struct builder *builder);

void builder_dispose(struct builder *builder); /* after builder_close() */

#endif
