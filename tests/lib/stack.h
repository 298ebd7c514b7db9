/* SPDX-License-Identifier: ISC */
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

struct stack;

struct stack_options {
    const char *config; /* lines of fcgiwait.conf, where store stands first; NULL: none */
    const char *option; /* key=value, for the command line's -o; NULL: none */
    const char *location;    /* lines inside nginx's read location; NULL: none */
    bool sqlite;             /* the store is a file in the folder, not memory */
    long files;              /* the program's limit of open files; 0: as it comes */
    bool logs_errors;        /* lines with `error:` in the log are meant */
    bool no_keepalive;       /* a new FastCGI connection for each request */
    const char *web_servers; /* listens on TCP, with this in FCGI_WEB_SERVER_ADDRS;
                                NULL: on a unix socket */
    void (*write_nginx_conf)(
        const struct stack *stack); /* makes nginx.conf in the folder instead of the
                                       locations below; NULL: they are served */
};

struct stack {
    struct stack_options options;
    char dir[64];
    char socket[96];
    int port;     /* of nginx, on 127.0.0.1 */
    int tcp_port; /* of fcgiwait; 0: the unix socket */
    pid_t nginx, fcgiwait;
    long log_start; /* where the present fcgiwait's lines begin */
};

/* nginx serves: / to read, /publish/ to publish, /fcgiwait/{health,status,metrics}. */
void stack_start(struct stack *stack, const struct stack_options *options);

/* Ends all of it, and fails the test where fcgiwait does not exit with 0 (a sanitizer's
 * report included), or left a line in its log that holds `error:` unmeant. */
void stack_stop(struct stack *stack);

/* The same as fixtures of cmocka. The initial state of a test is its options (NULL:
 * none); from its set-up on the state is the stack. One at a time. */
int stack_setup(void **state);
int stack_setup_sqlite(void **state); /* with no other options */
int stack_teardown(void **state);
#define stack_test(test, options)                                                        \
    cmocka_unit_test_prestate_setup_teardown(test, stack_setup, stack_teardown,          \
                                             (void *)(options))

/* SIGTERM to fcgiwait alone; waits; returns its exit status, or -1 where it was killed.
 */
int stack_end_fcgiwait(struct stack *stack);
int stack_wait_fcgiwait(struct stack *stack); /* the same without SIGTERM */
void stack_start_fcgiwait(struct stack *stack);

/* Other lines for fcgiwait.conf; those that begin with `store` name another store. Nobody
 * reads them before SIGHUP or a start. */
void stack_configure(const struct stack *stack, const char *config);

/* How many lines of the present fcgiwait's log hold this. */
size_t stack_logged(const struct stack *stack, const char *what);
void await_logged(const struct stack *stack, const char *what);
size_t stack_descriptors(const struct stack *stack); /* open in fcgiwait */

/* A number of the status (JSON), by name. */
long long stack_status(const struct stack *stack, const char *name);

/* Returns once the status says that exactly so many wait. */
void await_waiting(const struct stack *stack, long long count);
void await_status(const struct stack *stack, const char *name, long long value);

/* Returns once so many requests, and not this test's own for the status, have come since
 * the status said `before` of "requests". */
void await_asked(const struct stack *stack, long long before, long long count);

/* Another program of the same test: its output goes to `log` in the folder, and it ends
 * with the test at the latest. `argv` ends in NULL. */
pid_t stack_run(const struct stack *stack, const char *log, const char *const argv[]);
/* SIGTERM; waits; nulls the pid; exit status, or -1 where it was killed. 0 is fine. */
int stack_end(pid_t *pid);

void stack_path(const struct stack *stack, const char *name, char path[128]);
int free_port(void); /* on 127.0.0.1, and no other test's while this process lives */

void sleep_ms(long ms);
double seconds_now(void); /* monotonic */

#endif
