/* SPDX-License-Identifier: ISC */
/*
 * Accepts without blocking and without spinning: what accept4() says is sorted into "go
 * on", "nothing there" and "no means for it at the moment".
 */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgiwait/log.h"
#include "fcgiwait/text.h"

/* A web server that is silent for so long is asked for, so often. In seconds. */
#define MISSED_AFTER 60
#define ASKED_EVERY 10
#define ASKED_TIMES 6
#define MISSED_WITHIN (MISSED_AFTER + ASKED_EVERY * ASKED_TIMES)

/* O_NONBLOCK belongs to everybody who has the socket, and others take it off: systemd
 * does with each command of the unit that it runs, a reload say. */
static bool unblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 &&
           ((flags & O_NONBLOCK) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

bool listener_open(struct listener *listener, int fd, int queue, const char *addresses)
{
    int family;
    socklen_t len = sizeof family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) != 0)
        return false;
    *listener = (struct listener){fd, addresses, family != AF_UNIX};
    /* the kernel caps it at net.core.somaxconn */
    return unblock(fd) && listen(fd, queue > 0 ? queue : INT_MAX) == 0;
}

union peer {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage largest;
};

/* Whether a list of addresses, separated by commas, has this one (FastCGI
 * section 3.2). */
static bool is_listed(const char *list, const char *address)
{
    struct text rest = text_of(list), one;
    while (text_cut(&rest, ',', &one))
        if (text_is(text_trim(one), text_of(address)))
            return true;
    return false;
}

static bool may_connect(const struct listener *listener, const union peer *peer,
                        char address[INET6_ADDRSTRLEN])
{
    const void *at = &peer->in.sin_addr;
    int family = peer->any.sa_family;
    if (listener->addresses == NULL || (family != AF_INET && family != AF_INET6))
        return true;
    if (family == AF_INET6) {
        at = &peer->in6.sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&peer->in6.sin6_addr)) {
            at = (const char *)at + 12;
            family = AF_INET;
        }
    }
    return inet_ntop(family, at, address, INET6_ADDRSTRLEN) != NULL &&
           is_listed(listener->addresses, address);
}

/* That connection is gone already (accept(2)): the next one may not be. */
static bool is_passing(int error)
{
    static const int errors[] = {ECONNABORTED, EINTR,       EPROTO, ENETDOWN,
                                 ENOPROTOOPT,  EHOSTDOWN,   ENONET, EHOSTUNREACH,
                                 EOPNOTSUPP,   ENETUNREACH, EPERM,  ETIMEDOUT};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i] == error)
            return true;
    return false;
}

static void set_option(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

/* Sends without delay, and misses a web server that has lost its power or its way to us:
 * one that says nothing any more keeps no descriptor. Nobody is asked for while something
 * is on the way to them: what is not acknowledged counts then, and so does what they
 * have no room for. */
static void prepare_tcp(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, MISSED_AFTER);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, ASKED_EVERY);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, ASKED_TIMES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, MISSED_WITHIN * 1000);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

enum accepted listener_accept(const struct listener *listener, int *fd)
{
    for (;;) {
        union peer peer = {.any.sa_family = AF_UNSPEC};
        char address[INET6_ADDRSTRLEN] = "";
        socklen_t len = sizeof peer;
        unblock(listener->fd);
        *fd = accept4(listener->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (*fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return ACCEPTED_NONE;
        if (*fd < 0 && is_passing(errno))
            continue;
        if (*fd < 0)
            return ACCEPTED_LACK;
        if (may_connect(listener, &peer, address))
            break;
        log_warn("a connection from %s, outside FCGI_WEB_SERVER_ADDRS, was turned away",
                 address);
        close(*fd);
    }
    if (listener->is_tcp)
        prepare_tcp(*fd);
    return ACCEPTED;
}
