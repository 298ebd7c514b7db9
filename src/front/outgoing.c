/* SPDX-License-Identifier: ISC */
/*
 * A reply is a large struct and a chunk a pointer: memory is taken for the one that is
 * there. Nothing here knows connections.
 */
#include "outgoing.h"

#include <stdlib.h>
#include <string.h>

#define AFTER_MOST 128

struct outgoing {
    struct chunk *chunk; /* a reference, or NULL */
    bool ends, has_reply;
    size_t sent;
    size_t after_len; /* what follows it */
    char after[AFTER_MOST];
    struct reply reply[]; /* owned, where there is one */
};

struct content outgoing_content(const struct piece *piece)
{
    struct content content = {.ends = piece->ends};
    if (piece->reply != NULL) {
        content.head = (struct text){piece->reply->head, piece->reply->head_len};
        content.body = piece->reply->body;
    } else if (piece->chunk != NULL) {
        content.body = chunk_text(piece->chunk);
    }
    return content;
}

struct outgoing *outgoing_keep(const struct piece *piece, size_t sent)
{
    bool has_reply = piece->reply != NULL;
    struct outgoing *outgoing =
        malloc(sizeof *outgoing + (has_reply ? sizeof *piece->reply : 0));
    if (outgoing == NULL)
        return NULL;
    outgoing->chunk = piece->chunk != NULL ? chunk_ref(piece->chunk) : NULL;
    outgoing->ends = piece->ends;
    outgoing->has_reply = has_reply;
    outgoing->sent = sent;
    outgoing->after_len = 0;
    if (has_reply)
        *outgoing->reply = *piece->reply;
    return outgoing;
}

void outgoing_free(struct outgoing **pointer)
{
    struct outgoing *outgoing = *pointer;
    *pointer = NULL;
    if (outgoing == NULL)
        return;
    if (outgoing->has_reply)
        reply_dispose(outgoing->reply);
    chunk_unref(&outgoing->chunk);
    free(outgoing);
}

enum sent outgoing_send(struct outgoing *outgoing, int fd, uint16_t id, bool *progress)
{
    struct piece piece = {outgoing->has_reply ? outgoing->reply : NULL, outgoing->chunk,
                          outgoing->ends};
    struct content content = outgoing_content(&piece);
    size_t before = outgoing->sent;
    enum sent result = send_content(fd, id, &content, &outgoing->sent);
    *progress = outgoing->sent > before;
    /* The socket has just taken more than what is to follow. */
    if (result == SENT_ALL && outgoing->after_len > 0 &&
        !send_protocol(fd, (struct text){outgoing->after, outgoing->after_len}))
        return SENT_BROKEN;
    return result;
}

bool outgoing_add(struct outgoing *outgoing, struct text bytes)
{
    if (bytes.len > AFTER_MOST - outgoing->after_len)
        return false;
    memcpy(outgoing->after + outgoing->after_len, bytes.at, bytes.len);
    outgoing->after_len += bytes.len;
    return true;
}
