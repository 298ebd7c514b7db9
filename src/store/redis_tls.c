/* SPDX-License-Identifier: ISC */
/* hiredis does the talking; whom to trust is OpenSSL's to know. Without either there is
 * no place that asks for it (redis_place.c). */
#include "redis_tls.h"

#include <stdio.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#ifdef WITH_REDIS_TLS

#include <arpa/inet.h>

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static bool expect(SSL *ssl, const char *host)
{
    struct in6_addr address;
    if (inet_pton(AF_INET, host, &address) == 1 ||
        inet_pton(AF_INET6, host, &address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static SSL *make(const char *host)
{
    SSL_CTX *trust = SSL_CTX_new(TLS_client_method());
    if (trust == NULL)
        return NULL;
    SSL_CTX_set_verify(trust, SSL_VERIFY_PEER, NULL);
    SSL *ssl = SSL_CTX_set_default_verify_paths(trust) == 1 ? SSL_new(trust) : NULL;
    SSL_CTX_free(trust); /* the connection has its own reference */
    if (ssl != NULL && !expect(ssl, host)) {
        SSL_free(ssl);
        ssl = NULL;
    }
    return ssl;
}

bool redis_tls_start(struct redisContext *context, const char *host, char *error,
                     size_t capacity)
{
    SSL *ssl = make(host);
    if (ssl != NULL && redisInitiateSSL(context, ssl) == REDIS_OK)
        return true; /* it is the context's now */
    long verified = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;
    snprintf(error, capacity, "TLS: %s",
             verified != X509_V_OK ? X509_verify_cert_error_string(verified)
             : context->err != 0   ? context->errstr
                                   : "out of memory");
    SSL_free(ssl);
    return false;
}

#else

bool redis_tls_start(struct redisContext *context, const char *host, char *error,
                     size_t capacity)
{
    (void)context;
    (void)host;
    snprintf(error, capacity, "TLS: not in this build");
    return false;
}

#endif
