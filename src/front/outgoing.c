/* SPDX-License-Identifier: ISC */
/*
 * What the socket did not take waits here for the poller to say that it takes more. One
 * reply at a time; small words of the protocol queue behind it.
 */
#include "outgoing.h"

#include <stdlib.h>
#include <string.h>

/* Room for what is said while a reply is going out: more than anybody who reads lets
 * gather. */
#define AFTER_MOST 128

struct outgoing {
    struct reply reply; /* owned */
    uint16_t id;
    size_t sent;
    size_t after_len; /* what follows it */
    char after[AFTER_MOST];
};

static struct outgoing *keep(uint16_t id, const struct reply *reply, size_t sent)
{
    struct outgoing *out = malloc(sizeof *out);
    if (out == NULL)
        return NULL;
    out->reply = *reply;
    out->id = id;
    out->sent = sent;
    out->after_len = 0;
    return out;
}

enum sent outgoing_send(struct outgoing **out, int fd, uint16_t id,
                        const struct reply *reply)
{
    size_t sent = 0;
    enum sent result = send_reply(fd, id, reply, &sent);
    if (result != SENT_PART)
        return result;
    *out = keep(id, reply, sent);
    return *out != NULL ? SENT_PART : SENT_BROKEN;
}

/* What was said meanwhile; the socket has just taken more than that. */
static bool send_after(const struct outgoing *out, int fd)
{
    return out->after_len == 0 ||
           send_protocol(fd, (struct text){out->after, out->after_len});
}

enum sent outgoing_go_on(struct outgoing **pointer, int fd)
{
    struct outgoing *out = *pointer;
    enum sent result = send_reply(fd, out->id, &out->reply, &out->sent);
    if (result != SENT_ALL)
        return result;
    if (!send_after(out, fd))
        return SENT_BROKEN;
    outgoing_free(pointer);
    return SENT_ALL;
}

static bool say_after(struct outgoing *out, struct text bytes)
{
    if (bytes.len > AFTER_MOST - out->after_len)
        return false;
    memcpy(out->after + out->after_len, bytes.at, bytes.len);
    out->after_len += bytes.len;
    return true;
}

bool outgoing_say(struct outgoing *out, int fd, struct text bytes)
{
    return out != NULL ? say_after(out, bytes) : send_protocol(fd, bytes);
}

void outgoing_free(struct outgoing **pointer)
{
    struct outgoing *out = *pointer;
    *pointer = NULL;
    if (out == NULL)
        return;
    reply_dispose(&out->reply);
    free(out);
}
