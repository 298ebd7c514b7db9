/* SPDX-License-Identifier: ISC */
/* program: fcgiwait as a command that is run to its end. FCGIWAIT names it. */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <stdio.h>

struct run {
    int status;        /* exit status; -1: it was killed */
    char output[8192]; /* both outputs, a string */
};

/* With these arguments and redirections, for the shell. Standard input is /dev/null
 * unless they say otherwise. */
struct run program_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same in two steps, for several that run at the same time. */
FILE *program_start(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct run program_join(FILE *started);

/* Ends the test where it ends with another status, or does not say this. */
void run_must(const struct run *run, int status, const char *says);

#endif
