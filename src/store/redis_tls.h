/* SPDX-License-Identifier: ISC */
/*
 * redis_tls: TLS on a connection to the engine, where hiredis has it. Private to the
 * Redis store.
 */
#ifndef FCGIWAIT_STORE_REDIS_TLS_H
#define FCGIWAIT_STORE_REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct redisContext;

/* The engine has to show a certificate of `host`, a name or an address, that the system
 * trusts (SSL_CERT_FILE and SSL_CERT_DIR name others to trust). Blocks as long as the
 * context's calls may. False with `error`. */
bool redis_tls_start(struct redisContext *context, const char *host, char *error,
                     size_t capacity);

#endif
