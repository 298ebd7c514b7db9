/* SPDX-License-Identifier: ISC */
/* Streams of everything below a path: what is said, in which pieces, and from where a
 * client that comes back goes on. */
#include "fcgiwait/service.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "service_rig.h"

static const struct service_rules rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                           .wait_max = 60 * NANOS_PER_SECOND,
                                           .max_waiting = 100,
                                           .limit_body = 100000,
                                           .limit_path = 200,
                                           .limit_changes = 3,
                                           .limit_answer = 100000,
                                           .stream_max = 600 * NANOS_PER_SECOND,
                                           .stream_heartbeat = 60 * NANOS_PER_SECOND,
                                           .cache_control = "no-store"};

static const struct service_rules impatient_rules = {.max_waiting = 100,
                                                     .limit_body = 1000,
                                                     .limit_path = 200,
                                                     .limit_changes = 3,
                                                     .limit_answer = 1000,
                                                     .stream_max = 600 * NANOS_PER_SECOND,
                                                     .stream_heartbeat =
                                                         100 * NANOS_PER_MS,
                                                     .cache_control = "no-store"};

#define EVENTS TEXT("text/event-stream")
#define LINES TEXT("application/x-ndjson")

static struct cgi stream(const char *path, const char *query, struct text accept)
{
    return (struct cgi){.method = TEXT("GET"),
                        .script_name = text_of(path),
                        .query = text_of(query),
                        .accept = accept,
                        .scope = TEXT("below")};
}

static struct cgi stream_since(uint64_t index, char query[64], struct text accept)
{
    snprintf(query, 64, "index=%" PRIu64, index);
    return stream("/l", query, accept);
}

static uint64_t change(struct service_rig *rig, const char *method, const char *path,
                       const char *type, struct text body)
{
    struct visit visit;
    char value[256];
    struct cgi cgi = {.method = text_of(method),
                      .script_name = text_of(path),
                      .access = TEXT("publish"),
                      .content_type = text_of(type),
                      .body = body,
                      .body_length = body.len};
    int status = service_rig_ask(rig, &visit, &cgi);
    if (status == 404)
        return 0;
    must(status == 201 || status == 204, "status %d", status);
    return strtoull(visit_header(&visit, "X-Polling-Index", value), NULL, 10);
}

static uint64_t put(struct service_rig *rig, const char *path, const char *json)
{
    return change(rig, "PUT", path, "application/json", text_of(json));
}

static uint64_t delete (struct service_rig *rig, const char *path)
{
    return change(rig, "DELETE", path, "", TEXT(""));
}

static uint64_t touch(struct service_rig *rig, const char *path)
{
    return change(rig, "POST", path, "", TEXT(""));
}

/* Fails the test unless this comes next, with nothing before it; each # is an index. */
static void must_say(struct visit *visit, const char *format, uint64_t a, uint64_t b,
                     uint64_t c)
{
    const uint64_t indexes[] = {a, b, c};
    char out[4096];
    size_t used = 0, next = 0;
    for (; *format != '\0'; format++) {
        if (*format == '#')
            used += text_format(indexes[next++], out + used);
        else
            out[used++] = *format;
    }
    out[used] = '\0';
    visit_must_say_next(visit, out);
}

static void begin(struct service_rig *rig, struct visit *visit, const struct cgi *cgi)
{
    service_rig_serve(rig, visit, cgi);
    assert_int_equal(visit->status, 200);
    visit_must_say(visit, cgi->accept.at[0] == 't' ? "\n\n" : "\n"); /* the opening */
}

#define ONE(path, document)                                                              \
    "{\"path\":\"" path                                                                  \
    "\",\"index\":#,\"type\":\"application/json\",\"document\":" document "}"

/* --- what is said --- */

