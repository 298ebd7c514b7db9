/* SPDX-License-Identifier: ISC */
/* Requests without a socket: what the service answers, and whom it holds. */
#include "fcgiwait/service.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "service_rig.h"
#include "store/backend.h"

static struct cgi request(const char *method, const char *path)
{
    return (struct cgi){.method = text_of(method), .script_name = text_of(path)};
}

static struct cgi publish(const char *method, const char *path)
{
    struct cgi cgi = request(method, path);
    cgi.access = TEXT("publish");
    return cgi;
}

static void must_have(const struct visit *visit, const char *name, const char *expected)
{
    char value[256];
    const char *found = visit_header(visit, name, value);
    if (expected == NULL ? found != NULL : found == NULL || strcmp(found, expected) != 0)
        fail_msg("%s is %s, not %s; in\n%s", name, found != NULL ? found : "missing",
                 expected != NULL ? expected : "missing", visit->head);
}

static void must_have_index(const struct visit *visit, uint64_t index)
{
    char number[32], tag[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)index);
    snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)index);
    must_have(visit, "X-Polling-Index", number);
    must_have(visit, "ETag", tag);
}

static int ask(struct service_rig *service_rig, struct visit *visit, const char *method,
               const char *path)
{
    struct cgi cgi = request(method, path);
    return service_rig_ask(service_rig, visit, &cgi);
}

static void serve_since(struct service_rig *rig, struct visit *visit, const char *path,
                        uint64_t index, const char *wait)
{
    char query[64];
    struct cgi cgi = request("GET", path);
    snprintf(query, sizeof query, "index=%llu&wait=%s", (unsigned long long)index, wait);
    cgi.query = text_of(query);
    service_rig_serve(rig, visit, &cgi);
}

/* A GET that waits from the present index on. */
static void hold(struct service_rig *service_rig, struct visit *visit, const char *path,
                 const char *wait)
{
    serve_since(service_rig, visit, path,
                service_rig_index(service_rig, path, SCOPE_SELF), wait);
}

/* --- reading --- */

static void a_document_is_answered_with_its_headers(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    uint64_t index = service_rig_put(service_rig, "/a", "hello");
    assert_int_equal(ask(service_rig, &visit, "GET", "/a"), 200);
    must_have(&visit, "Status", "200 OK");
    must_have_index(&visit, index);
    must_have(&visit, "Cache-Control", "no-store");
    must_have(&visit, "Vary", "Prefer");
    must_have(&visit, "Content-Type", "text/plain");
    must_have(&visit, "Content-Length", "5");
    must_have(&visit, "Preference-Applied", NULL);
    assert_non_null(strstr(visit.head, "Last-Modified: "));
    assert_string_equal(visit.body, "hello");
}

static void a_head_is_a_get_without_the_body(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit get, head;
    service_rig_put(service_rig, "/a", "hello");
    ask(service_rig, &get, "GET", "/a");
    assert_int_equal(ask(service_rig, &head, "HEAD", "/a"), 200);
    assert_string_equal(head.head, get.head);
    assert_int_equal(head.body_len, 0);
    ask(service_rig, &get, "GET", "/none");
    assert_int_equal(ask(service_rig, &head, "HEAD", "/none"), 404);
    assert_string_equal(head.head, get.head);
    assert_int_equal(head.body_len, 0);
}

static void what_does_not_exist_has_an_index_too(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    assert_int_equal(ask(service_rig, &visit, "GET", "/none"), 404);
    must_have_index(&visit, 0);
    must_have(&visit, "Cache-Control", "no-store");
    must_have(&visit, "Vary", "Prefer");
    must_have(&visit, "Content-Type", "application/problem+json");
}

