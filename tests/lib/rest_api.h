/* SPDX-License-Identifier: ISC */
/*
 * rest_api: the stack with nginx-examples/rest-api.conf as it is, but for ports, paths
 * and users, and json-server as the API: a REST server that knows nothing of fcgiwait; or
 * one with the habits that real APIs have (tests/api/habits.mjs).
 *
 * EXAMPLES in the environment names the folder of the example, JSON_SERVER the folder
 * where npm installed json-server, API the folder of what the tests add to it.
 */
#ifndef TESTS_REST_API_H
#define TESTS_REST_API_H

#include "http.h"
#include "stack.h"

struct rest_options {
    size_t posts;               /* /posts/1 to /posts/N; 0: 3 */
    bool habits;                /* the API is habits.mjs instead of json-server */
    bool php;                   /* the API is index.php instead */
    bool readme;                /* nginx.conf is README's few lines */
    const char *const *replace; /* pairs: what stands in the example, and what is to; NULL
                                   ends them; NULL: none */
};

struct rest_api {
    struct stack stack; /* first */
    struct rest_options options;
    int port, php_port; /* of json-server and of php-cgi, on 127.0.0.1 */
    pid_t server, php;
};

/* As fixtures of cmocka, like stack_test(): the initial state is the options, or NULL;
 * then it is the struct rest_api. */
int rest_setup(void **state);
int rest_teardown(void **state);
#define rest_test(test, options)                                                         \
    cmocka_unit_test_prestate_setup_teardown(test, rest_setup, rest_teardown,            \
                                             (void *)(options))

void rest_start_server(struct rest_api *api); /* json-server; has been started */
void rest_start_php(struct rest_api *api); /* skips the test where php-cgi is missing */

/* How many requests the API has had whose line starts so: "GET /posts/1 ". Their
 * lines may come a moment after the answers. */
size_t rest_requests(const struct rest_api *api, const char *line);

void await_requests(const struct rest_api *api, const char *line, size_t count);

/* A write of JSON through nginx; returns the status. The body may be NULL. */
long rest_write(const struct rest_api *api, const char *method, const char *path,
                const char *json);

/* A write without a body that nginx has to answer with less than 400. */
void rest_must_write(const struct rest_api *api, const char *method, const char *path,
                     const char *header);

struct answer rest_ask(const struct rest_api *api, const char *method, const char *path,
                       const char *header, const char *body);

/* Begins to wait for the next change of `path`, whose query may be there already, and
 * returns once fcgiwait holds the request: `waiting` are held then in all. */
struct call *rest_wait(const struct rest_api *api, const char *path, long long waiting);

/* The present index of a path, as nginx gives it. */
void rest_index(const struct rest_api *api, const char *path, char index[24]);

/* Ends the test where fcgiwait --check-nginx finds anything in the nginx that runs. */
void rest_must_pass_check(const struct rest_api *api);

#endif