static void what_is_there_comes_first_and_then_each_change(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char value[256];
    uint64_t a = put(rig, "/l/a", "{\n\"n\": 1}"), b = put(rig, "/l/b/c", "2");
    put(rig, "/other", "1");
    struct cgi cgi = stream("/l", "", EVENTS);
    begin(rig, &visit, &cgi);
    assert_string_equal(visit_header(&visit, "Content-Type", value), "text/event-stream");
    assert_int_equal(strtoull(visit_header(&visit, "X-Polling-Index", value), NULL, 10),
                     b);
    must_say(&visit, "event: reset\ndata: {\"reset\": true}\n\n", 0, 0, 0);
    must_say(&visit, "data: " ONE("/l/a", "{ \"n\": 1}") "\nid: #\n\n", a, a, 0);
    must_say(&visit, "data: " ONE("/l/b/c", "2") "\nid: #\n\n", b, b, 0);
    must_say(&visit, "event: current\nid: #\ndata: {\"current\": #}\n\n", b, b, 0);
    a = delete (rig, "/l/a");
    must_say(&visit, "data: {\"path\":\"/l/a\",\"index\":#,\"deleted\":true}\nid: #\n\n",
             a, a, 0);
    put(rig, "/other", "2");
    b = touch(rig, "/l/d");
    must_say(&visit, "data: {\"path\":\"/l/d\",\"index\":#}\nid: #\n\n", b, b, 0);
    b = change(rig, "PUT", "/l/e", "image/png", (struct text){"\xff\x00\x01", 3});
    must_say(&visit,
             "data: {\"path\":\"/l/e\",\"index\":#,\"type\":\"image/png\",\"encoding\":"
             "\"base64\",\"document\":\"/wAB\"}\nid: #\n\n",
             b, b, 0);
    assert_int_equal(visit_count(&visit, "\n"), 0);
    visit_leave(&visit);
}

static void lines_say_the_same(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char query[64];
    uint64_t a = put(rig, "/l/a", "1"), b = delete (rig, "/l/a");
    uint64_t c = put(rig, "/l/b", "2");
    struct cgi cgi = stream("/l", "", LINES);
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"reset\": true}\n" ONE("/l/b", "2") "\n{\"current\": #}\n", c, c,
             0);
    visit_leave(&visit);
    cgi = stream_since(a, query, LINES);
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"path\":\"/l/a\",\"index\":#,\"deleted\":true}\n", b, 0, 0);
    must_say(&visit, ONE("/l/b", "2") "\n{\"current\": #}\n", c, c, 0);
    visit_leave(&visit);
    cgi = stream_since(c, query, LINES); /* nothing was missed */
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"current\": #}\n", c, 0, 0);
    visit_leave(&visit);
    cgi = stream_since(c + 1000000, query, LINES); /* void */
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"reset\": true}\n" ONE("/l/b", "2") "\n", c, 0, 0);
    visit_leave(&visit);
}

static void there_may_be_nothing(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = stream("/l", "", LINES);
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"reset\": true}\n{\"current\": ", 0, 0, 0);
    visit_must_say(&visit, "}\n");
    uint64_t a = put(rig, "/l/a", "1");
    must_say(&visit, ONE("/l/a", "1") "\n", a, 0, 0);
    visit_leave(&visit);
}

static void some_names_can_be_streamed(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    uint64_t b = put(rig, "/l/b", "2");
    put(rig, "/l/c", "3");
    struct cgi cgi = stream("/l", "only=a,b", LINES);
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"reset\": true}\n" ONE("/l/b", "2") "\n{\"current\": #}\n", b, b,
             0);
    put(rig, "/l/c", "4");
    b = put(rig, "/l/a", "5");
    must_say(&visit, ONE("/l/a", "5") "\n", b, 0, 0);
    b = delete (rig, "/l/b");
    must_say(&visit, "{\"path\":\"/l/b\",\"index\":#,\"deleted\":true}\n", b, 0, 0);
    assert_int_equal(visit_count(&visit, "\n"), 0);
    visit_leave(&visit);
}

static uint64_t forget(struct service_rig *rig, const char *path)
{
    uint64_t horizon = put(rig, "/other", "1");
    const struct change changes[] = {
        {.kind = CHANGE_DELETE, .index = horizon, .path = text_of(path)},
        {.kind = CHANGE_FORGET, .index = horizon, .path = TEXT("/")}};
    tree_apply_all(rig->tree, changes, 2);
    return horizon;
}

/* Neither for who was told one by the stream, nor for who comes back with that. */
static void no_index_goes_back_where_no_name_is_remembered(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char query[64];
    uint64_t a = put(rig, "/l/a", "1");
    struct cgi cgi = stream("/l", "only=a", LINES);
    service_rig_serve_slowly(rig, &visit, &cgi, 1); /* stalled with the first */
    uint64_t horizon = forget(rig, "/l/a");
    visit.takes = -1;
    visit_take(&visit);
    visit_must_say(&visit, "{\"current\": ");
    visit_must_say(&visit, "}\n");
    must_say(&visit, "{\"reset\": true}\n{\"current\": #}\n", horizon, 0, 0);
    visit_leave(&visit);
    snprintf(query, sizeof query, "index=%" PRIu64 "&only=a", a);
    cgi.query = text_of(query);
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"reset\": true}\n{\"current\": #}\n", horizon, 0, 0);
    a = put(rig, "/l/a", "2");
    must_say(&visit, ONE("/l/a", "2") "\n", a, 0, 0);
    visit_leave(&visit);
}