static void a_change_answers_who_waits(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    service_rig_put(service_rig, "/a", "1");
    hold(service_rig, &visit, "/a", "50");
    assert_false(visit_is_answered(&visit));
    assert_int_equal(counter_read(&service_rig->counters.waiting), 1);
    uint64_t index = service_rig_put(service_rig, "/a", "2");
    assert_int_equal(visit_await(&visit), 200);
    must_have_index(&visit, index);
    assert_string_equal(visit.body, "2");
    assert_int_equal(counter_read(&service_rig->counters.held_changed), 1);
}

static void a_deletion_answers_who_waits_with_404(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit, deletion;
    struct cgi cgi = publish("DELETE", "/a");
    service_rig_put(service_rig, "/a", "1");
    hold(service_rig, &visit, "/a", "50");
    assert_int_equal(service_rig_ask(service_rig, &deletion, &cgi), 204);
    assert_int_equal(visit_await(&visit), 404);
    must_have_index(&visit, service_rig_index(service_rig, "/a", SCOPE_SELF));
}

/* Whether another machine has seen the path, or this one did and has forgotten it: who
 * has an index from there is told one that is no lower, and can wait with it. */
static void no_index_goes_back_where_a_path_is_not_remembered(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit, waiting;
    uint64_t seen = service_rig_put(rig, "/seen", "1");
    uint64_t horizon = service_rig_put(rig, "/other", "1");
    const struct change changes[] = {
        {.kind = CHANGE_DELETE, .index = horizon, .path = TEXT("/seen")},
        {.kind = CHANGE_FORGET, .index = horizon, .path = TEXT("/")}};
    tree_apply_all(rig->tree, changes, 2);
    static const char *const paths[] = {"/seen", "/unseen"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask(rig, &visit, "GET", paths[i]), 404);
        must_have_index(&visit, 0);
        serve_since(rig, &visit, paths[i], seen, "9s");
        assert_int_equal(visit.status, 404);
        must_have_index(&visit, horizon);
        serve_since(rig, &visit, paths[i], horizon, "0");
        assert_int_equal(visit.status, 304);
        must_have_index(&visit, horizon);
        serve_since(rig, &waiting, paths[i], horizon, "9s");
        assert_false(visit_is_answered(&waiting));
        uint64_t put = service_rig_put(rig, paths[i], "2");
        assert_int_equal(visit_await(&waiting), 200);
        must_have_index(&waiting, put);
    }
}

static void a_wait_that_runs_out_is_answered_with_304(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    uint64_t index = service_rig_put(service_rig, "/a", "1");
    hold(service_rig, &visit, "/a", "20ms");
    assert_int_equal(visit_await(&visit), 304);
    must_have_index(&visit, index);
    must_have(&visit, "Cache-Control", "no-store");
    must_have(&visit, "Vary", "Prefer");
    must_have(&visit, "Content-Type", NULL);
    must_have(&visit, "Content-Length", NULL);
    assert_int_equal(visit.body_len, 0);
    assert_int_equal(counter_read(&service_rig->counters.held_expired), 1);
}

static void an_honoured_preference_is_named(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct cgi cgi = request("GET", "/a");
    prefer_parse(TEXT("wait=120; index=0"), &cgi.prefer);
    service_rig_serve(service_rig, &visit, &cgi);
    service_rig_put(service_rig, "/a", "1");
    assert_int_equal(visit_await(&visit), 200);
    must_have(&visit, "Preference-Applied", "wait=60");
}

static void who_hangs_up_is_not_answered(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    hold(service_rig, &visit, "/a", "50");
    assert_true(service_hangup(&visit.request));
    service_hung_up(&visit.request);
    assert_int_equal(counter_read(&service_rig->counters.waiting), 0);
    assert_int_equal(counter_read(&service_rig->counters.held_gone), 1);
    service_rig_put(service_rig, "/a", "1");
    assert_false(visit_is_answered(&visit));
    hold(service_rig, &visit, "/a", "50");
    service_rig_put(service_rig, "/a", "2");
    assert_int_equal(visit_await(&visit), 200);
}

