/* SPDX-License-Identifier: ISC */
/* What reaches standard error, which is a pipe here. Other processes that write to it
 * come between asking and writing (--wrap, tests/Makefile.am). */
#include "fcgiwait/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "must.h"

#define LINE_MOST 1024

/* Standard error leads into the pipe from catch() to release(), and the log with it. */
struct caught {
    int stderr_before, end;
    size_t len;
    char text[65536];
};

static void redirect(struct caught *caught)
{
    int pipe_ends[2];
    fflush(stderr);
    must(pipe2(pipe_ends, O_CLOEXEC) == 0, "no pipe");
    caught->stderr_before = dup(STDERR_FILENO);
    must(dup2(pipe_ends[1], STDERR_FILENO) >= 0, "no standard error");
    close(pipe_ends[1]);
    caught->end = pipe_ends[0];
    caught->len = 0;
}

static void catch (struct caught *caught)
{
    redirect(caught);
    log_open("fcgiwait");
}

static void restore(struct caught *caught)
{
    must(dup2(caught->stderr_before, STDERR_FILENO) >= 0, "no standard error");
    close(caught->stderr_before);
    log_open("fcgiwait");
}

static void release(struct caught *caught)
{
    ssize_t n;
    restore(caught);
    while ((n = read(caught->end, caught->text + caught->len,
                     sizeof caught->text - 1 - caught->len)) > 0)
        caught->len += (size_t)n;
    close(caught->end);
    caught->text[caught->len] = '\0';
}

static int start(void **state)
{
    *state = calloc(1, sizeof(struct caught));
    log_set_level(LOG_LEVEL_INFO);
    return *state == NULL;
}

static int stop(void **state)
{
    free(*state);
    return 0;
}

static size_t lines_in(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void a_line_has_time_program_level_and_text(void **state)
{
    struct caught *caught = *state;
    int year, pid, end = 0;
    catch (caught);
    log_open("waiter");
    log_warn("number %d", 7);
    release(caught);
    int found = sscanf(caught->text,
                       "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ waiter[%d]: warn: number 7%n",
                       &year, &pid, &end);
    assert_int_equal(found, 2);
    assert_string_equal(caught->text + end, "\n");
    assert_true(year >= 2024);
    assert_int_equal(pid, getpid());
}

static void what_is_above_the_level_is_not_said(void **state)
{
    struct caught *caught = *state;
    static const size_t said[] = {[LOG_LEVEL_ERROR] = 1,
                                  [LOG_LEVEL_WARN] = 2,
                                  [LOG_LEVEL_INFO] = 3,
                                  [LOG_LEVEL_DEBUG] = 4};
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        catch (caught);
        log_set_level((enum log_level)level);
        log_error("e");
        log_warn("w");
        log_info("i");
        log_debug("d");
        release(caught);
        assert_int_equal(lines_in(caught->text), said[level]);
    }
}

static void a_path_cannot_forge_a_line(void **state)
{
    struct caught *caught = *state;
    catch (caught);
    log_error("path %s", "/a\n2026-01-01 fcgiwait[1]: error: forged\r\x1b[2J\x7f");
    release(caught);
    assert_int_equal(lines_in(caught->text), 1);
    assert_non_null(
        strstr(caught->text, "/a?2026-01-01 fcgiwait[1]: error: forged??[2J?\n"));
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    struct caught *caught = *state;
    char longest[3 * LINE_MOST];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    catch (caught);
    log_error("%s", longest);
    log_error("next");
    release(caught);
    assert_int_equal(lines_in(caught->text), 2);
    assert_true(strchr(caught->text, '\n') - caught->text <= LINE_MOST);
    assert_non_null(strstr(caught->text, "error: next\n"));
}

static void *say_twenty(void *context)
{
    const char *word = context;
    for (int i = 0; i < 20; i++)
        log_info("%s%s%s%s.", word, word, word, word);
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    struct caught *caught = *state;
    static char *const words[] = {"aaaa", "bbbb", "cccc", "dddd"};
    pthread_t threads[4];
    catch (caught);
    for (int i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, say_twenty, words[i]) == 0, "no thread");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    release(caught);
    assert_int_equal(lines_in(caught->text), 80);
    for (int i = 0; i < 4; i++) {
        char whole[64];
        const char *at = caught->text;
        snprintf(whole, sizeof whole, "info: %s%s%s%s.\n", words[i], words[i], words[i],
                 words[i]);
        for (int found = 0; found < 20; found++, at++) {
            at = strstr(at, whole);
            assert_non_null(at);
        }
    }
}

