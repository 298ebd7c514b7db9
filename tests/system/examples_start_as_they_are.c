/* SPDX-License-Identifier: ISC */
/* EXAMPLES in the environment names the folder of the examples. */
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"
#include "must.h"
#include "reader.h"
#include "stack.h"

static const char *example; /* the file that write_example() adapts */

static const char *examples(void)
{
    const char *folder = getenv("EXAMPLES");
    must(folder != NULL, "EXAMPLES has to name the folder of the examples");
    return folder;
}

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...)
{
    char command[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command);
}

static glob_t all_examples(void)
{
    char pattern[1024];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*.conf", examples());
    must(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0, "no %s", pattern);
    return found;
}

static void nginx_takes_every_file_as_it_is(void **state)
{
    (void)state;
    char dir[] = "/tmp/fcgiwait-test.XXXXXX";
    must(mkdtemp(dir) != NULL, "mkdtemp");
    assert_int_equal(run("cp -r '%s/www' %s", examples(), dir), 0);
    glob_t found = all_examples();
    for (size_t i = 0; i < found.gl_pathc; i++) {
        int status =
            run("nginx -p %s -c '%s' -t >%s/said 2>&1 || { cat %s/said; exit 1; }", dir,
                found.gl_pathv[i], dir, dir);
        must(status == 0, "nginx refuses %s", found.gl_pathv[i]);
    }
    globfree(&found);
    assert_int_equal(run("rm -rf %s", dir), 0);
}

/* Another port, another socket, another user, and in the foreground: nothing else. */
static void write_example(const struct stack *stack)
{
    int status = run(
        "cp -r '%s/www' '%s/nginx' %s && sed -e 's|127\\.0\\.0\\.1:8080|127.0.0.1:%d|' "
        "-e 's|unix:/run/fcgiwait/fcgiwait.sock|unix:%s|' -e 's|^user .*|%s|' "
        "-e 's|^pid .*|& daemon off;|' '%s' >%s/nginx.conf",
        examples(), examples(), stack->dir, stack->port, stack->socket,
        geteuid() == 0 ? "user root;" : "", example, stack->dir);
    must(status == 0, "sed %s", example);
}

static const struct stack_options adapted = {.write_nginx_conf = write_example};

static void every_file_starts(void **state)
{
    (void)state;
    glob_t found = all_examples();
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stack stack;
        example = found.gl_pathv[i];
        stack_start(&stack, &adapted);
        struct answer answer = http_get(stack.port, "/", NULL);
        must(answer.status > 0, "%s: no answer", example);
        answer_free(&answer);
        stack_stop(&stack);
    }
    globfree(&found);
}

static void must_get(const struct stack *stack, const char *path, const char *type)
{
    char value[256];
    struct answer answer = http_get(stack->port, path, NULL);
    must(answer.status == 200, "%s: %ld", path, answer.status);
    answer_header(&answer, "Content-Type", value);
    must(strncmp(value, type, strlen(type)) == 0, "%s: %s", path, value);
    answer_free(&answer);
}

/* What the comment at its top says. */
static void longpoll_conf_does_what_it_shows(void **state)
{
    struct stack stack;
    char path[512], index[24], url[64];
    (void)state;
    snprintf(path, sizeof path, "%s/longpoll.conf", examples());
    example = path;
    stack_start(&stack, &adapted);
    assert_int_equal(http_put(stack.port, "/live/news", "1", index), 201);
    snprintf(url, sizeof url, "/live/news?index=%s&wait=50", index);
    struct call *call = call_start(&(struct http){.port = stack.port, .path = url});
    struct answer answer;
    for (double start = seconds_now();; sleep_ms(5)) {
        answer = http_get(stack.port, "/status", NULL);
        if (strstr(answer.body, "\"waiting\":1,") != NULL)
            break;
        must(seconds_now() - start < 60, "nobody waits: %s", answer.body);
        answer_free(&answer);
    }
    answer_free(&answer);
    assert_int_equal(http_put(stack.port, "/live/news", "2", NULL), 204);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "2");
    answer_free(&answer);
    assert_int_equal(http_put(stack.port, "/elsewhere", "2", NULL), 405); /* static */
    must_get(&stack, "/", "text/html");
    must_get(&stack, "/longpoll.js", "text/javascript");
    must_get(&stack, "/health", "text/plain");
    must_get(&stack, "/status", "application/json");
    must_get(&stack, "/metrics", "text/plain");
    must_get(&stack, "/page", "text/html");
    must_get(&stack, "/page?script", "text/javascript");
    stack_stop(&stack);
}

/* --- streams --- */

