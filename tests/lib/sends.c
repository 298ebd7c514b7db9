/* SPDX-License-Identifier: ISC */
#include "sends.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

static sends_allow_fn *_Atomic allowed;

void sends_limit(sends_allow_fn *allow)
{
    allowed = allow;
}

static ssize_t ask(size_t len)
{
    sends_allow_fn *allow = allowed;
    return allow != NULL ? allow(len) : (ssize_t)len;
}

ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    if ((flags & MSG_DONTWAIT) == 0)
        return __real_send(fd, bytes, len, flags);
    ssize_t most = ask(len);
    return most < 0 ? most : __real_send(fd, bytes, (size_t)most, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct msghdr shorter = *message;
    struct iovec first = {message->msg_iov[0].iov_base, 1};
    ssize_t most = ask(SIZE_MAX / 2);
    if (most < 0)
        return most;
    if (most == 1) {
        shorter.msg_iov = &first;
        shorter.msg_iovlen = 1;
    }
    return __real_sendmsg(fd, &shorter, flags);
}