static void who_was_answered_cannot_hang_up(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    hold(service_rig, &visit, "/a", "1ms");
    visit_await(&visit);
    assert_false(service_hangup(&visit.request));
    ask(service_rig, &visit, "GET", "/a");
    assert_false(service_hangup(&visit.request));
}

static void one_more_than_may_wait_is_refused(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit *visits = calloc(101, sizeof *visits), other;
    must(visits != NULL, "no memory");
    for (int i = 0; i < 101; i++)
        hold(service_rig, &visits[i], "/a", "50");
    assert_int_equal(counter_read(&service_rig->counters.waiting), 100);
    assert_int_equal(visit_await(&visits[100]), 503);
    must_have(&visits[100], "Retry-After", "5");
    assert_int_equal(counter_read(&service_rig->counters.refused), 1);
    assert_int_equal(ask(service_rig, &other, "GET", "/a"), 404);
    service_rig_put(service_rig, "/a", "1"); /* publishing goes on as well */
    for (int i = 0; i < 100; i++)
        assert_int_equal(visit_await(&visits[i]), 200);
    free(visits);
}

static void a_stop_answers_who_waits_and_who_comes_late(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit, late;
    uint64_t index = service_rig_put(service_rig, "/a", "1");
    hold(service_rig, &visit, "/a", "50");
    service_rig_drain(service_rig);
    assert_int_equal(visit_await(&visit), 304);
    hold(service_rig, &late, "/a", "50");
    assert_int_equal(visit_await(&late), 304);
    must_have_index(&late, index);
    assert_int_equal(counter_read(&service_rig->counters.held_stopped), 1);
}

/* --- which resource --- */

static void script_name_and_path_info_make_the_path(void **state)
{
    static const struct {
        const char *resource, *script_name, *path_info;
        int status;
    } rows[] = {
        {NULL, "/a/b", NULL, 200},
        {NULL, NULL, "/a/b", 200},
        {NULL, "/a", "/b", 200},
        {"/a/b", "/x", "/y", 200},
        {NULL, "/a", "b", 404},
        {NULL, "", "", 400},
        {NULL, NULL, NULL, 400},
        {NULL, "/a/", "/b", 400},
        {"a/b", NULL, NULL, 400},
        {NULL, "/a/b", "/", 404},
        {NULL, "/0123456789", "/01234567", 404},  /* 20 bytes */
        {NULL, "/0123456789", "/012345678", 400}, /* 21 */
        {NULL, "/01234567890123456789", "/a", 400},
        {NULL, "/012345678901234567890123", "/a/b/../c", 400},
    };
    struct service_rig *service_rig = *state;
    service_rig_put(service_rig, "/a/b", "x");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct visit visit;
        struct cgi cgi = {.method = TEXT("GET"),
                          .resource = text_of(rows[i].resource),
                          .script_name = text_of(rows[i].script_name),
                          .path_info = text_of(rows[i].path_info)};
        int status = service_rig_ask(service_rig, &visit, &cgi);
        if (status != rows[i].status)
            fail_msg("row %zu: %d", i, status);
        if (status == 400)
            must_have(&visit, "Content-Type", "application/problem+json");
    }
}

/* --- methods --- */

static void methods_are_granted_by_the_location(void **state)
{
    static const char reading[] = "GET, HEAD, OPTIONS";
    static const char publishing[] = "GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE";
    static const struct {
        const char *method, *access;
        int status;
        const char *allow;
    } rows[] = {
        {"OPTIONS", NULL, 204, reading},
        {"OPTIONS", "read", 204, reading},
        {"OPTIONS", "publish", 204, publishing},
        {"PUT", NULL, 405, reading},
        {"PUT", "", 405, reading},
        {"PATCH", "read", 405, reading},
        {"POST", "read", 405, reading},
        {"DELETE", "read", 405, reading},
        {"get", "read", 405, reading},
        {"", "read", 405, reading},
        {"PROPFIND", "publish", 405, publishing},
        {"PUT", "Publish", 500, NULL},
        {"GET", "write", 500, NULL},
    };
    struct service_rig *service_rig = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct visit visit;
        struct cgi cgi = request(rows[i].method, "/a");
        cgi.access = text_of(rows[i].access);
        int status = service_rig_ask(service_rig, &visit, &cgi);
        if (status != rows[i].status)
            fail_msg("row %zu: %d", i, status);
        must_have(&visit, "Allow", rows[i].allow);
    }
    assert_int_equal(tree_resources(service_rig->tree), 0);
}

