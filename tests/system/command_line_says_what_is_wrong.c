/* SPDX-License-Identifier: ISC */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "must.h"
#include "program.h"
#include "redis_server.h"
#include "stack.h"

static char file[] = "/tmp/fcgiwait-test.XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    must(fd >= 0, "mkstemp");
    close(fd);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

static void write_config(const char *config)
{
    FILE *out = fopen(file, "w");
    fputs(config, out);
    fclose(out);
}

static void without_a_listening_socket_it_shows_the_command(void **state)
{
    static const char *const inputs[] = {"", "<&-", "</etc/passwd"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct run run = program_run("%s", inputs[i]);
        run_must(
            &run, EX_USAGE,
            "spawn-fcgi -s /run/fcgiwait/fcgiwait.sock -u www-data -g www-data -n -- /");
        run_must(&run, EX_USAGE, getenv("FCGIWAIT"));
        must(strchr(run.output, '\n') == run.output + strlen(run.output) - 1,
             "more than one line: %s", run.output);
    }
}

/* A socket alone is not enough: it has to listen. */
static void a_socket_that_does_not_listen_is_none(void **state)
{
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct run run = program_run("<&%d", pair[0]);
    run_must(&run, EX_USAGE, "spawn-fcgi");
    close(pair[0]);
    close(pair[1]);
}

static void it_says_its_version_and_its_usage(void **state)
{
    (void)state;
    struct run run = program_run("-V");
    run_must(&run, EXIT_SUCCESS, "fcgiwait " PACKAGE_VERSION "\n");
    run = program_run("-h");
    run_must(&run, EXIT_SUCCESS, "usage: fcgiwait [-c FILE] [-o key=value]...");
}

static void what_it_does_not_know_gets_the_usage(void **state)
{
    static const char *const arguments[] = {"-x", "--what", "-c",
                                            "-o", "file",   "-t file"};
    (void)state;
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        struct run run = program_run("%s", arguments[i]);
        run_must(&run, EX_USAGE, "usage:");
    }
}

static void a_good_configuration_passes(void **state)
{
    (void)state;
    struct run run = program_run("-t");
    run_must(&run, EXIT_SUCCESS, "good");
    write_config("# nothing\n");
    run = program_run("-t -c %s", file);
    run_must(&run, EXIT_SUCCESS, "good");
    run = program_run("-t -c %s/../conf/fcgiwait.conf", getenv("srcdir"));
    run_must(&run, EXIT_SUCCESS, "good");
    run = program_run("-t -o wait.max=90s -o max_waiting=1 -o drain=0 -o log_level=debug "
                      "-o wait.jitter=0.5 -o cache_control= -o wait.max=2m");
    run_must(&run, EXIT_SUCCESS, "good");
}

/* Line 2 of the file is wrong. */
static const struct {
    const char *config, *key;
} bad[] = {
    {"\nmax_wating = 7;", "max_wating"},
    {"\nwait = { maximum = 7; };", "wait.maximum"},
    {"\nmax_waiting = \"many\";", "max_waiting"},
    {"\nmax_waiting = -1;", "max_waiting"},
    {"\nmax_waiting = 99999999999L;", "max_waiting"},
    {"\nmax_waiting = 1.5;", "max_waiting"},
    {"\nthreads = 1000;", "threads"},
    {"\nwait = { max = \"forever\"; };", "wait.max"},
    {"\nwait = { max = \"0s\"; };", "wait.max"},
    {"\nwait = { default = \"-1s\"; };", "wait.default"},
    {"\nwait = { default = \"61s\"; };", "wait.default"},
    {"\nwait = { jitter = 1.5; };", "wait.jitter"},
    {"\nwait = { jitter = \"much\"; };", "wait.jitter"},
    {"\ndrain = \"25h\";", "drain"},
    {"\ndrain = [1];", "drain"},
    {"\nstore = { type = \"disk\"; };", "store.type"},
    {"\nlimits = { body = 1099511627776L; };", "limits.body"},
    {"\nlimits = { path = 0; };", "limits.path"},
    {"\nlimits = { resources = -1; };", "limits.resources"},
    {"\ncache_control = 7;", "cache_control"},
    {"\nlog_level = \"loud\";", "log_level"},
    {"\nlimits = 7;", "limits"},
    {"\nwait = { max = ; };", "libconfig's syntax"},
};

