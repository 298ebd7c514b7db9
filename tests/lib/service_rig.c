/* SPDX-License-Identifier: ISC */
#include "service_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/view.h"
#include "fcgiwait/container.h"
#include "must.h"
#include "tree_rig.h"

#define WORKERS 2

const struct service_rules service_rig_rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                                .wait_max = 60 * NANOS_PER_SECOND,
                                                .max_waiting = 100,
                                                .limit_body = 100,
                                                .limit_path = 20,
                                                .cache_control = "no-store"};

void service_rig_open_over(struct service_rig *service_rig,
                           const struct service_rules *rules,
                           const struct store_options *options)
{
    char error[256];
    struct store_options with_view = *options;
    *service_rig = (struct service_rig){.tree = tree_new(WORKERS)};
    must(service_rig->tree != NULL, "no memory");
    service_rig->room =
        room_open(&(struct room_options){.workers = WORKERS, .tree = service_rig->tree});
    must(service_rig->room != NULL, "no threads");
    with_view.view = view_of(service_rig->tree);
    service_rig->store = store_open(&with_view, error, sizeof error);
    must(service_rig->store != NULL, "%s", error);
    service_rig->service =
        service_open(&(struct service_ground){service_rig->tree, service_rig->room,
                                              service_rig->store, &service_rig->counters},
                     rules);
    must(service_rig->service != NULL, "no memory");
}

void service_rig_open(struct service_rig *service_rig, const struct service_rules *rules)
{
    service_rig_open_over(service_rig, rules, &(struct store_options){.type = "memory"});
}

void service_rig_drain(struct service_rig *service_rig)
{
    service_stop(service_rig->service);
    if (!service_rig->is_drained)
        room_drain(service_rig->room, 0);
    service_rig->is_drained = true;
}

void service_rig_close(struct service_rig *service_rig)
{
    service_rig_drain(service_rig);
    store_close(&service_rig->store);
    room_close(&service_rig->room);
    service_close(&service_rig->service);
    tree_free(&service_rig->tree);
}

int service_rig_setup(void **state)
{
    const struct service_rules *rules = *state;
    *state = malloc(sizeof(struct service_rig));
    must(*state != NULL, "no memory");
    service_rig_open(*state, rules != NULL ? rules : &service_rig_rules);
    return 0;
}

int service_rig_teardown(void **state)
{
    struct service_rig *service_rig = *state;
    service_rig_close(service_rig);
    assert_int_equal(counter_read(&service_rig->counters.waiting), 0);
    free(service_rig);
    return 0;
}

static void keep_head(struct visit *visit, const struct reply *reply)
{
    visit->status = reply->status;
    memcpy(visit->head, reply->head, reply->head_len);
    visit->head[reply->head_len] = '\0';
}

static void keep_body(struct visit *visit, struct text body)
{
    size_t room = VISIT_BODY - 1 - visit->body_len;
    size_t kept = body.len < room ? body.len : room;
    if (kept > 0)
        memcpy(visit->body + visit->body_len, body.at, kept);
    visit->body_len += kept;
    visit->body[visit->body_len] = '\0';
}

static void keep_reply(struct request *request, struct reply *reply)
{
    struct visit *visit = CONTAINER_OF(request, struct visit, request);
    visit->answers++;
    visit->gone = reply == NULL;
    if (reply != NULL) {
        keep_head(visit, reply);
        keep_body(visit, reply->body);
        visit->body_len = reply->body.len;
        reply_dispose(reply);
    }
    sem_post(&visit->answered);
}

/* --- streams --- */

#define PATIENCE_MS 20000

static bool a_millisecond_before(int ms, int most)
{
    const struct timespec span = {.tv_nsec = 1000000};
    return ms < most && nanosleep(&span, NULL) == 0;
}

static enum sent keep_piece(struct visit *visit, const struct reply *head,
                            struct text body)
{
    enum sent sent = SENT_ALL;
    pthread_mutex_lock(&visit->mutex);
    if (visit->broken) {
        sent = SENT_BROKEN;
    } else {
        if (head != NULL)
            keep_head(visit, head);
        keep_body(visit, body);
        visit->pieces++;
        if (visit->takes == 0)
            sent = SENT_PART;
        else if (visit->takes > 0)
            visit->takes--;
    }
    pthread_mutex_unlock(&visit->mutex);
    if (sent == SENT_PART)
        visit->stalled = true; /* from here on it is not the caller's */
    return sent;
}

static enum sent keep_stream_head(struct request *request, struct reply *reply)
{
    struct visit *visit = CONTAINER_OF(request, struct visit, request);
    visit->is_stream = true;
    enum sent sent = keep_piece(visit, reply, reply->body);
    reply_dispose(reply);
    return sent;
}

static enum sent keep_chunk(struct request *request, struct chunk *chunk)
{
    struct visit *visit = CONTAINER_OF(request, struct visit, request);
    visit->chunk = chunk;
    visit->sender = pthread_self();
    return keep_piece(visit, NULL, chunk_text(chunk));
}

