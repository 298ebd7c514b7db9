/* SPDX-License-Identifier: ISC */
/* The service when memory runs out: every request is answered, as it would have been or
 * with 503, and nobody is left waiting. */
#include <stdio.h>
#include <stdlib.h>

#include "faults.h"
#include "must.h"
#include "service_rig.h"

static const struct service_rules rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                           .wait_max = 60 * NANOS_PER_SECOND,
                                           .max_waiting = 100,
                                           .limit_body = 1000,
                                           .limit_path = 100,
                                           .waiting_per_client = 1,
                                           .limit_changes = 10,
                                           .limit_answer = 10000,
                                           .stream_max = 600 * NANOS_PER_SECOND,
                                           .stream_heartbeat = 600 * NANOS_PER_SECOND,
                                           .cache_control = "no-store"};

/* What is asked, of a service_rig with a document {"a":1} at /a; and the right answer.
 */
static struct cgi cgi;
static int right;

static void must_be_sane(const struct visit *visit, bool refused)
{
    if (visit->status == right)
        return;
    must(visit->status == 503 && refused, "status %d", visit->status);
    assert_non_null(strstr(visit->head, "\r\n\r\n"));
}

static void open_rig(struct service_rig *service_rig)
{
    struct visit visit;
    struct cgi put = {.method = TEXT("PUT"),
                      .script_name = TEXT("/a"),
                      .access = TEXT("publish"),
                      .content_type = TEXT("application/json"),
                      .body = TEXT("{\"a\":1}"),
                      .body_length = 7};
    service_rig_open(service_rig, &rules);
    assert_int_equal(service_rig_ask(service_rig, &visit, &put), 201);
}

static void close_rig(struct service_rig *service_rig)
{
    assert_int_equal(counter_read(&service_rig->counters.waiting), 0);
    service_rig_close(service_rig);
}

static bool asking(long nth, enum faults faults)
{
    struct service_rig service_rig;
    struct visit visit;
    open_rig(&service_rig);
    faults_arm(nth, faults);
    service_rig_ask(&service_rig, &visit, &cgi);
    bool refused = faults_disarm();
    must_be_sane(&visit, refused);
    struct cgi again = {.method = TEXT("GET"), .script_name = TEXT("/a")};
    int status = service_rig_ask(&service_rig, &visit, &again);
    must(status == 200 || status == 404, "status %d afterwards", status);
    close_rig(&service_rig);
    return refused;
}

static void sweep_request(const char *method, const char *path, const char *type,
                          const char *body, int status)
{
    cgi = (struct cgi){.method = text_of(method),
                       .script_name = text_of(path),
                       .access = TEXT("publish"),
                       .content_type = text_of(type),
                       .body = text_of(body),
                       .body_length = text_of(body).len};
    right = status;
    faults_sweep(asking);
}

/* A document is sent as it lies there: no memory, no lack. */
static void a_reader_of_a_document_needs_no_memory(void **state)
{
    struct service_rig service_rig;
    struct visit visit;
    (void)state;
    open_rig(&service_rig);
    cgi = (struct cgi){.method = TEXT("GET"), .script_name = TEXT("/a")};
    faults_arm(1, FAULTS_FROM_THEN);
    assert_int_equal(service_rig_ask(&service_rig, &visit, &cgi), 200);
    assert_false(faults_disarm());
    assert_string_equal(visit.body, "{\"a\":1}");
    close_rig(&service_rig);
}

static void readers_survive_each_lack(void **state)
{
    (void)state;
    sweep_request("GET", "/none", NULL, NULL, 404);
    sweep_request("GET", "/a//b", NULL, NULL, 400);
    sweep_request("PROPFIND", "/a", NULL, NULL, 405);
}

static void publishers_survive_each_lack(void **state)
{
    (void)state;
    sweep_request("PUT", "/a", "text/plain", "hello", 204);
    sweep_request("PUT", "/b/c", "application/json", "[1]", 201);
    sweep_request("PUT", "/a", "application/json", "[1", 400);
    sweep_request("PATCH", "/a", "application/merge-patch+json", "{\"b\":2}", 204);
    sweep_request("POST", "/a", NULL, NULL, 204);
    sweep_request("POST", "/x/y/z", NULL, NULL, 204);
    sweep_request("DELETE", "/a", NULL, NULL, 204);
    sweep_request("DELETE", "/none", NULL, NULL, 404);
}

