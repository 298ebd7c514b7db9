/* SPDX-License-Identifier: ISC */
/*
 * nginx_check: what in an nginx configuration would cut a wait short or lose an answer.
 *
 * Reads the output of `nginx -T`, finds the ways to fcgiwait, and holds rules against
 * them. Pure and bounded, whatever the input. Used by main alone; one thread.
 */
#ifndef FCGIWAIT_NGINX_CHECK_H
#define FCGIWAIT_NGINX_CHECK_H

#include <stdint.h>
#include <stdio.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/text.h"

/* Of fcgiwait's own configuration. */
struct nginx_needs {
    nanos wait_max;
    int64_t max_waiting;
    nanos heartbeat; /* of streams */
};

struct finding {
    const char *rule; /* its name, for tests */
    const char *file;
    unsigned line;
    const char *what, *effect; /* what is wrong, and what a client would see of it */
    const char *instead;       /* the line to write */
    struct finding *next;
};

enum nginx_checked {
    NGINX_GOOD,
    NGINX_FINDINGS,
    NGINX_NOT_UNDERSTOOD
}; /* the exit statuses of --check-nginx */

struct nginx_check;

/* `name` is what to call the input in messages. Both have to stay as long as the result.
 * NULL: out of memory. */
struct nginx_check *nginx_check_read(struct text dump, const char *name,
                                     const struct nginx_needs *needs);

enum nginx_checked nginx_check_result(const struct nginx_check *check);
const struct finding *nginx_check_findings(const struct nginx_check *check);

/* What can't be told: `rule`, `file`, `line` and `what` alone. It is no fault. */
const struct finding *nginx_check_notes(const struct nginx_check *check);

/* For people: the findings and notes, or what could not be understood. */
void nginx_check_report(const struct nginx_check *check, FILE *out);

void nginx_check_free(struct nginx_check **check);

#endif
