/* SPDX-License-Identifier: ISC */
/*
 * Lines of log_level "debug". A request is told by its number, since whoever answers it
 * does not know its path any more. Anything that a client chose may stand in a line: the
 * log masks what would forge one, and cuts one that is long: what is looked for by others
 * stands before the path.
 */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>

#include "fcgiwait/duration.h"
#include "fcgiwait/log.h"
#include "fcgiwait/traceparent.h"

#define PART (sizeof ", index " + TEXT_NUMBER)

static const char *index_part(const struct operation *operation, char part[PART])
{
    if (!operation->has_index)
        return "";
    if (operation->index == INDEX_NONE)
        return ", an index of somebody else";
    snprintf(part, PART, ", index %" PRIu64, operation->index);
    return part;
}

void trace_asked(const struct request *request, const struct operation *operation)
{
    char part[PART], wait[DURATION_TEXT];
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    struct text trace = traceparent_id(operation->traceparent);
    struct text method = method_name(operation->method);
    duration_format(operation->wait, wait);
    log_debug("request %" PRIu32 ": %s%.*s%s%.*s %.*s%s%s%s%s", request->number,
              trace.len > 0 ? "trace " : "", (int)trace.len, trace.at,
              trace.len > 0 ? ", " : "", (int)method.len, method.at,
              (int)operation->path.len, operation->path.at, index_part(operation, part),
              operation->has_wait ? ", wait " : "", operation->has_wait ? wait : "",
              operation->has_wait ? " s" : "");
}

void trace_held(const struct request *request, struct instant deadline)
{
    char span[DURATION_TEXT];
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    duration_format(deadline.at - request->since.at, span);
    log_debug("request %" PRIu32 ": held on index %" PRIu64 " for %s s", request->number,
              request->index, span);
}

/* "", or " after 12.034 s" where it was held. */
static const char *after(const struct request *request, char text[DURATION_TEXT + 16])
{
    char span[DURATION_TEXT];
    if (request->since.at == 0)
        return "";
    duration_format(clock_now().at - request->since.at, span);
    snprintf(text, DURATION_TEXT + 16, " after %s s", span);
    return text;
}

void trace_replied(const struct request *request, const struct reply *reply)
{
    char text[DURATION_TEXT + 16], index[PART] = "";
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    if (reply->index > 0)
        snprintf(index, sizeof index, ", index %" PRIu64, reply->index);
    log_debug("request %" PRIu32 ": %d%s%s", request->number, reply->status,
              after(request, text), index);
}

void trace_stream_ended(const struct request *request)
{
    char text[DURATION_TEXT + 16];
    if (log_wants(LOG_LEVEL_DEBUG))
        log_debug("request %" PRIu32 ": stream ended%s", request->number,
                  after(request, text));
}

void trace_hung_up(const struct request *request)
{
    char text[DURATION_TEXT + 16];
    if (log_wants(LOG_LEVEL_DEBUG))
        log_debug("request %" PRIu32 ": hung up%s", request->number,
                  after(request, text));
}