#define SOON 5.0 /* seconds: less than a heartbeat, which would bring along what lags */

static void start_example(struct stack *stack, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", examples(), name);
    example = path;
    stack_start(stack, &adapted);
}

static void open_stream(struct reader *reader, const struct stack *stack,
                        const char *path, const char *accept)
{
    const char *const headers[] = {accept, "Accept-Encoding: gzip", NULL};
    char value[256];
    reader_open(reader, stack->port, NULL, path, headers, 0);
    must(reader->status == 200, "%s: %d", path, reader->status);
    must(reader_header(reader, "Content-Encoding", value)[0] == '\0', "%s: %s", path,
         value);
}

/* The next event, or line, is this, and comes at once. */
static void must_tell(struct reader *reader, const char *end, const char *what)
{
    double start = seconds_now();
    const char *got;
    do
        got = reader_take(reader, end);
    while (got != NULL && (got[0] == ':' || got[0] == '\0') &&
           seconds_now() - start < SOON);
    must(got != NULL && strstr(got, what) != NULL, "not %s, but %s", what, got);
}

static void longpoll_conf_streams(void **state)
{
    struct stack stack;
    struct reader events, lines, below;
    (void)state;
    start_example(&stack, "longpoll.conf");
    assert_int_equal(http_put(stack.port, "/live/news", "1", NULL), 201);
    open_stream(&events, &stack, "/live/news", "Accept: text/event-stream");
    open_stream(&lines, &stack, "/live/news", "Accept: application/x-ndjson");
    open_stream(&below, &stack, "/live/", "Accept: text/event-stream");
    for (int n = 1; n <= 3; n++) {
        char json[8], data[16], document[24];
        snprintf(json, sizeof json, "%d", n);
        snprintf(data, sizeof data, "\ndata: %d", n);
        snprintf(document, sizeof document, "\"document\":%d", n);
        if (n > 1)
            assert_int_equal(http_put(stack.port, "/live/news", json, NULL), 204);
        must_tell(&events, "\n\n", data);
        must_tell(&lines, "\n", document);
        if (n == 1)
            must_tell(&below, "\n\n", "event: reset");
        must_tell(&below, "\n\n", document);
        if (n == 1)
            must_tell(&below, "\n\n", "event: current");
    }
    reader_close(&events);
    reader_close(&lines);
    reader_close(&below);
    stack_stop(&stack);
}

static void must_touch(const struct stack *stack, const char *path)
{
    struct answer answer = http(
        &(struct http){.port = stack->port, .method = "POST", .path = path, .body = ""});
    must(answer.status == 204, "POST %s: %ld", path, answer.status);
    answer_free(&answer);
}

/* The API need not be there to tell that something has changed. */
static void rest_api_conf_streams(void **state)
{
    struct stack stack;
    struct reader one, list, file;
    (void)state;
    start_example(&stack, "rest-api.conf");
    open_stream(&one, &stack, "/posts/1", "Accept: text/event-stream");
    open_stream(&list, &stack, "/posts", "Accept: application/x-ndjson");
    open_stream(&file, &stack, "/files/a.json", "Accept: text/event-stream");
    must_tell(&one, "\n\n", "\"/posts/1\"");
    must_tell(&list, "\n", "\"/posts\"");
    must_tell(&file, "\n\n", "\"/files/a.json\"");
    for (int i = 0; i < 2; i++) {
        must_touch(&stack, "/fcgiwait/publish/posts/1");
        must_tell(&one, "\n\n", "\"/posts/1\"");
        must_tell(&list, "\n", "\"/posts\"");
        must_touch(&stack, "/fcgiwait/publish/files/a.json");
        must_tell(&file, "\n\n", "\"/files/a.json\"");
    }
    reader_close(&one);
    reader_close(&list);
    reader_close(&file);
    stack_stop(&stack);
}

/* EventSource would give up for good after anything but this. */
static void must_say_when_to_come_again(const struct stack *stack, const char *path)
{
    struct answer answer = http_get(stack->port, path, "Accept: text/event-stream");
    char value[256];
    answer_header(&answer, "Content-Type", value);
    must(answer.status == 200 && strcmp(value, "text/event-stream") == 0 &&
             answer.body_len == strlen("retry: 3000\n\n") &&
             strncmp(answer.body, "retry: 3", 8) == 0,
         "%s: %ld, %s: %s", path, answer.status, value, answer.body);
    answer_free(&answer);
}

static void must_be(const struct stack *stack, const char *path, const char *accept,
                    long status)
{
    struct answer answer = http_get(stack->port, path, accept);
    must(answer.status == status, "%s: %ld", path, answer.status);
    answer_free(&answer);
}