/* --- nobody reads --- */

#define TOO_MANY 20000

/* Standard error leads into `ends[1]`, nobody reads `ends[0]`, and far more is said than
 * there is room for: a line that blocked would end the test here. */
static void say_too_much(struct caught *caught, int ends[2])
{
    fflush(stderr);
    caught->stderr_before = dup(STDERR_FILENO);
    must(dup2(ends[1], STDERR_FILENO) >= 0, "no standard error");
    log_open("fcgiwait");
    alarm(60);
    for (int i = 0; i < TOO_MANY; i++)
        log_info("line %d", i);
    alarm(0);
    caught->end = ends[0];
    caught->len = 0;
}

/* Takes what is there, which makes room, without waiting for more. */
static void read_some(struct caught *caught)
{
    ssize_t n;
    fcntl(caught->end, F_SETFL, O_NONBLOCK);
    while ((n = read(caught->end, caught->text, 4096)) > 0)
        for (ssize_t i = 0; i < n; i++)
            caught->len += caught->text[i] == '\n';
}

static void must_tell_of_the_lost(struct caught *caught)
{
    char told[128];
    read_some(caught);
    size_t written = caught->len;
    assert_in_range(written, 1, TOO_MANY - 1);
    log_info("again");
    log_info("and again");
    caught->len = 0;
    release(caught);
    snprintf(told, sizeof told, "warn: %zu lines of this log are lost",
             (size_t)TOO_MANY - written);
    if (strstr(caught->text, told) == NULL)
        fail_msg("not \"%s\" but: %s", told, caught->text);
    assert_int_equal(lines_in(caught->text), 3);
    assert_non_null(strstr(caught->text, "info: again\n"));
    assert_non_null(strstr(caught->text, "info: and again\n"));
}

static void a_pipe_that_nobody_reads_holds_up_nobody(void **state)
{
    int ends[2];
    must(pipe2(ends, O_CLOEXEC) == 0, "no pipe");
    say_too_much(*state, ends);
    close(ends[1]);
    must_tell_of_the_lost(*state);
}

/* As systemd gives it. */
static void a_socket_that_nobody_reads_holds_up_nobody(void **state)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
    say_too_much(*state, ends);
    close(ends[1]);
    must_tell_of_the_lost(*state);
}

/* Over ssh, say: it is ready for more where no line fits, and takes a part of one. What
 * it took comes out by and by. */
static void a_terminal_that_nobody_reads_holds_up_nobody(void **state)
{
    struct caught *caught = *state;
    int ends[2] = {posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), -1};
    if (ends[0] < 0)
        skip(); /* a folder of a build, without /dev/pts */
    must(grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0, "no terminal");
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    must(ends[1] >= 0, "no terminal");
    say_too_much(caught, ends);
    while (strstr(caught->text, "lines of this log are lost") == NULL) {
        char *at = caught->text + caught->len;
        ssize_t n = read(ends[0], at, sizeof caught->text - 1 - caught->len);
        must(n > 0, "nobody is told");
        caught->len += (size_t)n;
        at[n] = '\0';
        log_info("again");
    }
    restore(caught);
    close(ends[1]);
    close(ends[0]);
}

/* --- somebody else fills the pipe meanwhile --- */

static int filled = -1; /* once it was asked whether there is room */

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    static const char page[4096];
    int ready = __real_poll(fds, count, timeout);
    if (filled < 0)
        return ready;
    struct pollfd other = {.fd = filled, .events = POLLOUT};
    while (__real_poll(&other, 1, 0) == 1)
        must(write(filled, page, sizeof page) > 0, "it can't be filled");
    return ready;
}

static void who_writes_to_the_same_pipe_holds_up_nobody(void **state)
{
    struct caught *caught = *state;
    catch (caught);
    filled = STDERR_FILENO;
    alarm(60);
    log_info("there was room for this");
    alarm(0);
    filled = -1;
    read_some(caught);
    log_info("again");
    release(caught);
    assert_non_null(strstr(caught->text, "warn: 1 line of this log is lost"));
    assert_non_null(strstr(caught->text, "again"));
}

