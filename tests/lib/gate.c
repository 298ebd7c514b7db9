#include "gate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "must.h"

#define PATIENCE 60 /* seconds; nobody is ever this late */

void gate_open(struct gate *gate, const struct desk_rules *rules)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    office_open(&gate->office, rules);
    gate->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(gate->listening >= 0, "socket: %s", strerror(errno));
    /* A name alone is too short: the kernel gives it one that nobody else has. */
    must(bind(gate->listening, (struct sockaddr *)&any, sizeof any.sun_family) == 0 &&
             listen(gate->listening, 1000) == 0,
         "listen: %s", strerror(errno));
    gate->front = front_open(&(struct front_options){.threads = 1,
                                                     .listening = gate->listening,
                                                     .desk = gate->office.desk,
                                                     .counters = &gate->office.counters});
    must(gate->front != NULL, "no front: %s", strerror(errno));
}

void gate_close(struct gate *gate, nanos patience)
{
    close(gate->listening);
    front_stop(gate->front);
    office_drain(&gate->office);
    front_drain(gate->front, patience);
    store_close(&gate->office.store);
    front_close(&gate->front);
    room_close(&gate->office.room);
    desk_close(&gate->office.desk);
    tree_free(&gate->office.tree);
}

int gate_knock(struct gate *gate)
{
    struct sockaddr_un address;
    socklen_t len = sizeof address;
    struct timeval patience = {.tv_sec = PATIENCE};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && getsockname(gate->listening, (struct sockaddr *)&address, &len) == 0,
         "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    must(connect(fd, (struct sockaddr *)&address, len) == 0, "connect: %s",
         strerror(errno));
    return fd;
}

int gate_connect(struct gate *gate)
{
    int fd = gate_knock(gate);
    front_accept(gate->front);
    return fd;
}

void gate_await(const _Atomic int64_t *counter, int64_t value)
{
    struct instant until = instant_after(clock_now(), PATIENCE * NANOS_PER_SECOND);
    while (counter_read(counter) != value) {
        must(clock_now().at < until.at, "the counter is at %lld, not %lld",
             (long long)counter_read(counter), (long long)value);
        nanosleep(&(struct timespec){0, NANOS_PER_MS}, NULL);
    }
}
