#include "send.h"

#include <errno.h>
#include <sys/socket.h>

#include "record.h"

static enum sent send_pieces(int fd, struct iovec *pieces, int count, size_t *sent)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    ssize_t n;
    do
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? SENT_PART : SENT_BROKEN;
    *sent += (size_t)n;
    return SENT_ALL;
}

bool send_protocol(int fd, struct text bytes)
{
    ssize_t n = send(fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n == (ssize_t)bytes.len;
}

enum sent send_reply(int fd, uint16_t id, const struct reply *reply, size_t *sent)
{
    size_t len = record_reply_len(reply);
    while (*sent < len) {
        struct record_work work;
        struct iovec pieces[RECORD_PIECES];
        int count = record_reply_pieces(reply, id, *sent, &work, pieces);
        enum sent result = send_pieces(fd, pieces, count, sent);
        if (result != SENT_ALL)
            return result;
    }
    return SENT_ALL;
}