/* O_NONBLOCK is the description's, which others write to as well. */
static void the_description_stays_as_it_was(void **state)
{
    struct caught *caught = *state;
    catch (caught);
    log_info("once");
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    release(caught);
    assert_int_equal(flags & O_NONBLOCK, 0);
}

static void a_reader_that_went_away_ends_nothing(void **state)
{
    struct caught *caught = *state;
    signal(SIGPIPE, SIG_IGN);
    catch (caught);
    close(caught->end);
    log_info("nobody hears this");
    restore(caught);
    catch (caught); /* who reads now is told */
    log_info("somebody hears this");
    release(caught);
    assert_non_null(strstr(caught->text, "warn: 1 line of this log is lost"));
    assert_non_null(strstr(caught->text, "somebody hears this"));
}

/* In place of libc's: what log sends to syslog. */
static int syslog_priority;
static char syslog_line[256];

void syslog(int priority, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(syslog_line, sizeof syslog_line, format, args);
    va_end(args);
    syslog_priority = priority;
}

/* What syslog() is where the C library is fortified. */
void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
    (void)flag;
    va_list args;
    va_start(args, format);
    vsnprintf(syslog_line, sizeof syslog_line, format, args);
    va_end(args);
    syslog_priority = priority;
}

static void open_log_on(const char *file)
{
    int before = dup(STDERR_FILENO);
    fflush(stderr);
    if (file != NULL) {
        int fd = open(file, O_WRONLY | O_CLOEXEC);
        must(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0, "no %s", file);
        close(fd);
    } else {
        close(STDERR_FILENO);
    }
    log_open("fcgiwait");
    must(dup2(before, STDERR_FILENO) >= 0, "no standard error");
    close(before);
}

/* As spawn-fcgi leaves it, or closed. */
static void a_standard_error_that_leads_nowhere_means_syslog(void **state)
{
    static const char *const nowhere[] = {"/dev/null", NULL};
    struct caught *caught = *state;
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        syslog_line[0] = '\0';
        open_log_on(nowhere[i]);
        redirect(caught);
        log_warn("number %d\n", 7);
        release(caught);
        assert_string_equal(caught->text, "");
        assert_string_equal(syslog_line, "number 7?");
        assert_int_equal(syslog_priority, LOG_WARNING);
    }
    syslog_line[0] = '\0';
    catch (caught);
    log_warn("number %d", 8);
    release(caught);
    assert_string_equal(syslog_line, "");
    assert_int_equal(lines_in(caught->text), 1);
}

static void levels_have_four_names(void **state)
{
    static const struct {
        const char *name;
        enum log_level level;
    } good[] = {{"error", LOG_LEVEL_ERROR},
                {"warn", LOG_LEVEL_WARN},
                {"info", LOG_LEVEL_INFO},
                {"debug", LOG_LEVEL_DEBUG}};
    static const char *const bad[] = {"", "Error", "warning", "debug ", "notice"};
    enum log_level level = LOG_LEVEL_WARN;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(log_level_parse(text_of(good[i].name), &level));
        assert_int_equal(level, good[i].level);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (log_level_parse(text_of(bad[i]), &level))
            fail_msg("\"%s\" is taken", bad[i]);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
}

static void what_is_wanted_goes_by_the_level(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_WARN);
    assert_true(log_wants(LOG_LEVEL_ERROR));
    assert_true(log_wants(LOG_LEVEL_WARN));
    assert_false(log_wants(LOG_LEVEL_INFO));
    log_set_level(LOG_LEVEL_DEBUG);
    assert_true(log_wants(LOG_LEVEL_DEBUG));
    log_set_level(LOG_LEVEL_INFO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_time_program_level_and_text),
        TEST(what_is_above_the_level_is_not_said),
        TEST(a_path_cannot_forge_a_line),
        TEST(a_long_line_is_cut_and_still_ends),
        TEST(lines_of_several_threads_do_not_mix),
        TEST(a_standard_error_that_leads_nowhere_means_syslog),
        TEST(a_pipe_that_nobody_reads_holds_up_nobody),
        TEST(a_socket_that_nobody_reads_holds_up_nobody),
        TEST(a_terminal_that_nobody_reads_holds_up_nobody),
        TEST(who_writes_to_the_same_pipe_holds_up_nobody),
        TEST(the_description_stays_as_it_was),
        TEST(a_reader_that_went_away_ends_nothing),
        cmocka_unit_test(what_is_wanted_goes_by_the_level),
        cmocka_unit_test(levels_have_four_names),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