static void a_bad_key_is_named_with_its_line_and_what_is_allowed(void **state)
{
    char place[64];
    (void)state;
    snprintf(place, sizeof place, "%s:2: ", file);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_config(bad[i].config);
        struct run run = program_run("-t -c %s", file);
        run_must(&run, EX_CONFIG, place);
        run_must(&run, EX_CONFIG, bad[i].key);
        run_must(&run, EX_CONFIG, "allowed");
        run = program_run("-c %s", file); /* before it looks at its socket */
        run_must(&run, EX_CONFIG, place);
    }
}

static void a_bad_option_is_named(void **state)
{
    static const char *const options[] = {
        "max_wating=7",     "wait.max=forever", "wait=7",         "max_waiting=",
        "max_waiting=1x",   "wait.jitter=2",    "log_level=loud", "wait.max",
        "wait.default=61s", "drain=",           "limits.path=-1"};
    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct run run = program_run("-t -o %s", options[i]);
        char key[32];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(options[i], "="), options[i]);
        run_must(&run, EX_CONFIG, key);
        run_must(&run, EX_CONFIG, "allowed");
    }
}

static void a_file_that_can_not_be_read_is_named(void **state)
{
    (void)state;
    struct run run = program_run("-t -c /nowhere/fcgiwait.conf");
    run_must(&run, EX_CONFIG, "/nowhere/fcgiwait.conf: No such file");
    run = program_run("-t -c /tmp");
    run_must(&run, EX_CONFIG, "/tmp");
}

/* What serves would read its configuration again. */
static void who_only_looks_ends_with_the_terminal(void **state)
{
    int ends[2], left = 1, status;
    (void)state;
    must(pipe(ends) == 0, "no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGHUP, SIG_DFL); /* nohup(1) */
        dup2(ends[0], STDIN_FILENO);
        close(ends[1]);
        execl(getenv("FCGIWAIT"), "fcgiwait", "--check-nginx", "-", (char *)NULL);
        _exit(127);
    }
    must(write(ends[1], "#", 1) == 1, "it can't be told");
    for (double start = seconds_now(); left > 0; usleep(1000)) /* it reads on */
        must(ioctl(ends[0], FIONREAD, &left) == 0 && seconds_now() - start < 60,
             "it reads nothing");
    kill(pid, SIGHUP);
    close(ends[1]);
    must(waitpid(pid, &status, 0) == pid, "no end");
    must(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP, "status %d", status);
    close(ends[0]);
}

static void a_store_that_takes_no_change_is_no_lack_of_ours(void **state)
{
    static struct redis_server server;
    (void)state;
    if (!redis_server_can())
        skip();
    redis_server_start(&server, false);
    struct run run = program_run("-s %s/s -o store.type=redis -o store.url=%s "
                                 "-o store.replicas=1 -o store.patience=4s",
                                 server.dir, server.url);
    run_must(&run, EX_CANTCREAT, "fewer replicas than store.replicas");
    run_must(&run, EX_CANTCREAT, "the store takes no change");
    redis_server_stop(&server);
}

static const struct stack_options options = {.config = "max_waiting = 7; threads = 3;",
                                             .option = "max_waiting=11"};

static void an_option_overrides_the_file(void **state)
{
    assert_int_equal(stack_status(*state, "max_waiting"), 11);
    assert_int_equal(stack_status(*state, "threads"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_listening_socket_it_shows_the_command),
        cmocka_unit_test(a_socket_that_does_not_listen_is_none),
        cmocka_unit_test(it_says_its_version_and_its_usage),
        cmocka_unit_test(what_it_does_not_know_gets_the_usage),
        cmocka_unit_test(a_good_configuration_passes),
        cmocka_unit_test(a_bad_key_is_named_with_its_line_and_what_is_allowed),
        cmocka_unit_test(a_bad_option_is_named),
        cmocka_unit_test(a_file_that_can_not_be_read_is_named),
        cmocka_unit_test(who_only_looks_ends_with_the_terminal),
        cmocka_unit_test(a_store_that_takes_no_change_is_no_lack_of_ours),
    };
    const struct CMUnitTest with_stack[] = {
        stack_test(an_option_overrides_the_file, &options),
    };
    return cmocka_run_group_tests_name("command_line_says_what_is_wrong", tests,
                                       make_file, remove_file) +
           cmocka_run_group_tests_name("-o", with_stack, NULL, NULL);
}
