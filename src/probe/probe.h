/* SPDX-License-Identifier: ISC */
/*
 * probe: asks through a live chain what a client would ask, and says who breaks what.
 *
 * A program of its own, so that the one that serves does without libcurl. Private to it.
 */
#ifndef FCGIWAIT_PROBE_PROBE_H
#define FCGIWAIT_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/clock.h"

#define PROBE_HEADERS 4

struct probe_options {
    const char *url;
    const char *origin;  /* of a page elsewhere; NULL: none is tried */
    const char *publish; /* what to POST to for a change; NULL: nothing is published */
    const char *headers[PROBE_HEADERS]; /* "Name: value" */
    nanos wait;                         /* the longest that is tried */
    bool json;
};

/* Exit status: 0 nothing found, 1 faults, 2 it could not be probed. */
int probe_run(const struct probe_options *options);

#endif