static void endpoints_survive_each_lack(void **state)
{
    (void)state;
    cgi = (struct cgi){.method = TEXT("GET"), .endpoint = TEXT("health")};
    right = 200;
    faults_sweep(asking);
    cgi.endpoint = TEXT("statistics");
    right = 500;
    faults_sweep(asking);
}

static void readers_behind_an_origin_survive_each_lack(void **state)
{
    (void)state;
    cgi = (struct cgi){
        .method = TEXT("GET"), .script_name = TEXT("/a"), .origin = TEXT("/_origin")};
    right = 200;
    faults_sweep(asking);
}

static void readers_of_lists_survive_each_lack(void **state)
{
    (void)state;
    cgi = (struct cgi){
        .method = TEXT("GET"), .script_name = TEXT("/"), .scope = TEXT("below")};
    right = 200;
    faults_sweep(asking);
    cgi.query = TEXT("only=a,b%2Cc");
    faults_sweep(asking);
    cgi.query = TEXT("only=../a");
    right = 400;
    faults_sweep(asking);
    cgi.method = TEXT("QUERY");
    cgi.body = TEXT("[\"a\",\"b/c\"]");
    cgi.body_length = cgi.body.len;
    right = 200;
    faults_sweep(asking);
    cgi.origin = TEXT("/_origin");
    faults_sweep(asking);
}

static void reported_writes_survive_each_lack(void **state)
{
    (void)state;
    cgi = (struct cgi){.method = TEXT("POST"),
                       .script_name = TEXT("/posts/1"),
                       .access = TEXT("publish"),
                       .origin_status = TEXT("201")};
    right = 204;
    faults_sweep(asking);
    cgi.location = TEXT("/posts/5");
    cgi.also = TEXT("/a /b/* /c");
    cgi.again = TEXT("5m,6m");
    faults_sweep(asking);
}

/* --- held requests --- */

static bool parking(long nth, enum faults faults)
{
    struct service_rig service_rig;
    struct visit visit;
    open_rig(&service_rig);
    faults_arm(nth, faults);
    service_rig_serve(&service_rig, &visit, &cgi);
    bool refused = faults_disarm();
    if (!refused) {
        assert_false(visit_is_answered(&visit));
        service_rig_put(&service_rig, "/wait", "1");
        assert_int_equal(visit_await(&visit), 200);
    } else {
        assert_int_equal(visit_await(&visit), 503);
        assert_int_equal(counter_read(&service_rig.counters.out_of_memory), 1);
        assert_int_equal(counter_read(&service_rig.counters.refused), 0);
    }
    close_rig(&service_rig);
    return refused;
}

static void who_cannot_be_held_is_told_so(void **state)
{
    (void)state;
    cgi = (struct cgi){.method = TEXT("GET"),
                       .script_name = TEXT("/wait"),
                       .query = TEXT("index=0&wait=50")};
    faults_sweep(parking);
    cgi.client = TEXT("somebody");
    faults_sweep(parking);
    cgi.scope = TEXT("below");
    cgi.script_name = TEXT("/");
    cgi.query = TEXT("index=0&wait=50&only=wait,b,c/d");
    faults_sweep(parking);
    cgi.scope = TEXT("");
    cgi.script_name = TEXT("/wait/for/one/that/is/deep");
    cgi.origin = TEXT("/_origin");
    cgi.query = TEXT("wait=0"); /* at once: only the way there takes memory */
    right = 200;
    faults_sweep(asking);
}

/* Begun, told of a change, or ended: its client comes back. */
static bool streaming(long nth, enum faults faults)
{
    struct service_rig service_rig;
    struct visit visit;
    open_rig(&service_rig);
    struct change change = {.kind = CHANGE_TOUCH,
                            .index = store_index(service_rig.store) + 1,
                            .path = TEXT("/a")};
    faults_arm(nth, faults);
    service_rig_serve(&service_rig, &visit, &cgi);
    must(tree_apply(service_rig.tree, &change), "what is there takes no memory");
    bool refused = faults_disarm();
    if (visit.status != 200)
        must(visit.status == 503 && refused, "status %d", visit.status);
    else
        must(visit.is_stream, "it is no stream");
    must(refused || !visit.ended, "it ended, and nothing lacked");
    service_rig_drain(&service_rig);
    assert_int_equal(visit.answers, 1);
    assert_int_equal(counter_read(&service_rig.counters.streams), 0);
    close_rig(&service_rig);
    return refused;
}