static void names_can_come_as_a_body(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    uint64_t b = put(rig, "/l/b", "2");
    put(rig, "/l/c", "3");
    struct cgi cgi = stream("/l", "", LINES);
    cgi.method = TEXT("QUERY");
    cgi.body = TEXT("[\"a\", \"b\"]");
    cgi.body_length = cgi.body.len;
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"reset\": true}\n" ONE("/l/b", "2") "\n{\"current\": #}\n", b, b,
             0);
    visit_leave(&visit);
}

static void documents_can_be_left_out(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char value[256];
    uint64_t a = put(rig, "/l/a", "1");
    struct cgi cgi = stream("/l", "", LINES);
    cgi.prefer.minimal = true;
    begin(rig, &visit, &cgi);
    assert_string_equal(visit_header(&visit, "Preference-Applied", value),
                        "return=minimal");
    must_say(&visit, "{\"reset\": true}\n{\"path\":\"/l/a\",\"index\":#}\n", a, 0, 0);
    visit_leave(&visit);
}

static void behind_an_origin_paths_alone_are_said(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    assert_true(service_change_everything(rig->service));
    uint64_t start = service_rig_index(rig, "/l", SCOPE_BELOW);
    uint64_t a = touch(rig, "/l/a");
    struct cgi cgi = stream("/l", "", EVENTS);
    cgi.origin = TEXT("/_origin");
    begin(rig, &visit, &cgi);
    must_say(&visit, "event: reset\ndata: {\"reset\": true}\n\n", 0, 0, 0);
    must_say(&visit, "data: {\"path\":\"/l/a\",\"index\":#}\nid: #\n\n", a, a, 0);
    must_say(&visit, "event: current\nid: #\ndata: {\"current\": #}\n\n", a, a, 0);
    assert_true(service_change_everything(rig->service)); /* as a start does */
    must_say(&visit, "event: reset\n", 0, 0, 0);
    visit_must_say(&visit, "event: current\n");
    visit_leave(&visit);
    char query[64];
    cgi = stream_since(start, query, LINES); /* from before it */
    cgi.origin = TEXT("/_origin");
    begin(rig, &visit, &cgi);
    must_say(&visit, "{\"reset\": true}\n{\"current\": ", 0, 0, 0);
    visit_leave(&visit);
}

/* What a transaction changed has one index. */
static void what_changed_together_with_everything_is_said(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = stream("/l", "", LINES);
    cgi.origin = TEXT("/_origin");
    begin(rig, &visit, &cgi);
    visit_must_say(&visit, "{\"current\": ");
    visit_must_say(&visit, "}\n");
    uint64_t index = touch(rig, "/other");
    const struct change changes[] = {
        {.kind = CHANGE_TOUCH, .index = index, .path = TEXT("/l/a")},
        {.kind = CHANGE_EVERYTHING, .index = index, .path = TEXT("/l")}};
    tree_apply_all(rig->tree, changes, 2);
    must_say(&visit,
             "{\"reset\": true}\n{\"path\":\"/l/a\",\"index\":#}\n{\"current\": #}\n",
             index, index, 0);
    visit_leave(&visit);
}

/* A list and a member of it, both asked for: one change of both. */
static void a_change_that_two_names_share_has_one_id(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = stream("/l", "only=a,a/b", EVENTS);
    cgi.origin = TEXT("/_origin");
    begin(rig, &visit, &cgi);
    visit_must_say(&visit, "event: current\n");
    visit_must_say(&visit, "\n\n");
    uint64_t b = touch(rig, "/l/a/b");
    must_say(&visit, "data: {\"path\":\"/l/a\",\"index\":#}\n\n", b, 0, 0);
    must_say(&visit, "data: {\"path\":\"/l/a/b\",\"index\":#}\nid: #\n\n", b, b, 0);
    visit_leave(&visit);
}

