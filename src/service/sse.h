/* SPDX-License-Identifier: ISC */
/*
 * sse: server-sent events, as EventSource reads them (WHATWG HTML, section 9.2). Private
 * to the service; pure framing: what is told is the caller's business.
 *
 * Each function returns how many bytes the event has, and writes them where `out` is not
 * NULL. Events are whole, with the empty line that ends them.
 */
#ifndef FCGIWAIT_SERVICE_SSE_H
#define FCGIWAIT_SERVICE_SSE_H

#include "fcgiwait/telling.h"

/* A comment: nobody hears it, but the connection is known to live. */
#define SSE_HEARTBEAT ":\n\n"

/* The first bytes: a comment, and how long to wait before coming back. */
size_t sse_opening(unsigned retry_ms, char *out);

/* A message event, whose data has as many lines as the document. A line ends with CR, LF
 * or both, and is heard with LF. */
size_t sse_message(uint64_t index, struct text data, char *out);

/* An event of another name. Without data it would not be heard. */
size_t sse_named(struct text name, uint64_t index, struct text data, char *out);

/* The one or the other (`name` empty), in memory that is just large enough. NULL: out of
 * memory. */
struct chunk *sse_chunk(struct text name, uint64_t index, struct text data);

/* --- in a telling --- */

/* What a client is to drop before it reads on. It has no id: who did not hear what
 * follows comes back with an old one. */
#define SSE_RESET "event: reset\ndata: {\"reset\": true}\n\n"

/* A message event of one line, but for its id and its end. */
void sse_change(struct telling *telling, const struct told *told);
void sse_id(struct telling *telling, uint64_t id);
void sse_end(struct telling *telling);

/* All that was missed has been told. */
void sse_current(struct telling *telling, uint64_t index);

#endif