static void streams_survive_each_lack(void **state)
{
    static const char *const accepts[] = {"text/event-stream", "application/x-ndjson"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        cgi = (struct cgi){.method = TEXT("GET"),
                           .script_name = TEXT("/a"),
                           .accept = text_of(accepts[i])};
        faults_sweep(streaming);
        cgi.client = TEXT("somebody");
        cgi.origin = TEXT("/_origin");
        faults_sweep(streaming);
        cgi.scope = TEXT("below");
        cgi.script_name = TEXT("/");
        faults_sweep(streaming);
        cgi.origin = TEXT("");
        faults_sweep(streaming);
        cgi.query = TEXT("only=a,b,c/d");
        faults_sweep(streaming);
    }
}

/* The waitlist wakes while there is no memory at all. */
static bool waking(long nth, enum faults faults)
{
    struct service_rig service_rig;
    struct visit there, gone, expired;
    char query[64];
    open_rig(&service_rig);
    snprintf(query, sizeof query, "index=%llu&wait=50",
             (unsigned long long)service_rig_index(&service_rig, "/a", SCOPE_SELF));
    struct cgi wait = {
        .method = TEXT("GET"), .script_name = TEXT("/a"), .query = text_of(query)};
    service_rig_serve(&service_rig, &there, &wait);
    wait.script_name = TEXT("/none");
    wait.query = TEXT("index=0&wait=50");
    service_rig_serve(&service_rig, &gone, &wait);
    wait.query = TEXT("index=0&wait=40ms");
    service_rig_serve(&service_rig, &expired, &wait);
    faults_arm(nth, faults);
    struct change change = {.kind = CHANGE_TOUCH,
                            .index = store_index(service_rig.store) + 1,
                            .path = TEXT("/a")};
    must(tree_apply(service_rig.tree, &change), "what is there takes no memory");
    assert_int_equal(visit_await(&there), 200);
    assert_int_equal(visit_await(&expired), 304);
    change.index++;
    change.path = TEXT("/none");
    must(tree_apply(service_rig.tree, &change), "what is waited for takes no memory");
    assert_int_equal(visit_await(&gone), 404);
    bool refused = faults_disarm();
    close_rig(&service_rig);
    return refused;
}

static void who_waits_is_answered_whatever_lacks(void **state)
{
    (void)state;
    faults_sweep(waking);
}

/* --- the service itself --- */

static bool opening(long nth, enum faults faults)
{
    struct counters counters = {.requests = 0};
    struct tree *tree = tree_new(1);
    faults_arm(nth, faults);
    struct service *service = service_open(
        &(struct service_ground){.tree = tree, .counters = &counters}, &rules);
    bool refused = faults_disarm();
    assert_int_equal(service == NULL, refused);
    service_close(&service);
    tree_free(&tree);
    return refused;
}

static bool ruling(long nth, enum faults faults)
{
    struct service_rig service_rig;
    struct visit visit;
    char value[256];
    struct service_rules new_rules = rules;
    new_rules.cache_control = "private";
    open_rig(&service_rig);
    faults_arm(nth, faults);
    bool set = service_set_rules(service_rig.service, &new_rules);
    bool refused = faults_disarm();
    assert_int_equal(set, !refused);
    cgi = (struct cgi){.method = TEXT("GET"), .script_name = TEXT("/a")};
    service_rig_ask(&service_rig, &visit, &cgi);
    assert_string_equal(visit_header(&visit, "Cache-Control", value),
                        refused ? "no-store" : "private");
    close_rig(&service_rig);
    return refused;
}

static void the_service_opens_or_does_not(void **state)
{
    (void)state;
    faults_sweep(opening);
}

static void without_memory_the_old_rules_stay(void **state)
{
    (void)state;
    faults_sweep(ruling);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_of_a_document_needs_no_memory),
        cmocka_unit_test(readers_survive_each_lack),
        cmocka_unit_test(publishers_survive_each_lack),
        cmocka_unit_test(endpoints_survive_each_lack),
        cmocka_unit_test(readers_behind_an_origin_survive_each_lack),
        cmocka_unit_test(readers_of_lists_survive_each_lack),
        cmocka_unit_test(reported_writes_survive_each_lack),
        cmocka_unit_test(who_cannot_be_held_is_told_so),
        cmocka_unit_test(streams_survive_each_lack),
        cmocka_unit_test(who_waits_is_answered_whatever_lacks),
        cmocka_unit_test(the_service_opens_or_does_not),
        cmocka_unit_test(without_memory_the_old_rules_stay),
    };
    return cmocka_run_group_tests_name("fault/service", tests, NULL, NULL);
}
