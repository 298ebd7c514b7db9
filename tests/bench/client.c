#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ARRIVING_MOST 64 /* more would fill listen queues, which is not measured here */
#define EVENTS 64        /* few enough that nobody asks again late behind the others */
#define SOURCES 8        /* 127.0.0.2 and so on, as each has 28,000 ports */
#define REFUSED_PAUSE (NANOS_PER_SECOND / 50)
#define SMALL_BODY 64
#define LARGE_BODY 16384 /* a status document */

nanos nanos_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (nanos)now.tv_sec * NANOS_PER_SECOND + (nanos)now.tv_nsec;
}

bool crowd_open(struct crowd *crowd, const char *host, int port, size_t count)
{
    crowd->server.sin_family = AF_INET;
    crowd->server.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &crowd->server.sin_addr) != 1)
        return false;
    crowd->count = count;
    crowd->clients = calloc(count, sizeof *crowd->clients);
    crowd->queue = calloc(count, sizeof *crowd->queue);
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd->now = nanos_now();
    if (crowd->clients == NULL || crowd->queue == NULL || crowd->epoll < 0)
        return false;
    for (size_t i = 0; i < count; i++)
        crowd->clients[i].fd = -1;
    return true;
}

void crowd_close(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->clients[i].fd >= 0)
            close(crowd->clients[i].fd);
        free(crowd->clients[i].answer.body);
    }
    free(crowd->clients);
    free(crowd->queue);
    close(crowd->epoll);
}

/* --- coming and going --- */

void client_arrived(struct crowd *crowd, struct client *client)
{
    if (client->arriving)
        crowd->arriving--;
    client->arriving = false;
}

void client_come(struct crowd *crowd, struct client *client)
{
    if (client->state != CLIENT_AWAY)
        return;
    size_t end = (crowd->queue_head + crowd->queue_len++) % crowd->count;
    crowd->queue[end] = (uint32_t)(client - crowd->clients);
    client->state = CLIENT_QUEUED;
}

void client_hang_up(struct crowd *crowd, struct client *client)
{
    if (client->fd < 0)
        return;
    close(client->fd);
    client->fd = -1;
    client->state = CLIENT_AWAY;
    client_arrived(crowd, client);
}

static void broke(struct crowd *crowd, struct client *client)
{
    crowd->broken++;
    client_hang_up(crowd, client);
    client_come(crowd, client);
}

static void connected(struct crowd *crowd, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(crowd->epoll, EPOLL_CTL_MOD, client->fd, &event);
    client->state = CLIENT_IDLE;
    crowd->connected++;
    crowd->ready(crowd->context, client);
}

static void refused(struct crowd *crowd, struct client *client)
{
    crowd->refused++;
    crowd->pause = crowd->now + REFUSED_PAUSE;
    client_hang_up(crowd, client);
    client_come(crowd, client);
}

static int socket_from(uint32_t number)
{
    int yes = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7f000002 + number % SOURCES);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool in_loopback(const struct crowd *crowd)
{
    return ntohl(crowd->server.sin_addr.s_addr) >> 24 == 127;
}

static void begin(struct crowd *crowd, struct client *client)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
    client->fd = in_loopback(crowd)
                     ? socket_from(client->number)
                     : socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    client->state = CLIENT_CONNECTING;
    client->arriving = true;
    crowd->arriving++;
    if (client->fd < 0) { /* no descriptor: later */
        client->state = CLIENT_AWAY;
        client_arrived(crowd, client);
        refused(crowd, client);
        return;
    }
    int failed = connect(client->fd, (const struct sockaddr *)&crowd->server,
                         sizeof crowd->server);
    if ((failed && errno != EINPROGRESS) ||
        epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        refused(crowd, client);
}

static void begin_some(struct crowd *crowd)
{
    while (crowd->queue_len > 0 && crowd->arriving < ARRIVING_MOST &&
           crowd->now >= crowd->pause) {
        struct client *client = &crowd->clients[crowd->queue[crowd->queue_head]];
        crowd->queue_head = (crowd->queue_head + 1) % crowd->count;
        crowd->queue_len--;
        begin(crowd, client);
    }
}

static void connect_done(struct crowd *crowd, struct client *client)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
        refused(crowd, client);
    else
        connected(crowd, client);
}

/* --- asking --- */

static bool ready_answer(struct client *client)
{
    struct answer *answer = &client->answer;
    if (answer->body == NULL) {
        answer->body_room = client->role == CLIENT_WATCHER ? LARGE_BODY : SMALL_BODY;
        answer->body = malloc(answer->body_room);
        if (answer->body == NULL)
            return false;
    }
    answer_reset(answer);
    return true;
}

static bool send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            if (poll(&room, 1, 1000) != 1)
                return false;
        } else if (sent < 0) {
            return false;
        } else {
            text += sent;
            len -= (size_t)sent;
        }
    }
    return true;
}

bool client_ask(struct crowd *crowd, struct client *client, const char *text, size_t len)
{
    if (client->state != CLIENT_IDLE || !ready_answer(client))
        return false;
    if (!send_all(client->fd, text, len)) {
        broke(crowd, client);
        return false;
    }
    client->state = CLIENT_ASKING;
    return true;
}

static void complete(struct crowd *crowd, struct client *client)
{
    const struct answer *answer = &client->answer;
    if (answer->status >= 100 && answer->status < 600)
        crowd->answers[client->role][answer->status]++;
    client->state = CLIENT_IDLE;
    client_arrived(crowd, client);
    if (answer->closes) {
        client_hang_up(crowd, client);
        client_come(crowd, client);
    }
    crowd->answered(crowd->context, client);
}

static void readable(struct crowd *crowd, struct client *client)
{
    static char inbox[65536];
    ssize_t got = recv(client->fd, inbox, sizeof inbox, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || client->state != CLIENT_ASKING ||
        answer_feed(&client->answer, inbox, (size_t)got) < (size_t)got ||
        client->answer.stage == ANSWER_BROKEN)
        broke(crowd, client);
    else if (client->answer.stage == ANSWER_COMPLETE)
        complete(crowd, client);
}

void crowd_turn(struct crowd *crowd, int milliseconds)
{
    struct epoll_event events[EVENTS];
    begin_some(crowd);
    int count = epoll_wait(crowd->epoll, events, EVENTS, milliseconds);
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        crowd->now = nanos_now();
        if (client->state == CLIENT_CONNECTING)
            connect_done(crowd, client);
        else if (client->fd >= 0)
            readable(crowd, client);
    }
    crowd->now = nanos_now();
}
