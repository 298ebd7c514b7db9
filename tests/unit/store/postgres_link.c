/* SPDX-License-Identifier: ISC */
/* A connection takes no longer than it was given, whoever calls meanwhile, and does not
 * outlive its server for long. */
#include "store/postgres_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "must.h"
#include "postgres_server.h"

#define GIVEN (NANOS_PER_SECOND)
/* Far more than that, and far less than TCP takes to give up (two minutes). */
#define PATIENT (30 * NANOS_PER_SECOND)

/* Its queue is full, so that the next connection is never made. */
struct full {
    int fd, in_queue[2];
    struct sockaddr_in address;
};

static void full_open(struct full *full)
{
    socklen_t len = sizeof full->address;
    full->address = (struct sockaddr_in){.sin_family = AF_INET,
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    full->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(full->fd >= 0 && bind(full->fd, (struct sockaddr *)&full->address, len) == 0 &&
             listen(full->fd, 0) == 0 &&
             getsockname(full->fd, (struct sockaddr *)&full->address, &len) == 0,
         "a port");
    for (size_t i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        must(fd >= 0, "a socket");
        connect(fd, (struct sockaddr *)&full->address, len);
        full->in_queue[i] = fd;
    }
}

static void full_close(const struct full *full)
{
    close(full->in_queue[0]);
    close(full->in_queue[1]);
    close(full->fd);
}

struct caller {
    struct postgres_link *link;
    _Atomic bool over;
    pthread_t thread;
};

static void *call_again_and_again(void *argument)
{
    struct caller *caller = argument;
    while (!atomic_load(&caller->over)) {
        postgres_link_nudge(caller->link);
        usleep(10000);
    }
    return NULL;
}

static void who_calls_makes_no_connection_wait(void **state)
{
    struct engine engine;
    struct postgres_link link;
    struct full full;
    char url[64];
    (void)state;
    full_open(&full);
    snprintf(url, sizeof url, "postgresql://127.0.0.1:%d/app",
             ntohs(full.address.sin_port));
    engine_init(&engine, "postgres", NULL);
    assert_int_equal(postgres_link_init(&link, url, &engine, false), 0);
    struct caller caller = {.link = &link};
    assert_int_equal(pthread_create(&caller.thread, NULL, call_again_and_again, &caller),
                     0);
    struct instant began = clock_now();
    assert_false(postgres_link_open(&link, instant_after(began, GIVEN)));
    must(clock_now().at < instant_after(began, PATIENT).at, "TCP itself was waited for");
    must(link.trouble == ENGINE_SLOW, "%s", link.error);
    atomic_store(&caller.over, true);
    pthread_join(caller.thread, NULL);
    postgres_link_dispose(&link);
    engine_dispose(&engine);
    full_close(&full);
}

static void must_be_opened_with(const char *url, const char *keyword, const char *value)
{
    struct engine engine;
    struct postgres_link link;
    const char *found = NULL;
    engine_init(&engine, "postgres", NULL);
    assert_int_equal(postgres_link_init(&link, url, &engine, false), 0);
    must(postgres_link_open(&link, instant_after(clock_now(), PATIENT)), "%s",
         link.error);
    PQconninfoOption *options = PQconninfo(link.connection);
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
        if (strcmp(option->keyword, keyword) == 0)
            found = option->val;
    must(found != NULL && strcmp(found, value) == 0, "%s is %s, not %s", keyword,
         found != NULL ? found : "nothing", value);
    PQconninfoFree(options);
    postgres_link_dispose(&link);
    engine_dispose(&engine);
}

/* As TCP finds it out of itself, that takes hours. */
static void a_server_that_is_gone_is_found_out(void **state)
{
    struct postgres_server server;
    char url[192];
    (void)state;
    if (!postgres_server_can())
        skip();
    postgres_server_start(&server, NULL);
    must_be_opened_with(server.url, "keepalives_idle", "20");
    must_be_opened_with(server.url, "keepalives_interval", "10");
    must_be_opened_with(server.url, "keepalives_count", "3");
    snprintf(url, sizeof url, "%s&keepalives_idle=60", server.url);
    must_be_opened_with(url, "keepalives_idle", "60");
    postgres_server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_calls_makes_no_connection_wait),
        cmocka_unit_test(a_server_that_is_gone_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