static void head_and_406_as_for_one(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char value[256];
    uint64_t a = put(rig, "/l/a", "1");
    struct cgi cgi = stream("/l", "", LINES);
    cgi.method = TEXT("HEAD");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    assert_int_equal(strtoull(visit_header(&visit, "X-Polling-Index", value), NULL, 10),
                     a);
    assert_int_equal(visit.body_len, 0);
    cgi = stream("/l", "", EVENTS);
    cgi.stream = TEXT("off");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 406);
    cgi.accept = TEXT("text/event-stream, text/html"); /* what there is is JSON */
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 406);
    cgi.accept = TEXT("text/event-stream, application/json");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    assert_non_null(strstr(visit.body, "\"changes\":["));
    cgi.origin = TEXT("/_origin");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    cgi = stream("/l", "only=..", EVENTS);
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 400);
    cgi = stream("/l", "", TEXT("application/json, text/event-stream;q=0.5"));
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    assert_non_null(strstr(visit.body, "\"changes\":["));
}

/* --- pieces --- */

/* Three changes at a time, as limits.changes says, and none is left out. */
static void more_than_one_piece_has_no_gap(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char path[16];
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        put(rig, path, "1");
    }
    struct cgi cgi = stream("/l", "", LINES);
    service_rig_serve_slowly(rig, &visit, &cgi, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(visit_count(&visit, "\"path\""), i * 3);
        assert_int_equal(visit_count(&visit, "current"), 0);
        visit_take(&visit);
    }
    assert_int_equal(visit_count(&visit, "\"path\""), 10);
    assert_int_equal(visit_count(&visit, "current"), 1);
    visit_leave(&visit);
}

static void a_slow_client_is_told_the_newest_alone(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char query[64], json[16];
    uint64_t a = put(rig, "/l/a", "0");
    struct cgi cgi = stream_since(a, query, LINES);
    service_rig_serve_slowly(rig, &visit, &cgi, 0);
    visit_take(&visit); /* the head */
    visit_must_say(&visit, "current");
    visit_must_say(&visit, "\n");
    for (int i = 1; i <= 50; i++) {
        snprintf(json, sizeof json, "%d", i);
        a = put(rig, "/l/a", json);
        put(rig, "/l/b", json);
    }
    assert_int_equal(visit_count(&visit, "\n"), 0);
    visit_take(&visit);
    must_say(&visit, ONE("/l/a", "50") "\n", a, 0, 0);
    assert_int_equal(visit_count(&visit, "\n"), 1);
    visit_leave(&visit);
}

static void what_is_deleted_while_it_begins_anew_is_said(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char path[16];
    put(rig, "/l/gone", "1");
    delete (rig, "/l/gone"); /* before: not said */
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        put(rig, path, "1");
    }
    struct cgi cgi = stream("/l", "", LINES);
    service_rig_serve_slowly(rig, &visit, &cgi, 0);
    visit_take(&visit);                   /* the head */
    uint64_t zero = delete (rig, "/l/0"); /* was told */
    visit_take(&visit);
    visit_take(&visit);
    assert_int_equal(visit_count(&visit, "gone"), 0);
    assert_int_equal(visit_count(&visit, "\"deleted\""), 1);
    visit_must_say(&visit, "/l/5");
    visit_must_say(&visit, "\n");
    must_say(&visit, "{\"path\":\"/l/0\",\"index\":#,\"deleted\":true}\n", zero, 0, 0);
    must_say(&visit, "{\"current\": #}\n", zero, 0, 0);
    visit_leave(&visit);
}

static void many_share_one_piece(void **state)
{
    struct service_rig *rig = *state;
    struct visit visits[20];
    const struct chunk *chunk = NULL;
    struct cgi cgi = stream("/l", "", LINES);
    for (int i = 0; i < 20; i++) {
        begin(rig, &visits[i], &cgi);
        visit_must_say(&visits[i], "current");
        put(rig, "/other", i % 2 == 0 ? "1" : "2"); /* their marks differ */
    }
    put(rig, "/l/a", "1");
    int others = 0;
    for (int i = 0; i < 20; i++) {
        visit_must_say(&visits[i], "/l/a");
        others += chunk != NULL && visits[i].chunk != chunk;
        chunk = visits[i].chunk;
    }
    must(others <= 2, "%d were built", others + 1); /* two threads may each build one */
    for (int i = 0; i < 20; i++)
        visit_leave(&visits[i]);
}

/* --- what was forgotten --- */

static void forget_below(struct service_rig *rig, uint64_t horizon)
{
    const struct change change = {
        .index = horizon, .path = TEXT("/"), .kind = CHANGE_FORGET};
    assert_true(tree_apply(rig->tree, &change));
}