/* First it is full, then away. */
static void must_bring_clients_back(const char *name)
{
    struct stack stack;
    struct reader reader;
    start_example(&stack, name);
    stack_end_fcgiwait(&stack);
    stack_configure(&stack, "max_waiting = 1;");
    stack_start_fcgiwait(&stack);
    open_stream(&reader, &stack, "/live/news", "Accept: application/x-ndjson");
    must_say_when_to_come_again(&stack, "/live/news");
    must_say_when_to_come_again(&stack, "/live/");
    must_be(&stack, "/live/news", "Accept: application/x-ndjson", 503);
    reader_close(&reader);
    stack_end_fcgiwait(&stack);
    must_say_when_to_come_again(&stack, "/live/news");
    must_say_when_to_come_again(&stack, "/live/");
    must_be(&stack, "/live/news", NULL, 502);
    stack_start_fcgiwait(&stack);
    stack_stop(&stack);
}

static void while_fcgiwait_is_away_clients_come_again(void **state)
{
    struct stack stack;
    (void)state;
    must_bring_clients_back("longpoll.conf");
    must_bring_clients_back("many-machines.conf");
    start_example(&stack, "rest-api.conf");
    stack_end_fcgiwait(&stack);
    must_say_when_to_come_again(&stack, "/posts/1");
    must_be(&stack, "/posts/1", "Accept: application/x-ndjson", 503);
    must_be(&stack, "/posts/1?wait=5", NULL, 503);
    must_be(&stack, "/posts/1", NULL, 502); /* the API would answer, and is not there */
    stack_start_fcgiwait(&stack);
    stack_stop(&stack);
}

/* --- one of several fcgiwait on a machine --- */

/* Before the one that serves, another that has gone. */
static void write_two(const struct stack *stack)
{
    write_example(stack);
    int status = run("sed -i 's|server unix:|server unix:%s/gone fail_timeout=1s; &|' "
                     "%s/nginx.conf && grep -q /gone %s/nginx.conf",
                     stack->dir, stack->dir, stack->dir);
    must(status == 0, "sed");
}

/* As nginx's log tells. */
static size_t count_tries_of_the_gone_one(const struct stack *stack)
{
    char path[128], line[2048];
    size_t count = 0;
    stack_path(stack, "error.log", path);
    FILE *in = fopen(path, "r");
    must(in != NULL, "%s", path);
    while (fgets(line, sizeof line, in) != NULL)
        count += strstr(line, "/gone failed") != NULL;
    fclose(in);
    return count;
}

/* Each of nginx's workers tries it again once a second. */
static void must_answer_who_meets_the_gone_one(const struct http *request, long status,
                                               const struct stack *stack)
{
    size_t before = count_tries_of_the_gone_one(stack);
    for (double start = seconds_now(); count_tries_of_the_gone_one(stack) == before;) {
        must(seconds_now() - start < 60, "nobody meets it at %s", request->path);
        struct answer answer = http(request);
        bool met = count_tries_of_the_gone_one(stack) > before;
        must(!met || answer.status == status, "%s: %ld", request->path, answer.status);
        answer_free(&answer);
        sleep_ms(20);
    }
}

static void one_that_serves_is_enough_for_who_reads(void **state)
{
    static char path[512];
    static const struct stack_options two = {.write_nginx_conf = write_two};
    struct stack stack;
    (void)state;
    snprintf(path, sizeof path, "%s/many-machines.conf", examples());
    example = path;
    stack_start(&stack, &two);
    struct http request = {.port = stack.port, .path = "/live/"};
    must_answer_who_meets_the_gone_one(&request, 200, &stack);
    request.path = "/live/news";
    must_answer_who_meets_the_gone_one(&request, 404, &stack);
    request.path = "/health";
    must_answer_who_meets_the_gone_one(&request, 200, &stack);
    /* nobody knows whether it was done */
    request = (struct http){
        .port = stack.port, .method = "DELETE", .path = "/publish/live/news"};
    must_answer_who_meets_the_gone_one(&request, 502, &stack);
    stack_stop(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nginx_takes_every_file_as_it_is),
        cmocka_unit_test(every_file_starts),
        cmocka_unit_test(longpoll_conf_does_what_it_shows),
        cmocka_unit_test(longpoll_conf_streams),
        cmocka_unit_test(rest_api_conf_streams),
        cmocka_unit_test(while_fcgiwait_is_away_clients_come_again),
        cmocka_unit_test(one_that_serves_is_enough_for_who_reads),
    };
    return cmocka_run_group_tests_name("examples_start_as_they_are", tests, NULL, NULL);
}
