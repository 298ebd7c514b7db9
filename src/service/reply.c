/* SPDX-License-Identifier: ISC */
/*
 * reply: header blocks, line by line, into the reply's own bytes. A new header line that
 * a stranger's text goes into needs a bound on that text, or it ends in a 500.
 */
#include "fcgiwait/reply.h"

#include <stdlib.h>

#include "fcgiwait/date.h"
#include "fcgiwait/etag.h"
#include "fcgiwait/log.h"
#include "fcgiwait/prefer.h"

static void add(struct reply *reply, struct text t)
{
    if (t.len > REPLY_HEAD - reply->head_len) {
        reply->overflows = true;
        return;
    }
    memcpy(reply->head + reply->head_len, t.at, t.len);
    reply->head_len += t.len;
}

static void add_line(struct reply *reply, struct text name, struct text value)
{
    add(reply, name);
    add(reply, value);
    add(reply, TEXT("\r\n"));
}

static void add_number(struct reply *reply, struct text name, uint64_t value)
{
    char digits[TEXT_NUMBER];
    add_line(reply, name, (struct text){digits, text_format(value, digits)});
}

static void begin(struct reply *reply, int status)
{
    char digits[TEXT_NUMBER];
    reply->status = status;
    reply->index = 0;
    reply->head_len = 0;
    reply->overflows = false;
    reply->body = (struct text){NULL, 0};
    reply->document = NULL;
    reply->chunk = NULL;
    reply->own = NULL;
    add(reply, TEXT("Status: "));
    add(reply, (struct text){digits, text_format((uint64_t)status, digits)});
    add_line(reply, TEXT(" "), text_of(problem_title(status)));
}

/* A reply without one of its headers says something else: better none. */
static void give_up(struct reply *reply)
{
    int status = reply->status;
    reply_dispose(reply);
    log_error("a reply with status %d does not fit its %d bytes of header lines", status,
              REPLY_HEAD);
    begin(reply, 500);
    add(reply, TEXT("Cache-Control: no-store\r\nContent-Length: 0\r\n\r\n"));
}

static void finish(struct reply *reply)
{
    add(reply, TEXT("\r\n"));
    if (reply->overflows)
        give_up(reply);
}

static void add_body(struct reply *reply, struct text body, bool head_only)
{
    add_number(reply, TEXT("Content-Length: "), body.len);
    if (!head_only)
        reply->body = body;
}

static void add_index(struct reply *reply, uint64_t index, bool tagged)
{
    char tag[ETAG_TEXT];
    size_t len = etag_format(index, tag);
    reply->index = index;
    add_line(reply, TEXT("X-Polling-Index: "), (struct text){tag + 1, len - 2});
    if (tagged)
        add_line(reply, TEXT("ETag: "), (struct text){tag, len});
}

/* What every 200, 304 and 404 to a reader carries. */
static void add_reading(struct reply *reply, uint64_t index,
                        const struct reply_options *options)
{
    add_index(reply, index, !options->behind_origin);
    if (options->cache_control[0] != '\0')
        add_line(reply, TEXT("Cache-Control: "), text_of(options->cache_control));
    add(reply, TEXT("Vary: Prefer\r\n"));
    if (options->applied >= 0) {
        char line[PREFER_APPLIED];
        add(reply, (struct text){line, prefer_applied(options->applied, line)});
    }
    if (options->minimal)
        add(reply, TEXT("Preference-Applied: return=minimal\r\n"));
}

static void add_modified(struct reply *reply, nanos at)
{
    char date[DATE_TEXT];
    date_format(at, date);
    add_line(reply, TEXT("Last-Modified: "), (struct text){date, sizeof date});
}

static void add_problem(struct reply *reply, const struct problem *problem,
                        bool head_only)
{
    char text[PROBLEM_TEXT];
    size_t len = problem_render(problem, text);
    add(reply, TEXT("Content-Type: application/problem+json\r\n"));
    reply->own = malloc(len);
    if (reply->own != NULL) /* without memory the status has to say it all */
        memcpy(reply->own, text, len);
    add_body(reply, (struct text){reply->own, reply->own != NULL ? len : 0}, head_only);
}

static void reply_missing(struct reply *reply, uint64_t index,
                          const struct reply_options *options)
{
    static const struct problem missing = {
        404, "There is no such resource now. Ask again with this index to wait for it."};
    begin(reply, 404);
    add_reading(reply, index, options);
    add_problem(reply, &missing, options->head_only);
    finish(reply);
}

