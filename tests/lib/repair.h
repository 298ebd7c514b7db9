/* SPDX-License-Identifier: ISC */
/*
 * repair: a fault is planted in the configuration of a running nginx; --check-nginx has
 * to find it, it has to break something, and the line that is proposed has to mend it.
 */
#ifndef TESTS_REPAIR_H
#define TESTS_REPAIR_H

#include "program.h"
#include "stack.h"

/* Up to what is within http {}. %2: the user. */
#define REPAIR_NGINX                                                                     \
    "%2$s worker_processes 1; worker_rlimit_nofile 4096; daemon off; pid nginx.pid;\n"   \
    "error_log error.log;\n"                                                             \
    "events { worker_connections 2048; }\n"                                              \
    "http {\n"                                                                           \
    "access_log off; client_body_temp_path body; proxy_temp_path proxy;\n"               \
    "fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"

#define REPAIR_TOLD                                                                      \
    "fastcgi_param REQUEST_METHOD $request_method;\n"                                    \
    "fastcgi_param QUERY_STRING $query_string;\n"                                        \
    "fastcgi_param CONTENT_TYPE $content_type;\n"                                        \
    "fastcgi_param CONTENT_LENGTH $content_length;\n"                                    \
    "fastcgi_param SCRIPT_NAME $fastcgi_script_name;\n"

/* One fault. */
struct repair {
    const char *from, *fault; /* in the configuration */
    const char *line;         /* that is proposed */
    const char *repaired;     /* what stands there then; NULL: `from` */
    bool (*is_right)(const struct stack *stack);
};

/* Writes the correct configuration, in which nothing is to be found, as nginx.conf, and
 * nginx's own fastcgi_params beside it. It answers /generation, on the stack's port, with
 * the word GENERATION. */
void repair_write(const struct stack *stack, const char *correct);

/* Makes cert.pem and key.pem in the folder. */
void repair_certify(const struct stack *stack);

/* How often nginx.conf was written; a test makes new names of it. */
unsigned repair_generation(void);

struct run repair_check(const struct stack *stack);

void repair_try(struct stack *stack, const struct repair repairs[], size_t count);
#define REPAIR_TRY(stack, repairs)                                                       \
    repair_try(stack, repairs, sizeof(repairs) / sizeof *(repairs))

#endif
