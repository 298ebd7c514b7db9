/* SPDX-License-Identifier: ISC */
/*
 * census: how many connections the front has, for who waits until there are none. Private
 * to the front. Any thread.
 */
#ifndef FCGIWAIT_FRONT_CENSUS_H
#define FCGIWAIT_FRONT_CENSUS_H

#include "fcgiwait/lock.h"

struct census {
    struct lock lock; /* guards `count` */
    size_t count;
    pthread_cond_t none; /* signalled when it falls to zero */
};

/* 0, or an errno value. */
int census_open(struct census *census);
void census_close(struct census *census);

void census_enter(struct census *census);
void census_leave(struct census *census);

/* Sleeps until nobody is left; false: not by then. */
bool census_wait(struct census *census, struct instant until);

#endif
