/* SPDX-License-Identifier: ISC */
#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"
#include "stack.h"

#define PATIENCE 100.0 /* seconds */
#define EVENTS 512

/* --- coming and going --- */

static void connect_client(struct clients *clients, struct client *client)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)clients->port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int yes = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(client->fd >= 0, "socket: %s", strerror(errno));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    must(connect(client->fd, (struct sockaddr *)&server, sizeof server) == 0,
         "connect: %s", strerror(errno));
    must(epoll_ctl(clients->epoll, EPOLL_CTL_ADD, client->fd, &event) == 0, "epoll_ctl");
    client->state = CLIENT_IDLE;
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void clients_open(struct clients *clients, int port, size_t count)
{
    *clients = (struct clients){.port = port, .count = count};
    clients->clients = calloc(count, sizeof *clients->clients);
    clients->epoll = epoll_create1(EPOLL_CLOEXEC);
    must(clients->clients != NULL && clients->epoll >= 0, "no room for the clients");
    allow_descriptors();
    for (size_t i = 0; i < count; i++)
        connect_client(clients, &clients->clients[i]);
}

void client_hang_up(struct clients *clients, struct client *client)
{
    if (client->state == CLIENT_AWAY)
        return;
    clients->asking -= client->state == CLIENT_ASKING;
    close(client->fd);
    client->state = CLIENT_AWAY;
}

void clients_hang_up(struct clients *clients)
{
    for (size_t i = 0; i < clients->count; i++)
        client_hang_up(clients, &clients->clients[i]);
}

void clients_close(struct clients *clients)
{
    clients_hang_up(clients);
    for (size_t i = 0; i < clients->count; i++)
        free(clients->clients[i].inbox);
    free(clients->clients);
    close(clients->epoll);
}

/* --- asking --- */

void client_ask(struct clients *clients, struct client *client, const char *path)
{
    char text[512];
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path);
    if (client->state == CLIENT_AWAY)
        connect_client(clients, client);
    must(send(client->fd, text, (size_t)len, MSG_NOSIGNAL) == len || errno == EPIPE ||
             errno == ECONNRESET,
         "send: %s", strerror(errno));
    client->state = CLIENT_ASKING;
    client->status = 0;
    client->len = 0;
    clients->asking++;
}

void clients_ask(struct clients *clients, const char *path)
{
    for (size_t i = 0; i < clients->count; i++)
        if (clients->clients[i].state != CLIENT_ASKING)
            client_ask(clients, &clients->clients[i], path);
}

/* --- answers --- */

/* The value of a header in the head, which ends at `end`; NULL where there is none. */
static const char *header(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = head; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " ");
    return NULL;
}

static bool has_body(long status)
{
    return status != 204 && status != 304;
}

static void complete(struct clients *clients, struct client *client, const char *end)
{
    const char *index = header(client->inbox, end, "X-Polling-Index");
    const char *closes = header(client->inbox, end, "Connection");
    must(client->status >= 100 && client->status < 600, "status %ld", client->status);
    clients->answers[client->status]++;
    clients->asking--;
    client->state = CLIENT_IDLE;
    if (index != NULL)
        snprintf(client->index, sizeof client->index, "%.*s", (int)strcspn(index, "\r"),
                 index);
    if (closes != NULL && strncasecmp(closes, "close", 5) == 0)
        client_hang_up(clients, client);
}

/* Looks whether the answer is whole. One with neither a length nor chunks would go on
 * until the connection ends: nginx sends no such thing to an HTTP/1.1 client here. */
static void look(struct clients *clients, struct client *client)
{
    const char *end = strstr(client->inbox, "\r\n\r\n");
    if (end == NULL)
        return;
    const char *length = header(client->inbox, end, "Content-Length");
    long status = atol(client->inbox + strlen("HTTP/1.1 "));
    size_t body = client->len - (size_t)(end + 4 - client->inbox);
    must(!has_body(status) || length != NULL, "an answer without a length");
    if (has_body(status) && body < strtoul(length, NULL, 10))
        return;
    client->status = status;
    complete(clients, client, end);
}

static void make_room(struct client *client)
{
    if (client->capacity - client->len > 1024)
        return;
    client->capacity = client->capacity == 0 ? 2048 : 2 * client->capacity;
    client->inbox = realloc(client->inbox, client->capacity);
    must(client->inbox != NULL, "no room for an answer");
}

static void readable(struct clients *clients, struct client *client)
{
    make_room(client);
    ssize_t len = recv(client->fd, client->inbox + client->len,
                       client->capacity - client->len - 1, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        clients->lost += client->state == CLIENT_ASKING;
        client_hang_up(clients, client);
        return;
    }
    must(client->state == CLIENT_ASKING, "an answer that nobody asked for");
    client->len += (size_t)len;
    client->inbox[client->len] = '\0';
    look(clients, client);
}

void clients_turn(struct clients *clients, int milliseconds)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(clients->epoll, events, EVENTS, milliseconds);
    for (int i = 0; i < count; i++)
        readable(clients, events[i].data.ptr);
}

void clients_await(struct clients *clients)
{
    for (double start = seconds_now(); clients->asking > 0; clients_turn(clients, 100))
        must(seconds_now() - start < PATIENCE, "%zu of %zu clients have no answer",
             clients->asking, clients->count);
}
