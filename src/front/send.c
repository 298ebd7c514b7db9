/* SPDX-License-Identifier: ISC */
/*
 * The one place that writes to connections. MSG_DONTWAIT each time: the descriptors'
 * own mode is not relied on.
 */
#include "send.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgiwait/pace.h"

/* What is short goes out in one piece: copying it costs less than several pieces cost the
 * kernel. */
#define SHORT 4096

static ssize_t send_joined(int fd, const struct iovec *pieces, int count)
{
    char bytes[SHORT];
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        memcpy(bytes + len, pieces[i].iov_base, pieces[i].iov_len);
        len += pieces[i].iov_len;
    }
    return send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t send_parted(int fd, struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static enum sent send_pieces(int fd, struct iovec *pieces, int count, bool is_short,
                             size_t *sent)
{
    ssize_t n;
    do
        n = is_short ? send_joined(fd, pieces, count) : send_parted(fd, pieces, count);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? SENT_PART : SENT_BROKEN;
    *sent += (size_t)n;
    return SENT_ALL;
}

bool send_protocol(int fd, struct text bytes)
{
    ssize_t n;
    do
        n = send(fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)bytes.len;
}

enum sent send_content(int fd, uint16_t id, const struct content *content, size_t *sent)
{
    size_t len = record_len(content);
    pace_sent(fd);
    while (*sent < len) {
        struct record_work work;
        struct iovec pieces[RECORD_PIECES];
        int count = record_pieces(content, id, *sent, &work, pieces);
        enum sent result = send_pieces(fd, pieces, count, len <= SHORT, sent);
        if (result != SENT_ALL)
            return result;
    }
    return SENT_ALL;
}