static void keep_end(struct request *request, struct chunk *chunk)
{
    struct visit *visit = CONTAINER_OF(request, struct visit, request);
    if (chunk != NULL)
        keep_piece(visit, NULL, chunk_text(chunk));
    visit->answers++;
    visit->ended = true;
    sem_post(&visit->answered);
}

void visit_take(struct visit *visit)
{
    for (int ms = 0; !visit->stalled; ms++)
        must(a_millisecond_before(ms, PATIENCE_MS), "nothing is stalled");
    visit->stalled = false;
    visit->request.user->writable(&visit->request);
}

/* `next`: at the start, as soon as so much is there. */
static bool says(struct visit *visit, const char *text, bool next)
{
    pthread_mutex_lock(&visit->mutex);
    char *found = strstr(visit->body, text);
    bool other = next && visit->body_len >= strlen(text) && found != visit->body;
    must(!other, "it says not %s, but %s", text, visit->body);
    if (found != NULL && (!next || found == visit->body)) {
        found += strlen(text);
        visit->body_len -= (size_t)(found - visit->body);
        memmove(visit->body, found, visit->body_len + 1);
    }
    pthread_mutex_unlock(&visit->mutex);
    return found != NULL;
}

void visit_must_say(struct visit *visit, const char *text)
{
    for (int ms = 0; !says(visit, text, false); ms++)
        must(a_millisecond_before(ms, PATIENCE_MS), "it does not say %s, but %s", text,
             visit->body);
}

void visit_must_say_next(struct visit *visit, const char *text)
{
    for (int ms = 0; !says(visit, text, true); ms++)
        must(a_millisecond_before(ms, PATIENCE_MS), "it does not say %s, but %s", text,
             visit->body);
}

int visit_count(struct visit *visit, const char *text)
{
    int count = 0;
    pthread_mutex_lock(&visit->mutex);
    for (const char *at = visit->body; (at = strstr(at, text)) != NULL;
         at += strlen(text))
        count++;
    pthread_mutex_unlock(&visit->mutex);
    return count;
}

bool visit_hang_up(struct visit *visit)
{
    if (visit->stalled) {
        visit->stalled = false;
        visit->request.user->closed(&visit->request);
        return true;
    }
    return service_hangup(&visit->request);
}

void visit_leave(struct visit *visit)
{
    for (int ms = 0; !visit->ended && !visit_hang_up(visit); ms++)
        must(a_millisecond_before(ms, PATIENCE_MS), "it does not end");
}

static const struct exchange_ops exchange = {keep_reply, keep_stream_head, keep_chunk,
                                             keep_end};

void service_rig_serve(struct service_rig *service_rig, struct visit *visit,
                       const struct cgi *cgi)
{
    service_rig_serve_slowly(service_rig, visit, cgi, -1);
}

void service_rig_serve_slowly(struct service_rig *service_rig, struct visit *visit,
                              const struct cgi *cgi, int takes)
{
    *visit = (struct visit){.request.exchange = &exchange,
                            .takes = takes,
                            .mutex = PTHREAD_MUTEX_INITIALIZER};
    sem_init(&visit->answered, 0, 0);
    service_serve(service_rig->service, &visit->request, cgi);
}

int visit_await(struct visit *visit)
{
    must_come(&visit->answered, "nobody answered");
    must(visit->answers == 1, "answered %d times", visit->answers);
    return visit->status;
}

bool visit_is_answered(struct visit *visit)
{
    return visit->answers > 0;
}

const char *visit_header(const struct visit *visit, const char *name, char value[256])
{
    size_t len = strlen(name);
    for (const char *line = visit->head; line != NULL && *line != '\0';) {
        if (strncmp(line, name, len) == 0 && strncmp(line + len, ": ", 2) == 0) {
            line += len + 2;
            snprintf(value, 256, "%.*s", (int)strcspn(line, "\r"), line);
            return value;
        }
        line = strstr(line, "\r\n");
        line = line != NULL ? line + 2 : NULL;
    }
    return NULL;
}

int service_rig_ask(struct service_rig *service_rig, struct visit *visit,
                    const struct cgi *cgi)
{
    service_rig_serve(service_rig, visit, cgi);
    must(visit_is_answered(visit), "not answered at once");
    return visit_await(visit);
}

uint64_t service_rig_index(struct service_rig *service_rig, const char *path,
                           enum scope scope)
{
    return tree_rig_index(service_rig->tree, path, scope);
}

uint64_t service_rig_put(struct service_rig *service_rig, const char *path,
                         const char *body)
{
    struct visit visit;
    struct cgi cgi = {.method = TEXT("PUT"),
                      .script_name = text_of(path),
                      .access = TEXT("publish"),
                      .content_type = TEXT("text/plain"),
                      .body = text_of(body),
                      .body_length = strlen(body)};
    int status = service_rig_ask(service_rig, &visit, &cgi);
    must(status == 201 || status == 204, "status %d", status);
    return service_rig_index(service_rig, path, SCOPE_SELF);
}
