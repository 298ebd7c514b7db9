/* SPDX-License-Identifier: ISC */
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
#define SMALL_BODY 192   /* as far as the number in a document, in a list as well */
#define LARGE_BODY 16384 /* a status document */

nanos nanos_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (nanos)now.tv_sec * NANOS_PER_SECOND + (nanos)now.tv_nsec;
}

bool clients_open(struct clients *clients, const char *host, int port, size_t count)
{
    clients->server.sin_family = AF_INET;
    clients->server.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &clients->server.sin_addr) != 1)
        return false;
    clients->count = count;
    clients->clients = calloc(count, sizeof *clients->clients);
    clients->queue = calloc(count, sizeof *clients->queue);
    clients->epoll = epoll_create1(EPOLL_CLOEXEC);
    clients->now = nanos_now();
    if (clients->clients == NULL || clients->queue == NULL || clients->epoll < 0)
        return false;
    for (size_t i = 0; i < count; i++)
        clients->clients[i].fd = -1;
    return true;
}

void clients_close(struct clients *clients)
{
    for (size_t i = 0; i < clients->count; i++) {
        if (clients->clients[i].fd >= 0)
            close(clients->clients[i].fd);
        free(clients->clients[i].answer.body);
    }
    free(clients->clients);
    free(clients->queue);
    close(clients->epoll);
}

/* --- coming and going --- */

void client_arrived(struct clients *clients, struct client *client)
{
    if (client->arriving)
        clients->arriving--;
    client->arriving = false;
}

void client_come(struct clients *clients, struct client *client)
{
    if (client->state != CLIENT_AWAY)
        return;
    size_t end = (clients->queue_head + clients->queue_len++) % clients->count;
    clients->queue[end] = (uint32_t)(client - clients->clients);
    client->state = CLIENT_QUEUED;
}

void client_hang_up(struct clients *clients, struct client *client)
{
    if (client->fd < 0)
        return;
    close(client->fd);
    client->fd = -1;
    client->state = CLIENT_AWAY;
    client_arrived(clients, client);
}

static void broke(struct clients *clients, struct client *client)
{
    clients->broken++;
    client_hang_up(clients, client);
    client_come(clients, client);
}

static void connected(struct clients *clients, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(clients->epoll, EPOLL_CTL_MOD, client->fd, &event);
    client->state = CLIENT_IDLE;
    clients->connected++;
    clients->ready(clients->context, client);
}

static void refused(struct clients *clients, struct client *client)
{
    clients->refused++;
    clients->pause = clients->now + REFUSED_PAUSE;
    client_hang_up(clients, client);
    client_come(clients, client);
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

static bool in_loopback(const struct clients *clients)
{
    return ntohl(clients->server.sin_addr.s_addr) >> 24 == 127;
}

static void begin(struct clients *clients, struct client *client)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
    client->fd = in_loopback(clients)
                     ? socket_from(client->number)
                     : socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    client->state = CLIENT_CONNECTING;
    client->arriving = true;
    clients->arriving++;
    if (client->fd < 0) { /* no descriptor: later */
        client->state = CLIENT_AWAY;
        client_arrived(clients, client);
        refused(clients, client);
        return;
    }
    int failed = connect(client->fd, (const struct sockaddr *)&clients->server,
                         sizeof clients->server);
    if ((failed && errno != EINPROGRESS) ||
        epoll_ctl(clients->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        refused(clients, client);
}

static void begin_some(struct clients *clients)
{
    while (clients->queue_len > 0 && clients->arriving < ARRIVING_MOST &&
           clients->now >= clients->pause) {
        struct client *client = &clients->clients[clients->queue[clients->queue_head]];
        clients->queue_head = (clients->queue_head + 1) % clients->count;
        clients->queue_len--;
        begin(clients, client);
    }
}

static void connect_done(struct clients *clients, struct client *client)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
        refused(clients, client);
    else
        connected(clients, client);
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

bool client_ask(struct clients *clients, struct client *client, const char *text,
                size_t len)
{
    if (client->state != CLIENT_IDLE || !ready_answer(client))
        return false;
    if (!send_all(client->fd, text, len)) {
        broke(clients, client);
        return false;
    }
    client->state = CLIENT_ASKING;
    return true;
}

static void complete(struct clients *clients, struct client *client)
{
    const struct answer *answer = &client->answer;
    if (answer->status >= 100 && answer->status < 600)
        clients->answers[client->role][answer->status]++;
    client->state = CLIENT_IDLE;
    client_arrived(clients, client);
    if (answer->closes) {
        client_hang_up(clients, client);
        client_come(clients, client);
    }
    clients->answered(clients->context, client);
}

/* False where there is more than an answer, or nonsense. */
static bool take(struct clients *clients, struct client *client, const char *bytes,
                 size_t len)
{
    struct answer *answer = &client->answer;
    for (size_t used = 0; used < len;) {
        if (answer->stage >= ANSWER_COMPLETE)
            return false;
        used += answer_feed(answer, bytes + used, len - used);
        if (answer->streams && answer->stage > ANSWER_HEADER && client->arriving) {
            clients->answers[client->role][answer->status]++;
            client_arrived(clients, client);
        }
        if (answer->has_line) {
            clients->told(clients->context, client);
            answer_next_line(answer);
        }
    }
    return answer->stage != ANSWER_BROKEN;
}

static void readable(struct clients *clients, struct client *client)
{
    static char inbox[65536];
    ssize_t got = recv(client->fd, inbox, sizeof inbox, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || client->state != CLIENT_ASKING ||
        !take(clients, client, inbox, (size_t)got))
        broke(clients, client);
    else if (client->answer.stage == ANSWER_COMPLETE)
        complete(clients, client);
}

void clients_turn(struct clients *clients, int milliseconds)
{
    struct epoll_event events[EVENTS];
    begin_some(clients);
    int count = epoll_wait(clients->epoll, events, EVENTS, milliseconds);
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        clients->now = nanos_now();
        if (client->state == CLIENT_CONNECTING)
            connect_done(clients, client);
        else if (client->fd >= 0)
            readable(clients, client);
    }
    clients->now = nanos_now();
}
