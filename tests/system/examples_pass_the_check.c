/* SPDX-License-Identifier: ISC */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "must.h"

/* Real output of `nginx -T` goes through `fcgiwait --check-nginx -`. */

static char dir[] = "/tmp/fcgiwait-test.XXXXXX";

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    must(value != NULL, "%s is missing in the environment", name);
    return value;
}

/* Runs the command in the folder; returns its exit status. */
static int run(const char *format, ...)
{
    char command[2048];
    va_list args;
    int len = snprintf(command, sizeof command, "cd %s && ", dir);
    va_start(args, format);
    vsnprintf(command + len, sizeof command - (size_t)len, format, args);
    va_end(args);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int start(void **state)
{
    (void)state;
    must(mkdtemp(dir) != NULL, "mkdtemp");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    return run("rm -rf %s", dir);
}

/* What the check says of an example, after sed has changed it; returns its exit status.
 * The report is in dir/report. */
static int check(const char *example, const char *change)
{
    must(run("rm -rf nginx; cp -r '%s/nginx' . && sed -i '%s' nginx/*.conf && sed '%s' "
             "'%s' "
             "> nginx.conf",
             from_environment("EXAMPLES"), change, change, example) == 0,
         "sed %s", change);
    must(run("nginx -T -p %s -c nginx.conf >dump 2>errors", dir) == 0,
         "nginx refuses %s: see %s/errors", example, dir);
    return run("'%s' --check-nginx - <dump >report 2>&1", from_environment("FCGIWAIT"));
}

static void nothing_is_found_in_any_example(void **state)
{
    char pattern[512];
    glob_t examples;
    (void)state;
    snprintf(pattern, sizeof pattern, "%s/*.conf", from_environment("EXAMPLES"));
    must(glob(pattern, 0, NULL, &examples) == 0, "there is no %s", pattern);
    for (size_t i = 0; i < examples.gl_pathc; i++)
        if (check(examples.gl_pathv[i], "") != 0) {
            run("cat report >&2");
            fail_msg("%s has findings", examples.gl_pathv[i]);
        }
    globfree(&examples);
}

/* longpoll.conf with a timeout of 60 s, in nginx.conf, dump and report. */
static int check_faulty(void)
{
    char example[512];
    snprintf(example, sizeof example, "%s/longpoll.conf", from_environment("EXAMPLES"));
    return check(example, "s/fastcgi_read_timeout 75s/fastcgi_read_timeout 60s/");
}

static void a_planted_fault_is_found_with_its_line(void **state)
{
    (void)state;
    assert_int_equal(check_faulty(), 1);
    assert_int_equal(run("line=$(grep -n 'fastcgi_read_timeout 60s' nginx.conf | cut -d: "
                         "-f1) && grep -q \"^$PWD/nginx.conf:$line: .*60s\" report && "
                         "grep -q 'instead: fastcgi_read_timeout 75s;' report && "
                         "grep -q '1 finding$' report"),
                     0);
}

static void faults_planted_in_the_examples_are_found(void **state)
{
    static const struct {
        const char *example, *change, *found;
    } rows[] = {
        {"longpoll.conf", "s/worker_connections 20480/worker_connections 1024/",
         "worker_connections 1024"},
        {"longpoll.conf", "/^ *deny  all;/d", "may publish"},
        {"longpoll.conf", "/^ *fastcgi_next_upstream/d", "fastcgi_next_upstream"},
        {"longpoll.conf", "/^ *keepalive 10000/d", "has no keepalive"},
        {"rest-api.conf", "/^ *fastcgi_read_timeout/d", "fastcgi_read_timeout"},
        {"rest-api.conf", "/^ *internal;/d", "location /_origin/ is not internal"},
        {"rest-api.conf", "/^ *add_header X-Polling-Index/d", "loses .*X-Polling-Index"},
        {"rest-api.conf", "/^ *proxy_cache  /d", "has no proxy_cache"},
        {"rest-api.conf", "s/fastcgi_buffer_size  *32k/fastcgi_buffer_size 8k/",
         "fastcgi_buffer_size, with which it is kept, is 8k"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char example[512];
        snprintf(example, sizeof example, "%s/%s", from_environment("EXAMPLES"),
                 rows[i].example);
        if (check(example, rows[i].change) != 1 ||
            run("grep -q '^/.*/[a-z]*.conf:[0-9]*: .*%s' report", rows[i].found) != 0) {
            run("cat report >&2");
            fail_msg("%s of %s is not found", rows[i].change, rows[i].example);
        }
    }
}

static void a_shorter_wait_needs_a_shorter_timeout(void **state)
{
    const char *fcgiwait = from_environment("FCGIWAIT");
    (void)state;
    assert_int_equal(check_faulty(), 1);
    assert_int_equal(run("'%s' -o wait.max=59s --check-nginx dump >report", fcgiwait), 0);
}

static void what_is_no_configuration_is_not_understood(void **state)
{
    const char *fcgiwait = from_environment("FCGIWAIT");
    (void)state;
    check_faulty();
    assert_int_equal(run("head -n 30 dump | '%s' --check-nginx - 2>report", fcgiwait), 2);
    assert_int_equal(run("grep -q '^/.*/nginx.conf:[0-9]*: ' report"), 0);
    assert_int_equal(run("'%s' --check-nginx missing 2>report", fcgiwait), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_in_any_example),
        cmocka_unit_test(a_planted_fault_is_found_with_its_line),
        cmocka_unit_test(faults_planted_in_the_examples_are_found),
        cmocka_unit_test(a_shorter_wait_needs_a_shorter_timeout),
        cmocka_unit_test(what_is_no_configuration_is_not_understood),
    };
    return cmocka_run_group_tests_name("examples_pass_the_check", tests, start, stop);
}
