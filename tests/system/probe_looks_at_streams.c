/* SPDX-License-Identifier: ISC */
/*
 * fcgiwait --probe looks at real streams and at HTTP/2 through real proxies, which all
 * are probed at the same time.
 */
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "probed.h"
#include "stack.h"

#define LIST "/list/"

static struct stack stack;

/* Two things are said; each begins a line. */
struct row {
    const char *name;
    enum hop_kind kind;
    const char *lines;
    const char *path, *options;
    int status;
    const char *says, *also;
};

static const struct row rows[] = {
    {"streams that go on and HTTP/2 without a limit", HOP_NGINX_TLS, "", "/a",
     "--wait 2s", 0, "good stream the first byte arrives after ",
     "good http2 20 requests wait side by side on one connection"},
    {"few streams of HTTP/2", HOP_NGINX_TLS, "http2_max_concurrent_streams 4;", "/a",
     "--wait 2s", 1, "fault http2 only 4 requests", "good stream "},
    {"an nginx that gathers", HOP_NGINX, "proxy_http_version 1.0; proxy_buffering on;",
     "/a", "--wait 2s", 1, "fault stream nothing of a stream arrives within ",
     "good wait "},
    {"a lighttpd that gathers", HOP_LIGHTTPD, "\n", "/a", "--wait 2s", 1,
     "fault stream nothing of a stream arrives within ", "good wait "},
    {"an nginx that compresses streams", HOP_NGINX,
     "gzip on; gzip_proxied any; gzip_types text/event-stream;", "/a", "--wait 2s", 0,
     "note stream streams are compressed (gzip)", "good stream "},
    {"a time-out that heartbeats are shorter than", HOP_HAPROXY, " timeout server 4s",
     "/a", "--wait 8s", 1, "good stream ", "fault wait "},
    {"a time-out that they are longer than", HOP_HAPROXY, " timeout server 1500ms", "/a",
     "--wait 6s", 1, "fault stream a stream is cut after ", "fault wait "},
    {"a resource that does not exist", HOP_NGINX, "", "/none", "--wait 2s", 0,
     "good stream ", "good answer 404 "},
    {"a resource that can't be an event", HOP_NGINX, "", "/bytes", "--wait 2s", 0,
     "note stream streams are not granted here (406)", "good wait "},
};
#define ROWS (sizeof rows / sizeof *rows)

static struct probed probed[ROWS], published, delayed, followed;

static bool says(const struct run *run, const char *what)
{
    char line[256];
    snprintf(line, sizeof line, "\n%s", what);
    return strstr(run->output, line) != NULL;
}

static void must_say(const struct row *row, const struct run *run, const char *what)
{
    must(says(run, what), "%s: not \"%s\", but:\n%s", row->name, what, run->output);
}

static void begin(size_t i)
{
    if (probed_behind(&probed[i], &stack, rows[i].kind, rows[i].lines))
        probed_start(&probed[i], rows[i].path, rows[i].options);
}

/* Who stands still for a second or two can't be told from one who keeps things back: what
 * has gone wrong is tried again. */
static struct run result_of(size_t i)
{
    struct run run = probed_result(&probed[i]);
    for (int tries = 0; tries < 3; tries++) {
        if (run.status == rows[i].status && says(&run, rows[i].says) &&
            says(&run, rows[i].also))
            break;
        print_message("%s: once more, after:\n%s", rows[i].name, run.output);
        begin(i);
        run = probed_result(&probed[i]);
    }
    return run;
}

static void each_chain_is_told_of(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        if (probed[i].probe == NULL)
            continue;
        struct run run = result_of(i);
        must(run.status == rows[i].status, "%s: exit status %d:\n%s", rows[i].name,
             run.status, run.output);
        must_say(&rows[i], &run, rows[i].says);
        must_say(&rows[i], &run, rows[i].also);
    }
}

static void probe_publish(struct probed *probed, enum hop_kind kind, const char *asked,
                          const char *path)
{
    char options[128];
    snprintf(options, sizeof options, "--wait 1s --publish http://127.0.0.1:%d/publish%s",
             stack.port, path);
    must(http_put(stack.port, path, "1", NULL) / 100 == 2, "PUT %s", path);
    if (probed_behind(probed, &stack, kind, ""))
        probed_start(probed, asked, options);
}

static void a_change_comes_by_an_open_stream(void **state)
{
    (void)state;
    static const char event[] = " event a change comes by an open stream, ";
    struct run run = probed_result(&published);
    for (int i = 0; i < 3 && (run.status != 0 || strstr(run.output, event) == NULL);
         i++) {
        probe_publish(&published, HOP_NGINX, "/published", "/published");
        run = probed_result(&published);
    }
    run_must(&run, 0, "\ngood publish ");
    run_must(&run, 0, event);
}

/* HAProxy's 200 ms are seen by what an answer of the same age took; which takes as long
 * on a machine that stands still just then. */
static void must_be_delayed(struct probed *delayed, const char *asked, const char *path)
{
    static const char note[] = "\nnote event a change comes by an open stream, ";
    struct run run = probed_result(delayed);
    for (int i = 0; i < 4 && (run.status != 0 || strstr(run.output, note) == NULL); i++) {
        probe_publish(delayed, HOP_HAPROXY, asked, path);
        run = probed_result(delayed);
    }
    run_must(&run, 0, note);
    run_must(&run, 0, "HAProxy does without option http-no-delay");
}

static void who_waits_for_more_is_named(void **state)
{
    (void)state;
    must_be_delayed(&delayed, "/delayed", "/delayed");
}

/* Its stream begins with an event that tells no change. */
static void a_list_is_told_of_by_its_change(void **state)
{
    (void)state;
    must_be_delayed(&followed, LIST, LIST "a");
}

static int begin_all(void **state)
{
    (void)state;
    stack_start(&stack,
                &(struct stack_options){
                    .config = "stream = { heartbeat = \"3s\"; };",
                    .location = "set $scope \"\"; "
                                "if ($uri = " LIST ") { set $scope below; } "
                                "fastcgi_param FCGIWAIT_SCOPE $scope if_not_empty;"});
    must(http_put(stack.port, "/a", "{\"n\":1}", NULL) == 201, "PUT /a");
    struct answer answer = http(&(struct http){.port = stack.port,
                                               .method = "PUT",
                                               .path = "/publish/bytes",
                                               .headers = {"Content-Type: image/png"},
                                               .body = "\x89PNG"});
    must(answer.status == 201, "PUT /bytes: %ld", answer.status);
    answer_free(&answer);
    for (size_t i = 0; i < ROWS; i++)
        begin(i);
    probe_publish(&published, HOP_NGINX, "/published", "/published");
    probe_publish(&delayed, HOP_HAPROXY, "/delayed", "/delayed");
    probe_publish(&followed, HOP_HAPROXY, LIST, LIST "a");
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    stack_stop(&stack);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_chain_is_told_of),
        cmocka_unit_test(a_change_comes_by_an_open_stream),
        cmocka_unit_test(who_waits_for_more_is_named),
        cmocka_unit_test(a_list_is_told_of_by_its_change),
    };
    return cmocka_run_group_tests_name("probe_looks_at_streams", tests, begin_all,
                                       end_all);
}
