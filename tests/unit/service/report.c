/* SPDX-License-Identifier: ISC */
/* Writes that the web server reports, and who is woken by them. */
#include <stdio.h>
#include <stdlib.h>

#include "service/origin.h"
#include "must.h"
#include "service_rig.h"
#include "store/backend.h"

static int start(void **state)
{
    *state = malloc(sizeof(struct service_rig));
    service_rig_open(*state, &service_rig_rules);
    return 0;
}

static int stop(void **state)
{
    service_rig_close(*state);
    free(*state);
    return 0;
}

/* Behind an origin. */
static uint64_t index_of(struct service_rig *service_rig, const char *path)
{
    struct present present;
    tree_look(service_rig->tree, origin_path(text_of(path)), SCOPE_BELOW, &present);
    present_dispose(&present);
    return present.index;
}

/* Waits behind an origin for the path's next change. */
static void wait_for(struct service_rig *service_rig, struct visit *visit,
                     const char *path)
{
    char query[64];
    snprintf(query, sizeof query, "index=%llu&a=1&wait=50",
             (unsigned long long)index_of(service_rig, path));
    struct cgi cgi = {.method = TEXT("GET"),
                      .script_name = text_of(path),
                      .query = text_of(query),
                      .origin = TEXT("/_origin")};
    service_rig_serve(service_rig, visit, &cgi);
    assert_false(visit_is_answered(visit));
}

static struct cgi report_of(const char *method, const char *path, const char *status)
{
    return (struct cgi){.method = text_of(method),
                        .script_name = text_of(path),
                        .access = TEXT("publish"),
                        .body_length = 1000000,
                        .content_length = TEXT("7"),
                        .origin_status = text_of(status)};
}

static int report(struct service_rig *service_rig, const char *method, const char *path,
                  const char *status)
{
    struct visit visit;
    struct cgi cgi = report_of(method, path, status);
    service_rig_serve(service_rig, &visit, &cgi);
    assert_true(visit_is_answered(&visit));
    return visit.status;
}

static void a_success_wakes_the_path_and_all_that_it_lies_below(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit post, list, root, other;
    wait_for(service_rig, &post, "/posts/1");
    wait_for(service_rig, &list, "/posts");
    wait_for(service_rig, &root, "/");
    wait_for(service_rig, &other, "/posts/2");
    assert_int_equal(report(service_rig, "PUT", "/posts/1", "200"), 204);
    visit_await(&post);
    visit_await(&list);
    visit_await(&root);
    assert_int_equal(post.status, 200);
    assert_string_equal(post.body, "X-Accel-Redirect: /_origin/posts/1?a=1\r\n\r\n");
    assert_string_equal(list.body, "X-Accel-Redirect: /_origin/posts?a=1\r\n\r\n");
    assert_false(visit_is_answered(&other));
    assert_int_equal(report(service_rig, "DELETE", "/posts/2", "204"), 204);
    visit_await(&other);
}

static void a_slash_at_the_end_makes_no_other_list(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit list, post;
    wait_for(service_rig, &list, "/posts/");
    wait_for(service_rig, &post, "/posts/1/");
    assert_int_equal(report(service_rig, "PUT", "/posts/1/", "200"), 204);
    visit_await(&list);
    visit_await(&post);
    assert_string_equal(list.body, "X-Accel-Redirect: /_origin/posts/?a=1\r\n\r\n");
    assert_string_equal(post.body, "X-Accel-Redirect: /_origin/posts/1/?a=1\r\n\r\n");
    wait_for(service_rig, &list, "/posts/");
    assert_int_equal(report(service_rig, "PUT", "/posts", "200"), 204);
    visit_await(&list);
}

static void any_method_reports(void **state)
{
    static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE", "PURGE"};
    struct service_rig *service_rig = *state;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct visit visit;
        wait_for(service_rig, &visit, "/posts");
        assert_int_equal(report(service_rig, methods[i], "/posts", "201"), 204);
        visit_await(&visit);
    }
}

static void what_the_api_refused_touches_nothing(void **state)
{
    static const char *const statuses[] = {"100", "199", "304", "400",
                                           "404", "499", "502", "504"};
    struct service_rig *service_rig = *state;
    struct visit visit;
    wait_for(service_rig, &visit, "/posts");
    uint64_t before = store_index(service_rig->store);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        assert_int_equal(report(service_rig, "POST", "/posts", statuses[i]), 204);
    assert_false(visit_is_answered(&visit));
    assert_int_equal(store_index(service_rig->store), before);
    assert_int_equal(report(service_rig, "POST", "/posts", "200"), 204);
    visit_await(&visit);
}

static void a_malformed_status_touches_nothing(void **state)
{
    static const char *const statuses[] = {"",     "2",   "20",   "2000",
                                           "2xx",  "OK",  "-20",  " 200",
                                           "200 ", "099", "2 00", "502, 200"};
    struct service_rig *service_rig = *state;
    uint64_t before = store_index(service_rig->store);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (report(service_rig, "PUT", "/posts", statuses[i]) != 400)
            fail_msg("\"%s\" was taken", statuses[i]);
    assert_int_equal(store_index(service_rig->store), before);
}