void reply_present(struct reply *reply, const struct present *present,
                   const struct reply_options *options)
{
    struct document *document = present->document;
    if (document == NULL) {
        reply_missing(reply, present->index, options);
        return;
    }
    begin(reply, 200);
    add_reading(reply, present->index, options);
    add_line(reply, TEXT("Content-Type: "), document->type);
    add_modified(reply, present->changed);
    add_body(reply, document->body, options->head_only);
    reply->document = document_ref(document);
    finish(reply);
}

void reply_unchanged(struct reply *reply, uint64_t index,
                     const struct reply_options *options)
{
    begin(reply, 304);
    add_reading(reply, index, options);
    finish(reply);
}

void reply_told(struct reply *reply, uint64_t index, struct chunk *told,
                const struct reply_options *options)
{
    begin(reply, 200);
    add_reading(reply, index, options);
    add(reply, TEXT("Content-Type: application/json\r\n"));
    add_body(reply, chunk_text(told), options->head_only);
    reply->chunk = chunk_ref(told);
    finish(reply);
}

void reply_redirect(struct reply *reply, uint64_t index, char *target,
                    const struct reply_options *options)
{
    begin(reply, 200);
    add_reading(reply, index, options);
    reply->own = target;
    reply->body = text_of(target);
    if (reply->overflows)
        give_up(reply);
}

void reply_passed(struct reply *reply, char *target)
{
    begin(reply, 200);
    reply->own = target;
    reply->body = text_of(target);
}

/* Without a length: how long it lasts nobody knows. nginx hands each piece on as it comes
 * where it is told so (X-Accel-Buffering). */
void reply_stream(struct reply *reply, uint64_t index, const char *type, bool minimal,
                  char *opening, size_t len)
{
    begin(reply, 200);
    add_index(reply, index, false);
    add(reply, TEXT("Cache-Control: no-store\r\n"
                    "X-Accel-Buffering: no\r\n"
                    "Vary: Accept, Prefer\r\n"));
    add_line(reply, TEXT("Content-Type: "), text_of(type));
    if (minimal)
        add(reply, TEXT("Preference-Applied: return=minimal\r\n"));
    finish(reply);
    reply->own = opening;
    reply->body = (struct text){opening, opening != NULL ? len : 0};
}

void reply_published(struct reply *reply, int status, uint64_t index)
{
    begin(reply, status);
    add_index(reply, index, true);
    if (status == 201)
        add(reply, TEXT("Content-Length: 0\r\n"));
    finish(reply);
}

void reply_reported(struct reply *reply, uint64_t index)
{
    begin(reply, 204);
    add_index(reply, index, false);
    finish(reply);
}

void reply_kept(struct reply *reply, int status)
{
    begin(reply, status);
    if (status == 202)
        add(reply, TEXT("Content-Length: 0\r\n"));
    finish(reply);
}

void reply_problem(struct reply *reply, const struct problem *problem, const char *extra,
                   bool head_only)
{
    begin(reply, problem->status);
    add(reply, TEXT("Cache-Control: no-store\r\n"));
    if (extra != NULL)
        add(reply, text_of(extra));
    add_problem(reply, problem, head_only);
    finish(reply);
}

void reply_allow(struct reply *reply, const char *allow, const char *extra)
{
    begin(reply, 204);
    add(reply, text_of(allow));
    if (extra != NULL)
        add(reply, text_of(extra));
    finish(reply);
}

void reply_bytes(struct reply *reply, const char *type, char *bytes, size_t len,
                 bool head_only)
{
    if (bytes == NULL) {
        reply_problem(reply, &(struct problem){503, "Out of memory; try again."},
                      "Retry-After: 1\r\n", head_only);
        return;
    }
    begin(reply, 200);
    add(reply, TEXT("Cache-Control: no-store\r\n"));
    add_line(reply, TEXT("Content-Type: "), text_of(type));
    add_body(reply, (struct text){bytes, len}, head_only);
    reply->own = bytes;
    finish(reply);
}

void reply_file(struct reply *reply, const char *type, struct text bytes,
                const char *extra, bool head_only)
{
    begin(reply, 200);
    add(reply, TEXT("Cache-Control: no-store\r\n"));
    add(reply, text_of(extra));
    add_line(reply, TEXT("Content-Type: "), text_of(type));
    add_body(reply, bytes, head_only);
    finish(reply);
}

void reply_dispose(struct reply *reply)
{
    document_unref(&reply->document);
    chunk_unref(&reply->chunk);
    free(reply->own);
    reply->own = NULL;
}
