#include "office.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fcgiwait/state.h"
#include "must.h"

#define WORKERS 2
#define PATIENCE 60 /* seconds; nobody is ever this late */

const struct desk_rules office_rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                        .wait_max = 60 * NANOS_PER_SECOND,
                                        .max_waiting = 100,
                                        .limit_body = 100,
                                        .limit_path = 20,
                                        .cache_control = "no-store"};

void office_open(struct office *office, const struct desk_rules *rules)
{
    char error[256];
    *office = (struct office){.tree = tree_new(WORKERS)};
    must(office->tree != NULL, "no memory");
    office->desk = desk_open(office->tree, &office->counters, rules);
    must(office->desk != NULL, "no memory");
    office->room = room_open(
        &(struct room_options){WORKERS, office->tree, desk_answer, office->desk, NULL});
    must(office->room != NULL, "no threads");
    struct store_options options = {.type = "memory", .state = state_of(office->tree)};
    office->store = store_open(&options, error, sizeof error);
    must(office->store != NULL, "%s", error);
    desk_set(office->desk, office->room, office->store);
}

void office_drain(struct office *office)
{
    if (!office->is_drained)
        room_drain(office->room, 0);
    office->is_drained = true;
}

void office_close(struct office *office)
{
    office_drain(office);
    store_close(&office->store);
    room_close(&office->room);
    desk_close(&office->desk);
    tree_free(&office->tree);
}

/* request_deliver_fn */
static void deliver(struct request *request, struct reply *reply)
{
    struct visit *visit = (struct visit *)request;
    visit->answers++;
    visit->gone = reply == NULL;
    if (reply != NULL) {
        size_t kept = reply->body.len < VISIT_BODY ? reply->body.len : VISIT_BODY - 1;
        visit->status = reply->status;
        memcpy(visit->head, reply->head, reply->head_len);
        visit->head[reply->head_len] = '\0';
        if (kept > 0)
            memcpy(visit->body, reply->body.at, kept);
        visit->body[kept] = '\0';
        visit->body_len = reply->body.len;
        reply_dispose(reply);
    }
    sem_post(&visit->answered);
}

void office_serve(struct office *office, struct visit *visit, const struct cgi *cgi)
{
    *visit = (struct visit){.request.deliver = deliver};
    sem_init(&visit->answered, 0, 0);
    desk_serve(office->desk, &visit->request, cgi);
}

int visit_await(struct visit *visit)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    must(sem_timedwait(&visit->answered, &until) == 0, "nobody answered");
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

int office_ask(struct office *office, struct visit *visit, const struct cgi *cgi)
{
    office_serve(office, visit, cgi);
    must(visit_is_answered(visit), "not answered at once");
    return visit_await(visit);
}

uint64_t office_index(struct office *office, const char *path, enum scope scope)
{
    struct present present;
    tree_look(office->tree, text_of(path), scope, &present);
    present_dispose(&present);
    return present.index;
}

uint64_t office_put(struct office *office, const char *path, const char *body)
{
    struct visit visit;
    struct cgi cgi = {.method = TEXT("PUT"),
                      .script_name = text_of(path),
                      .access = TEXT("publish"),
                      .content_type = TEXT("text/plain"),
                      .body = text_of(body),
                      .body_length = strlen(body)};
    int status = office_ask(office, &visit, &cgi);
    must(status == 201 || status == 204, "status %d", status);
    return office_index(office, path, SCOPE_SELF);
}