/* The ids of what is older than the horizon are places to go on from all the same. */
static void who_is_cut_off_below_the_horizon_goes_on(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char path[16], value[32], query[64];
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        put(rig, path, "1");
    }
    put(rig, "/l/gone", "1");
    uint64_t gone = delete (rig, "/l/gone");
    struct tree_span span;
    forget_below(rig, gone + 1);
    tree_span(rig->tree, &span);
    must(span.horizon > gone, "nothing was forgotten");
    struct cgi cgi = stream("/l", "", EVENTS);
    service_rig_serve_slowly(rig, &visit, &cgi, 1); /* the head, and a piece of three */
    visit_must_say(&visit, "/l/2");
    visit_must_say(&visit, "\nid: ");
    snprintf(value, sizeof value, "%.*s", (int)strcspn(visit.body, "\n"), visit.body);
    visit_leave(&visit);
    snprintf(query, sizeof query, "index=%s", value);
    cgi.query = text_of(query);
    begin(rig, &visit, &cgi);
    assert_int_equal(visit_count(&visit, "reset"), 0);
    assert_int_equal(visit_count(&visit, "\"path\""), 3);
    visit_must_say(&visit, "/l/5");
    visit_must_say(&visit, "current");
    visit_leave(&visit);
}

static void a_slow_client_whose_mark_is_void_begins_anew(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    put(rig, "/l/a", "1");
    struct cgi cgi = stream("/l", "", LINES);
    service_rig_serve_slowly(rig, &visit, &cgi, 1);
    visit_must_say(&visit, "current"); /* and stalled */
    put(rig, "/l/b", "1");
    uint64_t gone = delete (rig, "/l/a");
    put(rig, "/l/b", "2");
    forget_below(rig, gone + 1);
    visit_take(&visit);
    visit_must_say(&visit, "{\"reset\": true}\n");
    assert_int_equal(visit_count(&visit, "/l/a"), 0);
    visit_must_say(&visit, "/l/b");
    visit_must_say(&visit, "current");
    visit_leave(&visit);
}

/* Whoever was told all rests above a horizon that has moved. */
static void who_has_all_does_not_begin_anew(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    uint64_t a = put(rig, "/l/a", "1");
    put(rig, "/gone", "1");
    delete (rig, "/gone");
    uint64_t newest = put(rig, "/other", "1");
    struct cgi cgi = stream("/l", "", LINES);
    begin(rig, &visit, &cgi);
    visit_must_say(&visit, "current");
    visit_must_say(&visit, "\n");
    struct tree_span span;
    forget_below(rig, newest);
    tree_span(rig->tree, &span);
    assert_true(span.horizon > a);
    uint64_t b = put(rig, "/l/b", "2");
    must_say(&visit, ONE("/l/b", "2") "\n", b, 0, 0);
    visit_leave(&visit);
}

/* Each heartbeat takes the mark along: what is forgotten later lies below it. */
static void who_rests_does_not_begin_anew(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    put(rig, "/l/a", "1");
    struct cgi cgi = stream("/l", "", LINES);
    begin(rig, &visit, &cgi);
    visit_must_say(&visit, "current");
    visit_must_say(&visit, "\n");
    put(rig, "/gone", "1");
    uint64_t gone = delete (rig, "/gone");
    must_say(&visit, "\n\n", 0, 0, 0);
    forget_below(rig, gone);
    must_say(&visit, "\n\n\n", 0, 0, 0);
    put(rig, "/l/b", "2");
    visit_must_say(&visit, "/l/b");
    assert_int_equal(visit_count(&visit, "reset"), 0);
    visit_leave(&visit);
}

/* --- a client that keeps a copy, and comes back again and again --- */

#define PATHS 12

struct copy {
    int values[PATHS]; /* 0: there is none */
    char id[32];
};

static void take_data(struct copy *copy, const char *data)
{
    struct json_object *json = json_tokener_parse(data), *part;
    must(json != NULL, "no JSON: %s", data);
    if (json_object_object_get_ex(json, "path", &part)) {
        int path = atoi(json_object_get_string(part) + strlen("/l/"));
        assert_in_range(path, 0, PATHS - 1);
        copy->values[path] = json_object_object_get_ex(json, "document", &part)
                                 ? json_object_get_int(part)
                                 : 0;
    }
    json_object_put(json);
}