/* As the PostgreSQL store does. */
static void refuse_documents(struct store *store, struct edit *edits, size_t count)
{
    (void)store;
    for (size_t i = 0; i < count; i++) {
        edits[i].result = EDIT_ELSEWHERE;
        edits[i].done(&edits[i]);
    }
}

static void a_store_without_documents_grants_touches_alone(void **state)
{
    struct service_rig *service_rig = *state;
    struct store *store = service_rig->store;
    const struct store_backend *backend = store->backend;
    struct store_backend elsewhere = *backend;
    struct visit visit;
    struct cgi cgi = request("OPTIONS", "/a");
    elsewhere.keeps_no_documents = true;
    elsewhere.propose = refuse_documents;
    store->backend = &elsewhere;
    cgi.access = TEXT("publish");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 204);
    must_have(&visit, "Allow", "GET, HEAD, OPTIONS, POST");
    must_have(&visit, "Accept-Patch", NULL);
    cgi.method = TEXT("DELETE");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 405);
    must_have(&visit, "Allow", "GET, HEAD, OPTIONS, POST");
    cgi.scope = TEXT("below");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 405);
    must_have(&visit, "Allow", "GET, HEAD, OPTIONS, QUERY, POST");
    cgi = request("OPTIONS", "/a");
    cgi.access = TEXT("read");
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 204);
    must_have(&visit, "Allow", "GET, HEAD, OPTIONS");
    store->backend = backend;
}

static enum edit_result lost_as;

/* As a store that is lost after it has found that a condition does not hold. */
static void lose(struct store *store, struct edit *edits, size_t count)
{
    (void)store;
    for (size_t i = 0; i < count; i++) {
        edits[i].why = "A condition.";
        edits[i].result = lost_as;
        edits[i].done(&edits[i]);
    }
}

static void a_store_that_is_lost_blames_no_condition(void **state)
{
    static const struct {
        enum edit_result result;
        int status;
        bool blames;
    } rows[] = {{EDIT_CONFLICT, 412, true},
                {EDIT_UNSURE, 503, false},
                {EDIT_FAILED, 503, false},
                {EDIT_NO_ROOM, 507, false}};
    struct service_rig *service_rig = *state;
    struct store *store = service_rig->store;
    const struct store_backend *backend = store->backend;
    struct store_backend losing = *backend;
    losing.propose = lose;
    store->backend = &losing;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct visit visit;
        struct cgi cgi = publish("POST", "/a");
        lost_as = rows[i].result;
        assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), rows[i].status);
        assert_int_equal(strstr(visit.body, "A condition.") != NULL, rows[i].blames);
    }
    store->backend = backend;
}

static void only_bodies_that_will_be_read_are_kept(void **state)
{
    static const struct {
        const char *method, *access, *endpoint, *origin_status;
        size_t wanted;
    } rows[] = {
        {"PUT", "publish", NULL, NULL, 100},   {"PATCH", "publish", NULL, NULL, 100},
        {"POST", "publish", NULL, NULL, 0},    {"GET", "publish", NULL, NULL, 0},
        {"PUT", "read", NULL, NULL, 0},        {"PUT", NULL, NULL, NULL, 0},
        {"PUT", "publish", "status", NULL, 0}, {"PUT", "publish", NULL, "200", 0},
    };
    struct service_rig *service_rig = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cgi cgi = {.method = text_of(rows[i].method),
                          .access = text_of(rows[i].access),
                          .endpoint = text_of(rows[i].endpoint),
                          .origin_status = text_of(rows[i].origin_status)};
        assert_int_equal(service_wants_body(service_rig->service, &cgi), rows[i].wanted);
    }
}

