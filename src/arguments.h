/* SPDX-License-Identifier: ISC */
/* arguments: the command line. Main thread. */
#ifndef FCGIWAIT_ARGUMENTS_H
#define FCGIWAIT_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#define PROBE_HEADERS_MOST 4

/* --probe, and what only means something beside it. */
struct probe_arguments {
    const char *url;                     /* NULL: nothing is probed */
    const char *wait, *origin, *publish; /* NULL: not given */
    const char *headers[PROBE_HEADERS_MOST];
    size_t header_count;
    bool json;
    const char *stray; /* one of these options; NULL: none was given */
};

struct arguments {
    const char *file;
    const char **options;
    size_t count;
    bool test;
    const char *socket;      /* to open; NULL: it is on descriptor 0 */
    const char *check_nginx; /* the file to check; NULL: serve */
    const char *import;      /* the store to move; NULL: none */
    bool postgres_setup;
    struct probe_arguments probe;
};

/* -1: go on. Otherwise the exit status; what had to be said has been printed. Either way
 * arguments_free(). The strings are argv's. */
int arguments_read(struct arguments *arguments, int argc, char **argv);
void arguments_free(struct arguments *arguments);

#endif