/* As EventSource does it, event by event; what is cut off is not heard. */
static void take_events(struct copy *copy, char *body)
{
    for (char *end; (end = strstr(body, "\n\n")) != NULL; body = end + 2) {
        char *data = NULL, *id = NULL;
        bool resets = false;
        *end = '\0';
        for (char *line = strtok(body, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            if (strncmp(line, "data: ", 6) == 0)
                data = line + 6;
            else if (strncmp(line, "id: ", 4) == 0)
                id = line + 4;
            else if (strcmp(line, "event: reset") == 0)
                resets = true;
        }
        if (id != NULL)
            snprintf(copy->id, sizeof copy->id, "%s", id);
        if (resets)
            memset(copy->values, 0, sizeof copy->values);
        else if (data != NULL)
            take_data(copy, data);
    }
}

static void change_something(struct service_rig *rig, int values[PATHS], int step)
{
    char path[16], json[16];
    int at = (int)(random() % PATHS);
    snprintf(path, sizeof path, "/l/%d", at);
    snprintf(json, sizeof json, "%d", step);
    if (random() % 4 == 0) {
        delete (rig, path);
        values[at] = 0;
    } else {
        put(rig, path, json);
        values[at] = step;
    }
    if (random() % 16 == 0) {
        struct tree_span span;
        tree_span(rig->tree, &span);
        forget_below(rig, span.newest - (uint64_t)(random() % 8));
    }
}

static void a_copy_is_right_whenever_its_client_comes_back(void **state)
{
    struct service_rig *rig = *state;
    int values[PATHS] = {0}, step = 0;
    struct copy copy = {.id = ""};
    srandom(13);
    for (int visits = 0; visits < 300; visits++) {
        struct visit visit;
        char id[32];
        struct cgi cgi = stream("/l", "", EVENTS);
        memcpy(id, copy.id, sizeof id);
        cgi.last_event_id = text_of(id);
        service_rig_serve_slowly(rig, &visit, &cgi, (int)(random() % 3));
        for (int pieces = (int)(random() % 6); pieces > 0; pieces--) {
            change_something(rig, values, ++step);
            if (visit.stalled)
                visit_take(&visit);
        }
        bool last = visits % 10 == 9;
        if (last) { /* it takes all, and has it */
            char current[64];
            visit.takes = -1;
            if (visit.stalled)
                visit_take(&visit);
            put(rig, "/l/0", "1000000");
            values[0] = 1000000;
            uint64_t newest = delete (rig, "/l/0");
            values[0] = 0;
            snprintf(current, sizeof current, "\"index\":%" PRIu64, newest);
            for (int ms = 0; visit_count(&visit, current) == 0 && ms < 10000; ms++)
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        visit_leave(&visit);
        take_events(&copy, visit.body);
        if (last)
            assert_memory_equal(copy.values, values, sizeof values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        service_rig_test(what_is_there_comes_first_and_then_each_change, &rules),
        service_rig_test(lines_say_the_same, &rules),
        service_rig_test(there_may_be_nothing, &rules),
        service_rig_test(some_names_can_be_streamed, &rules),
        service_rig_test(no_index_goes_back_where_no_name_is_remembered, &rules),
        service_rig_test(names_can_come_as_a_body, &rules),
        service_rig_test(documents_can_be_left_out, &rules),
        service_rig_test(behind_an_origin_paths_alone_are_said, &rules),
        service_rig_test(what_changed_together_with_everything_is_said, &rules),
        service_rig_test(a_change_that_two_names_share_has_one_id, &rules),
        service_rig_test(head_and_406_as_for_one, &rules),
        service_rig_test(more_than_one_piece_has_no_gap, &rules),
        service_rig_test(a_slow_client_is_told_the_newest_alone, &rules),
        service_rig_test(what_is_deleted_while_it_begins_anew_is_said, &rules),
        service_rig_test(many_share_one_piece, &rules),
        service_rig_test(who_is_cut_off_below_the_horizon_goes_on, &rules),
        service_rig_test(a_slow_client_whose_mark_is_void_begins_anew, &rules),
        service_rig_test(who_has_all_does_not_begin_anew, &rules),
        service_rig_test(who_rests_does_not_begin_anew, &impatient_rules),
        service_rig_test(a_copy_is_right_whenever_its_client_comes_back, &rules),
    };
    return cmocka_run_group_tests_name("feed_events", tests, NULL, NULL);
}
