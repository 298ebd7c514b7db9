/* SPDX-License-Identifier: ISC */
/* Writes that the web server reports, and who is woken by them. */
#include <stdio.h>
#include <stdlib.h>

#include "service/again.h"
#include "fcgiwait/path.h"
#include "service/service_private.h"
#include "must.h"
#include "service_rig.h"
#include "store/backend.h"

/* Behind an origin. */
static uint64_t index_of(struct service_rig *service_rig, const char *path)
{
    struct present present;
    tree_look(service_rig->tree, path_without_slash(text_of(path)), SCOPE_BELOW,
              &present);
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
    static const char *const statuses[] = {"100", "199", "307", "308", "400",
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

/* As a cache would take it (RFC 9111 section 4.4). */
static void a_redirect_is_a_success_unless_it_says_to_ask_again(void **state)
{
    static const char *const statuses[] = {"200", "202", "205", "300",
                                           "301", "302", "303"};
    struct service_rig *service_rig = *state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct visit visit;
        wait_for(service_rig, &visit, "/posts");
        assert_int_equal(report(service_rig, "POST", "/posts", statuses[i]), 204);
        visit_await(&visit);
    }
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

/* What one report names, and what lies above it, changes in one step: nobody is told of
 * half of it, to hear of the other half when it comes again. */
static void one_report_wakes_once(void **state)
{
    static const char *const paths[] = {"/posts/1", "/posts", "/", "/posts/1/comments"};
    struct service_rig *service_rig = *state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct visit waiting, report;
        char value[256];
        wait_for(service_rig, &waiting, paths[i]);
        struct cgi cgi = report_of("DELETE", "/posts/1", "204");
        cgi.also = TEXT("/posts/1/* /posts");
        service_rig_ask(service_rig, &report, &cgi);
        assert_int_equal(visit_await(&waiting), 200);
        assert_int_equal(
            strtoull(visit_header(&waiting, "X-Polling-Index", value), NULL, 10),
            store_index(service_rig->store));
    }
}

/* A store that has no room, for a while. */
struct full_store {
    struct store store;
    struct store *real;
    bool is_full;
};

static void full_propose(struct store *store, struct edit *edits, size_t count)
{
    struct full_store *full = (struct full_store *)store;
    if (!full->is_full) {
        store_commit(full->real, edits, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        edits[i].result = EDIT_NO_ROOM;
    for (struct edit *edit = edits, *end = edits + count; edit < end; edit++)
        edit->done(edit);
}

static void a_write_that_was_not_stored_wakes_its_readers_with_the_next_one(void **state)
{
    static const struct store_backend backend = {.type = "full", .propose = full_propose};
    struct service_rig *service_rig = *state;
    struct full_store full = {
        .store = {.backend = &backend}, .real = service_rig->store, .is_full = true};
    struct visit missed, other;
    service_rig->service->store = &full.store;
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

/* --- what the answer names beside the path --- */

static int answer_named(struct service_rig *service_rig, const struct cgi *names)
{
    struct visit visit;
    struct cgi cgi = report_of("POST", "/posts", "201");
    if (names->script_name.len > 0)
        cgi.script_name = names->script_name;
    cgi.resource = names->resource;
    cgi.request_uri = names->request_uri;
    cgi.host = names->host;
    cgi.location = names->location;
    cgi.content_location = names->content_location;
    cgi.also = names->also;
    cgi.again = names->again;
    return service_rig_ask(service_rig, &visit, &cgi);
}

static void must_wake(struct service_rig *service_rig, const struct cgi *names,
                      const char *path, bool wakes)
{
    struct visit visit;
    wait_for(service_rig, &visit, path);
    assert_int_equal(answer_named(service_rig, names), 204);
    if (visit_is_answered(&visit) || wakes) {
        visit_await(&visit);
        must(wakes, "%s was woken", path);
        return;
    }
    struct cgi cgi = report_of("PUT", path, "200"); /* it sleeps: wake it to go on */
    struct visit put;
    char value[256];
    uint64_t before = store_index(service_rig->store);
    assert_int_equal(service_rig_ask(service_rig, &put, &cgi), 204);
    visit_await(&visit);
    must(strtoull(visit_header(&visit, "X-Polling-Index", value), NULL, 10) > before,
         "%s was being woken", path);
}

static void what_the_answer_locates_is_touched_too(void **state)
{
    static const struct {
        struct cgi names;
        const char *path;
        bool wakes;
    } rows[] = {
        {{.location = TEXT("/posts/5")}, "/posts/5", true},
        {{.location = TEXT("/posts/5/")}, "/posts/5", true},
        {{.content_location = TEXT("/posts/5?a=1")}, "/posts/5", true},
        {{.location = TEXT("/x"), .content_location = TEXT("/posts/5")},
         "/posts/5",
         true},
        {{.location = TEXT("posts/5")}, "/posts/5", true},
        {{.location = TEXT("./5"), .request_uri = TEXT("/posts/?a=1")}, "/posts/5", true},
        {{.location = TEXT("http://api/posts/5"), .host = TEXT("api")}, "/posts/5", true},
        {{.location = TEXT("//api/posts/5"), .host = TEXT("api:80")}, "/posts/5", true},
        {{.location = TEXT("http://b/posts/5"), .host = TEXT("api")}, "/posts/5", false},
        {{.location = TEXT("http://b/posts/5")}, "/posts/5", false},
        {{.location = TEXT("/p%6Fsts/%35")}, "/posts/5", true},
        {{.location = TEXT("/posts/6")}, "/posts/5", false},
        {{.location = TEXT("/a/path/longer/than/they/may/be")}, "/a/path/longer", true},
        {{.location = TEXT("/%zz")}, "/posts/5", false},
        /* other names in front of fcgiwait than in front of the API */
        {{.resource = TEXT("/a.b/posts"),
          .request_uri = TEXT("/posts"),
          .location = TEXT("/posts/5")},
         "/a.b/posts/5",
         true},
        {{.resource = TEXT("/a.b/posts"),
          .request_uri = TEXT("/posts"),
          .location = TEXT("/posts/5")},
         "/posts/5",
         false},
        {{.request_uri = TEXT("/api/posts"), .location = TEXT("/api/posts/5")},
         "/posts/5",
         true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        must_wake(*state, &rows[i].names, rows[i].path, rows[i].wakes);
}

static void the_configuration_names_more(void **state)
{
    static const struct {
        struct cgi names;
        const char *path;
        bool wakes;
    } rows[] = {
        {{.also = TEXT("/a /b")}, "/a", true},
        {{.also = TEXT("/a /b")}, "/b", true},
        {{.also = TEXT("  /a   /b ")}, "/b", true},
        {{.also = TEXT("/a /b")}, "/c", false},
        {{.also = TEXT("b nonsense /b%zz /a")}, "/a", true},
        {{.also = TEXT("b /a%20b")}, "/a b", true},
        /* and everything below, whether it is known or not */
        {{.also = TEXT("/albums/3/*")}, "/albums/3/photos/1", true},
        {{.also = TEXT("/albums/3/*")}, "/albums/3", true},
        {{.also = TEXT("/albums/3/*")}, "/albums", true},
        {{.also = TEXT("/albums/3/*")}, "/albums/4", false},
        {{.also = TEXT("/albums/3/*")}, "/albums/33", false},
        {{.also = TEXT("/*")}, "/x/y", true},
        /* as resources are called here, or as the API calls them */
        {{.resource = TEXT("/t/posts"),
          .request_uri = TEXT("/posts"),
          .also = TEXT("/a/*")},
         "/t/a/1",
         true},
        {{.resource = TEXT("/t/posts"),
          .request_uri = TEXT("/posts"),
          .also = TEXT("/t/a")},
         "/t/a",
         true},
        {{.resource = TEXT("/t/posts"),
          .request_uri = TEXT("/posts"),
          .also = TEXT("/*")},
         "/t/a",
         true},
        {{.resource = TEXT("/t/posts"),
          .request_uri = TEXT("/posts"),
          .also = TEXT("/* /a/../*")},
         "/u/a",
         false},
        {{.request_uri = TEXT("/api/posts"), .also = TEXT("/*")}, "/u/a", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        must_wake(*state, &rows[i].names, rows[i].path, rows[i].wakes);
}

static void one_of_many_names_is_not_missed(void **state)
{
    static char also[4 * 300];
    for (size_t i = 0; i < 300; i++)
        memcpy(also + 4 * i, i == 299 ? "/zz" : "/yy", 3), also[4 * i + 3] = ' ';
    struct cgi names = {.also = {also, sizeof also}};
    must_wake(*state, &names, "/zz", true);
    must_wake(*state, &names, "/yy", true);
}

static void each_path_changes_once(void **state)
{
    struct service_rig *service_rig = *state;
    struct cgi names = {.location = TEXT("/posts"),
                        .also = TEXT("/posts /posts/5 /posts")};
    uint64_t before = store_index(service_rig->store);
    assert_int_equal(answer_named(service_rig, &names), 204);
    assert_int_equal(store_index(service_rig->store), before + 2);
}

/* --- again --- */

static void a_report_counts_again_after_its_times(void **state)
{
    struct service_rig *service_rig = *state;
    struct cgi names = {.location = TEXT("/posts/5"), .again = TEXT("20ms, 40ms")};
    uint64_t before = store_index(service_rig->store);
    assert_int_equal(answer_named(service_rig, &names), 204);
    for (int i = 0; i < 2; i++) {
        struct visit visit;
        char query[64];
        snprintf(query, sizeof query, "index=%llu&wait=50",
                 (unsigned long long)(before + 2 + 2 * (uint64_t)i));
        struct cgi cgi = {.method = TEXT("GET"),
                          .script_name = TEXT("/posts/5"),
                          .query = text_of(query),
                          .origin = TEXT("/_origin")};
        service_rig_serve(service_rig, &visit, &cgi);
        assert_int_equal(visit_await(&visit), 200);
    }
    service_stop(service_rig->service);
    assert_int_equal(store_index(service_rig->store), before + 6);
    assert_int_equal(counter_read(&service_rig->counters.repeated), 2);
}

static void what_is_left_counts_before_a_stop(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct cgi names = {.again = TEXT("9m,8m")};
    assert_int_equal(answer_named(service_rig, &names), 204);
    wait_for(service_rig, &visit, "/posts");
    assert_true(service_set_rules(service_rig->service, &service_rig_rules));
    assert_false(visit_is_answered(&visit));
    service_stop(service_rig->service);
    visit_await(&visit);
    assert_int_equal(counter_read(&service_rig->counters.repeated), 2);
    uint64_t before = store_index(service_rig->store);
    assert_int_equal(answer_named(service_rig, &names), 204); /* a late one */
    assert_int_equal(store_index(service_rig->store), before + 3);
}

/* No more than so many are kept; then it is everything that changes. */
static void too_many_at_once_are_one_change_of_everything(void **state)
{
    struct service_rig *service_rig = *state;
    struct visit visit;
    struct cgi names = {.again = TEXT("9m")};
    for (int i = 0; i < AGAIN_MOST; i++)
        assert_int_equal(answer_named(service_rig, &names), 204);
    names.script_name = TEXT("/more");
    assert_int_equal(answer_named(service_rig, &names), 204);
    assert_int_equal(answer_named(service_rig, &names), 204);
    wait_for(service_rig, &visit, "/more");
    service_stop(service_rig->service);
    visit_await(&visit);
    assert_int_equal(counter_read(&service_rig->counters.repeated), AGAIN_MOST + 1);
}

static void times_that_are_none_take_nothing_from_the_report(void **state)
{
    struct service_rig *service_rig = *state;
    struct cgi names = {.again = TEXT("soon")};
    uint64_t before = store_index(service_rig->store);
    assert_int_equal(answer_named(service_rig, &names), 204);
    assert_int_equal(store_index(service_rig->store), before + 1);
}

#define TEST(name) service_rig_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_redirect_is_a_success_unless_it_says_to_ask_again),
        TEST(what_the_answer_locates_is_touched_too),
        TEST(the_configuration_names_more),
        TEST(one_of_many_names_is_not_missed),
        TEST(each_path_changes_once),
        TEST(a_report_counts_again_after_its_times),
        TEST(what_is_left_counts_before_a_stop),
        TEST(too_many_at_once_are_one_change_of_everything),
        TEST(times_that_are_none_take_nothing_from_the_report),
        TEST(a_success_wakes_the_path_and_all_that_it_lies_below),
        TEST(a_slash_at_the_end_makes_no_other_list),
        TEST(one_report_wakes_once),
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
