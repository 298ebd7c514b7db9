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
    stack_stop(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nginx_takes_every_file_as_it_is),
        cmocka_unit_test(every_file_starts),
        cmocka_unit_test(longpoll_conf_does_what_it_shows),
    };
    return cmocka_run_group_tests_name("examples_start_as_they_are", tests, NULL, NULL);
}
