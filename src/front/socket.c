/* SPDX-License-Identifier: ISC */
/*
 * libfcgi opens the socket (FCGX_OpenSocket), but it removes whatever lies at the path
 * and ends the process where it can't go on: so everything it would stumble over is
 * looked at before.
 */
#include "fcgiwait/socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "fcgiwait/text.h"

/* As much as net.core.somaxconn allows by default: a burst of clients waits in it. */
#define BACKLOG 4096
#define BACKLOG_MOST 65535
#define PATH_MOST (sizeof((struct sockaddr_un *)0)->sun_path - 1)
#define HOST_MOST 255

struct complaint {
    const char *address;
    char *text;
    size_t capacity;
};

static bool complain(const struct complaint *error, const char *why)
{
    snprintf(
        error->text, error->capacity,
        "-s %s: %s; give a path, as in -s /run/fcgiwait/fcgiwait.sock, or an address, "
        "as in -s 127.0.0.1:9000",
        error->address, why);
    return false;
}

/* --- unix --- */

static bool is_served(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; /* it can't be told */
    memcpy(address.sun_path, path, strlen(path));
    bool served = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ||
                  errno != ECONNREFUSED;
    close(fd);
    return served;
}

/* Whether a socket can be made there. */
static bool check_place(const char *path, const struct complaint *error)
{
    struct stat file;
    char folder[PATH_MOST + 1];
    strcpy(folder, path);
    *(strrchr(folder, '/') + 1) = '\0';
    if (access(folder, W_OK | X_OK) != 0)
        return complain(error, strerror(errno));
    if (lstat(path, &file) != 0)
        return errno == ENOENT || complain(error, strerror(errno));
    if (!S_ISSOCK(file.st_mode))
        return complain(error, "there is a file of another kind");
    if (is_served(path))
        return complain(error, "somebody serves it already");
    return true;
}

/* As libfcgi decides it, wherever in a path the colon is. */
static bool is_port(const char *colon)
{
    return colon != NULL && (short)strtol(colon + 1, NULL, 10) != 0;
}

static bool open_path(struct socket *socket, struct text path, int backlog,
                      const struct complaint *error)
{
    struct stat file;
    char at[PATH_MOST + 1];
    if (path.len > PATH_MOST)
        return complain(error, "the path is too long for a socket");
    memcpy(at, path.at, path.len);
    at[path.len] = '\0';
    if (is_port(strchr(at, ':')))
        return complain(error, "libfcgi takes what is behind the first colon for a port");
    if (!check_place(at, error))
        return false;
    socket->fd = FCGX_OpenSocket(at, backlog);
    if (socket->fd < 0)
        return complain(error, strerror(errno));
    socket->path = strdup(at);
    if (socket->path != NULL && stat(at, &file) == 0) {
        socket->device = file.st_dev;
        socket->inode = file.st_ino;
        socket->made = file.st_mtim;
        return true;
    }
    complain(error, strerror(errno));
    close(socket->fd);
    unlink(at);
    free(socket->path);
    return false;
}

/* --- TCP --- */

/* The address in digits: libfcgi knows IPv4 alone, and ends the process at a name that it
 * can't resolve. */
static bool resolve(struct text host, char digits[NI_MAXHOST],
                    const struct complaint *error)
{
    static const struct addrinfo wanted = {.ai_family = AF_INET,
                                           .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char name[HOST_MOST + 1];
    if (host.len == 0 || text_is(host, TEXT("*"))) {
        strcpy(digits, "0.0.0.0");
        return true;
    }
    if (host.len > HOST_MOST)
        return complain(error, "no host is called that");
    memcpy(name, host.at, host.len);
    name[host.len] = '\0';
    int failed = getaddrinfo(name, NULL, &wanted, &found);
    if (failed != 0)
        return complain(error, gai_strerror(failed));
    failed = getnameinfo(found->ai_addr, found->ai_addrlen, digits, NI_MAXHOST, NULL, 0,
                         NI_NUMERICHOST);
    freeaddrinfo(found);
    return failed == 0 || complain(error, gai_strerror(failed));
}

/* libfcgi ends the process where it can't bind: whether it can is tried before. */
static bool check_port(const char *digits, const char *port,
                       const struct complaint *error)
{
    static const struct addrinfo wanted = {.ai_family = AF_INET,
                                           .ai_socktype = SOCK_STREAM,
                                           .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found;
    int yes = 1;
    if (getaddrinfo(digits, port, &wanted, &found) != 0)
        return complain(error, "that is no address");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool free_port =
        fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
    if (!free_port)
        complain(error, strerror(errno));
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return free_port;
}

static bool open_port(struct socket *socket, struct text host, uint64_t port,
                      const struct complaint *error)
{
    char digits[NI_MAXHOST], number[TEXT_NUMBER + 1],
        address[NI_MAXHOST + TEXT_NUMBER + 2];
    number[text_format(port, number)] = '\0';
    if (!resolve(host, digits, error) || !check_port(digits, number, error))
        return false;
    snprintf(address, sizeof address, "%s:%s", digits, number);
    socket->fd = FCGX_OpenSocket(address, BACKLOG);
    return socket->fd >= 0 || complain(error, strerror(errno));
}

bool socket_open(struct socket *socket, const char *address, char *text, size_t capacity)
{
    const struct complaint error = {address, text, capacity};
    const char *slash = strrchr(address, '/');
    const char *colon = strrchr(slash != NULL ? slash : address, ':');
    struct text before = {address, colon != NULL ? (size_t)(colon - address) : 0};
    uint64_t number;
    *socket = (struct socket){.fd = -1};
    if (slash == NULL && colon == NULL)
        return complain(&error, "this is neither");
    if (slash != NULL && colon == NULL)
        return open_path(socket, text_of(address), BACKLOG, &error);
    if (!text_number(text_of(colon + 1), BACKLOG_MOST, &number) || number == 0)
        return complain(
            &error, slash != NULL ? "behind the path is no length of a queue (1 to 65535)"
                                  : "behind the colon is no port (1 to 65535)");
    if (slash == NULL)
        return open_port(socket, before, number, &error);
    socket->queue = (int)number;
    return open_path(socket, before, socket->queue, &error);
}

static bool is_ours(const struct socket *socket, const struct stat *file)
{
    return file->st_dev == socket->device && file->st_ino == socket->inode &&
           file->st_mtim.tv_sec == socket->made.tv_sec &&
           file->st_mtim.tv_nsec == socket->made.tv_nsec;
}

void socket_refuse(struct socket *socket)
{
    if (socket->fd >= 0)
        close(socket->fd);
    socket->fd = -1;
}

void socket_close(struct socket *socket)
{
    struct stat file;
    socket_refuse(socket);
    if (socket->path != NULL && lstat(socket->path, &file) == 0 && is_ours(socket, &file))
        unlink(socket->path);
    free(socket->path);
    socket->path = NULL;
}