static void headers_that_are_too_long_are_told_so(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct cgi cgi = {.too_long = true};
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 431);
    must_have(&visit, "Content-Type", "application/problem+json");
}

/* --- the rules --- */

static void new_rules_are_for_requests_from_now_on(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit before, after;
    struct service_rules rules = service_rig_rules;
    char cache_control[] = "private";
    hold(service_rig, &before, "/a", "50");
    rules.cache_control = cache_control;
    rules.max_waiting = 1;
    assert_true(service_set_rules(service_rig->service, &rules));
    memset(cache_control, 'x', sizeof cache_control - 1); /* they are copied */
    assert_int_equal(counter_read(&service_rig->counters.max_waiting), 1);
    hold(service_rig, &after, "/a", "50");
    assert_int_equal(visit_await(&after), 503);
    assert_int_equal(ask(service_rig, &after, "GET", "/a"), 404);
    must_have(&after, "Cache-Control", "private");
    rules.cache_control = "";
    assert_true(service_set_rules(service_rig->service, &rules));
    ask(service_rig, &after, "GET", "/a");
    must_have(&after, "Cache-Control", NULL);
    service_rig_put(service_rig, "/a", "1");
    assert_int_equal(visit_await(&before), 200);
}

static struct service_rig *service_rig_to_reload;

const char *__real_origin_check(struct text origin);
const char *__wrap_origin_check(struct text origin);

/* In the middle of a request, before its path is looked at. */
const char *__wrap_origin_check(struct text origin)
{
    struct service_rules rules = service_rig_rules;
    rules.limit_path = 1000;
    if (service_rig_to_reload != NULL)
        assert_true(service_set_rules(service_rig_to_reload->service, &rules));
    service_rig_to_reload = NULL;
    return __real_origin_check(origin);
}

/* It was put together as long as the old rules allow. */
static void a_reload_does_not_cut_a_path_that_is_being_looked_at(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct cgi cgi = publish("PUT", "/0123456789");
    cgi.path_info = TEXT("/012345678901234567890123456789");
    service_rig_to_reload = service_rig;
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 400);
    assert_int_equal(tree_resources(service_rig->tree), 0);
    assert_int_equal(service_rig_ask(service_rig, &visit, &cgi), 201);
}

#define TEST(name) service_rig_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_answered_with_its_headers),
        TEST(a_head_is_a_get_without_the_body),
        TEST(what_does_not_exist_has_an_index_too),
        TEST(a_change_answers_who_waits),
        TEST(a_deletion_answers_who_waits_with_404),
        TEST(no_index_goes_back_where_a_path_is_not_remembered),
        TEST(a_wait_that_runs_out_is_answered_with_304),
        TEST(an_honoured_preference_is_named),
        TEST(who_hangs_up_is_not_answered),
        TEST(who_was_answered_cannot_hang_up),
        TEST(one_more_than_may_wait_is_refused),
        TEST(a_stop_answers_who_waits_and_who_comes_late),
        TEST(script_name_and_path_info_make_the_path),
        TEST(methods_are_granted_by_the_location),
        TEST(a_store_without_documents_grants_touches_alone),
        TEST(a_store_that_is_lost_blames_no_condition),
        TEST(only_bodies_that_will_be_read_are_kept),
        TEST(headers_that_are_too_long_are_told_so),
        TEST(new_rules_are_for_requests_from_now_on),
        TEST(a_reload_does_not_cut_a_path_that_is_being_looked_at),
    };
    return cmocka_run_group_tests_name("service/service", tests, NULL, NULL);
}
