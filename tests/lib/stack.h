/*
 * stack: a real nginx, a real spawn-fcgi and a real fcgiwait in a folder of their own,
 * for one system test. FCGIWAIT in the environment names the program.
 *
 * Everything ends the test where it can't be had. Times are generous: machines are slow.
 */
#ifndef TESTS_STACK_H
#define TESTS_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stack {
    char dir[64];
    char socket[96];
    int port; /* of nginx, on 127.0.0.1 */
    pid_t nginx, fcgiwait;
    long files; /* stack_options.files */
};

struct stack_options {
    const char
        *config; /* lines of fcgiwait.conf; NULL: the memory store and nothing else */
    const char *location; /* lines inside nginx's read location; NULL: none */
    long files;           /* the program's limit of open files; 0: as it comes */
    bool no_keepalive;    /* a new FastCGI connection for each request */
};

/* nginx serves: / to read, /publish/ to publish, /fcgiwait/{health,status,metrics}. */
void stack_start(struct stack *stack, const struct stack_options *options);

/* Ends all of it, and fails the test where fcgiwait does not exit with 0 (a sanitizer's
 * report included), or left a line in its log that holds `error:`. */
void stack_stop(struct stack *stack);

/* SIGTERM to fcgiwait alone; waits; returns its exit status, or -1 where it was killed.
 */
int stack_end_fcgiwait(struct stack *stack);
void stack_start_fcgiwait(struct stack *stack);

/* Whether fcgiwait's log holds this. */
bool stack_logged(const struct stack *stack, const char *what);
size_t stack_descriptors(const struct stack *stack); /* open in fcgiwait */

/* A number of the status (JSON), by name. */
long long stack_status(const struct stack *stack, const char *name);

/* Returns once the status says that exactly so many wait. */
void await_waiting(const struct stack *stack, long long count);
void await_status(const struct stack *stack, const char *name, long long value);

void sleep_ms(long ms);
double seconds_now(void); /* monotonic */

#endif