static void a_report_needs_the_right_to_publish(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct cgi cgi = report_of("POST", "/posts", "200");
    uint64_t before = store_index(service_rig->store);
    cgi.access = TEXT("read");
    service_rig_serve(service_rig, &visit, &cgi);
    assert_true(visit_is_answered(&visit));
    assert_int_equal(visit.status, 500);
    assert_int_equal(store_index(service_rig->store), before);
}

/* Nobody can wait for such a path, but the list it belongs to has changed. */
static void a_path_that_nobody_can_wait_for_touches_what_it_lies_below(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    wait_for(service_rig, &visit, "/posts");
    assert_int_equal(report(service_rig, "PUT", "/posts/0123456789012345678901", "200"),
                     204);
    visit_await(&visit);
    wait_for(service_rig, &visit, "/posts");
    assert_int_equal(report(service_rig, "PUT", "/posts/a\nb", "200"), 204);
    visit_await(&visit);
    assert_int_equal(report(service_rig, "PUT", "posts", "200"), 400);
}

static void more_paths_than_are_remembered_wake_whom_they_concern(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit, other;
    assert_int_equal(report(service_rig, "PUT", "/posts/1", "200"), 204);
    uint64_t before = index_of(service_rig, "/posts/1");
    store_set_limit(service_rig->store, 1);
    wait_for(service_rig, &visit, "/posts/2");
    wait_for(service_rig, &other, "/files");
    assert_int_equal(report(service_rig, "PUT", "/posts/2", "200"), 204);
    visit_await(&visit);
    assert_false(visit_is_answered(&other));
    assert_int_equal(tree_tombstones(service_rig->tree), 1);
    assert_true(index_of(service_rig, "/posts/1") >= before);
    assert_int_equal(report(service_rig, "PUT", "/files/1", "200"), 204);
    visit_await(&other);
}

static void the_report_is_answered_with_the_new_index(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    char line[64];
    struct cgi cgi = report_of("POST", "/posts", "201");
    service_rig_serve(service_rig, &visit, &cgi);
    assert_true(visit_is_answered(&visit));
    snprintf(line, sizeof line, "X-Polling-Index: %llu\r\n",
             (unsigned long long)index_of(service_rig, "/posts"));
    assert_non_null(strstr(visit.head, line));
    assert_int_equal(index_of(service_rig, "/posts"), store_index(service_rig->store));
}

/* A store that has no room, for a while. */
struct full_store {
    struct store store;
    struct store *real;
    bool is_full;
};

static void full_commit(struct store *store, struct edit *edit)
{
    struct full_store *full = (struct full_store *)store;
    if (!full->is_full) {
        store_commit(full->real, edit);
        return;
    }
    edit->result = EDIT_NO_ROOM;
    edit->done(edit);
}

static void a_write_that_was_not_stored_wakes_its_readers_with_the_next_one(void **state)
{
    static const struct store_backend backend = {.type = "full", .commit = full_commit};
    struct service_rig *service_rig = *state;
    struct full_store full = {
        .store = {.backend = &backend}, .real = service_rig->store, .is_full = true};
    struct visit missed, other;
    service_set(service_rig->service, service_rig->room, &full.store);
    wait_for(service_rig, &missed, "/posts/1");
    wait_for(service_rig, &other, "/files");
    for (int i = 0; i < 2; i++)
        assert_int_equal(report(service_rig, "PUT", "/posts/1", "200"), 503);
    assert_false(visit_is_answered(&missed));
    full.is_full = false;
    assert_int_equal(report(service_rig, "PUT", "/posts/2", "200"), 204);
    visit_await(&missed);
    visit_await(&other);
    wait_for(service_rig, &other, "/files"); /* and that was that */
    assert_int_equal(report(service_rig, "PUT", "/posts/2", "200"), 204);
    assert_false(visit_is_answered(&other));
    assert_int_equal(report(service_rig, "PUT", "/files/1", "200"), 204);
    visit_await(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_success_wakes_the_path_and_all_that_it_lies_below),
        TEST(a_slash_at_the_end_makes_no_other_list),
        TEST(any_method_reports),
        TEST(what_the_api_refused_touches_nothing),
        TEST(a_malformed_status_touches_nothing),
        TEST(a_report_needs_the_right_to_publish),
        TEST(a_path_that_nobody_can_wait_for_touches_what_it_lies_below),
        TEST(more_paths_than_are_remembered_wake_whom_they_concern),
        TEST(the_report_is_answered_with_the_new_index),
        TEST(a_write_that_was_not_stored_wakes_its_readers_with_the_next_one),
    };
    return cmocka_run_group_tests_name("service/report", tests, NULL, NULL);
}
