/* SPDX-License-Identifier: ISC */
#include "front_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "must.h"

#define PATIENCE (60 * NANOS_PER_SECOND) /* nobody is ever this late */

const struct service_rules front_rig_rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                              .wait_max = 36000 * NANOS_PER_SECOND,
                                              .max_waiting = 1000,
                                              .limit_body = 2000000,
                                              .limit_path = 100,
                                              .cache_control = "no-store"};

void front_rig_open(struct front_rig *front_rig, const struct service_rules *rules)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    service_rig_open(&front_rig->service_rig, rules);
    front_rig->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(front_rig->listening >= 0, "socket: %s", strerror(errno));
    /* A name alone is too short: the kernel gives it one that nobody else has. */
    must(bind(front_rig->listening, (struct sockaddr *)&any, sizeof any.sun_family) ==
                 0 &&
             listen(front_rig->listening, 1000) == 0,
         "listen: %s", strerror(errno));
    front_rig->front =
        front_open(&(struct front_options){.threads = 1,
                                           .listening = front_rig->listening,
                                           .service = front_rig->service_rig.service,
                                           .counters = &front_rig->service_rig.counters});
    must(front_rig->front != NULL, "no front: %s", strerror(errno));
}

void front_rig_close(struct front_rig *front_rig, nanos patience)
{
    close(front_rig->listening);
    front_stop(front_rig->front);
    service_rig_drain(&front_rig->service_rig);
    front_drain(front_rig->front, patience);
    store_close(&front_rig->service_rig.store);
    front_close(&front_rig->front);
    room_close(&front_rig->service_rig.room);
    service_close(&front_rig->service_rig.service);
    tree_free(&front_rig->service_rig.tree);
}

int front_rig_setup(void **state)
{
    *state = malloc(sizeof(struct front_rig));
    must(*state != NULL, "no memory");
    front_rig_open(*state, &front_rig_rules);
    return 0;
}

int front_rig_teardown(void **state)
{
    struct front_rig *front_rig = *state;
    if (front_rig->front != NULL)
        front_rig_close(front_rig, PATIENCE);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections), 0);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.waiting), 0);
    free(front_rig);
    return 0;
}

int front_rig_knock(struct front_rig *front_rig)
{
    struct sockaddr_un address;
    socklen_t len = sizeof address;
    int fd = fcgi_socket(AF_UNIX);
    must(getsockname(front_rig->listening, (struct sockaddr *)&address, &len) == 0,
         "getsockname: %s", strerror(errno));
    must(connect(fd, (struct sockaddr *)&address, len) == 0, "connect: %s",
         strerror(errno));
    return fd;
}

int front_rig_connect(struct front_rig *front_rig)
{
    int fd = front_rig_knock(front_rig);
    front_accept(front_rig->front);
    return fd;
}

static char filling(size_t at)
{
    return (char)('a' + at % 23);
}

void front_rig_fill(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = filling(i);
}

void front_rig_must_be_filled(const char *bytes, size_t start, size_t len)
{
    for (size_t i = 0; i < len; i++)
        must(bytes[i] == filling(start + i), "byte %zu is wrong", start + i);
}

void front_rig_put(struct front_rig *front_rig, const char *path, size_t len)
{
    char *body = malloc(len + 1);
    must(body != NULL, "no memory");
    front_rig_fill(body, len);
    body[len] = '\0';
    service_rig_put(&front_rig->service_rig, path, body);
    free(body);
}

void front_rig_await(const _Atomic int64_t *counter, int64_t value)
{
    struct instant until = instant_after(clock_now(), PATIENCE);
    while (counter_read(counter) != value) {
        must(clock_now().at < until.at, "the counter is at %lld, not %lld",
             (long long)counter_read(counter), (long long)value);
        nanosleep(&(struct timespec){0, NANOS_PER_MS}, NULL);
    }
}
