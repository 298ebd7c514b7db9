/* SPDX-License-Identifier: ISC */
/* TLS to Redis: only whom the system trusts, and only under its own name. Builds without
 * it say so in one line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "must.h"
#include "redis_server.h"
#include "store_rig.h"

static struct store_options options = {.type = "redis", .patience = 3 * NANOS_PER_SECOND};

static void must_refuse(const char *url, const char *why)
{
    struct store_rig store_rig;
    char error[512] = "";
    options.url = url;
    assert_false(store_rig_try(&store_rig, &options, error));
    must(strstr(error, why) != NULL, "%s: %s", url, error);
}

#ifdef WITH_REDIS_TLS

static void only_a_certificate_of_its_own_is_trusted(void **state)
{
    struct redis_server server;
    struct store_rig rig;
    char url[64], cert[96];
    (void)state;
    redis_server_start(&server, false);
    redis_server_speak_tls(&server, &server);
    redis_server_say(&server, "CONFIG SET bind \"127.0.0.1 127.0.0.2\"");
    snprintf(url, sizeof url, "rediss://127.0.0.1:%d/0", server.tls_port);
    must_refuse(url, "TLS: self");
    snprintf(cert, sizeof cert, "%s/cert.pem", server.dir);
    setenv("SSL_CERT_FILE", cert, 1);
    options.url = url;
    store_rig_open(&rig, &options);
    assert_int_equal(store_rig_put(&rig, "/a", "x/y", "1").result, EDIT_CREATED);
    store_rig_await_body(&rig, "/a", "1");
    store_rig_close(&rig);
    snprintf(url, sizeof url, "rediss://127.0.0.2:%d/0", server.tls_port); /* not in it */
    must_refuse(url, "TLS: IP address mismatch");
    snprintf(url, sizeof url, "rediss://127.0.0.1:%d/0", server.port); /* speaks none */
    must_refuse(url, "TLS: ");
    unsetenv("SSL_CERT_FILE");
    redis_server_stop(&server);
}

#else

static void only_a_certificate_of_its_own_is_trusted(void **state)
{
    (void)state;
    must_refuse("rediss://127.0.0.1/", "asks for TLS, which this build has not");
    must_refuse("rediss+sentinel://127.0.0.1/mymaster/0",
                "asks for TLS, which this build has not");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_certificate_of_its_own_is_trusted),
    };
    if (!redis_server_can() || system("command -v openssl >/dev/null") != 0) {
        printf("this needs redis-server, openssl, and a build with hiredis\n");
        return 77; /* skipped */
    }
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("store/redis_tls", tests, NULL, NULL);
}
