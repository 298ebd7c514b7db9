/* SPDX-License-Identifier: ISC */
/* Who is let in, and what becomes of accept4()'s refusals, which come as patterns here
 * (--wrap, tests/Makefile.am). */
#include "front/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"

/* --- accept4() as a script: an errno value each, 0: a connection --- */

static struct {
    const int *errors;
    int count, calls;
    struct sockaddr_storage peer;
    socklen_t peer_len;
} script;

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    if (script.errors == NULL)
        return __real_accept4(fd, address, len, flags);
    must(script.calls < script.count, "asked once more after the end");
    errno = script.errors[script.calls++];
    if (errno != 0)
        return -1;
    memcpy(address, &script.peer, script.peer_len);
    *len = script.peer_len;
    return dup(STDERR_FILENO);
}

static void play(const int *errors, int count)
{
    script.errors = errors;
    script.count = count;
    script.calls = 0;
}

static int stop(void **state)
{
    (void)state;
    script.errors = NULL;
    script.peer_len = 0;
    return 0;
}

static int count_calls_until(enum accepted expected, struct listener *listener)
{
    int fd;
    enum accepted accepted = listener_accept(listener, &fd);
    must(accepted == expected, "result %d, not %d", (int)accepted, (int)expected);
    if (accepted == ACCEPTED)
        close(fd);
    return script.calls;
}

#define PLAY(...)                                                                        \
    play((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

/* accept(2): errors of the network that are waiting on the new connection. */
static void one_that_is_gone_already_is_passed_over(void **state)
{
    struct listener listener = {.fd = 0};
    (void)state;
    PLAY(ECONNABORTED, EINTR, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,
         EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM, ETIMEDOUT, 0);
    assert_int_equal(count_calls_until(ACCEPTED, &listener), 13);
    PLAY(ECONNABORTED, EAGAIN);
    assert_int_equal(count_calls_until(ACCEPTED_NONE, &listener), 2);
}

static void a_lack_is_told_each_time_and_passes(void **state)
{
    struct listener listener = {.fd = 0};
    (void)state;
    PLAY(EMFILE, 0, ENFILE, 0, ENOBUFS, ENOMEM, 0, EAGAIN);
    assert_int_equal(count_calls_until(ACCEPTED_LACK, &listener), 1);
    assert_int_equal(count_calls_until(ACCEPTED, &listener), 2);
    assert_int_equal(count_calls_until(ACCEPTED_LACK, &listener), 3);
    assert_int_equal(count_calls_until(ACCEPTED, &listener), 4);
    assert_int_equal(count_calls_until(ACCEPTED_LACK, &listener), 5);
    assert_int_equal(count_calls_until(ACCEPTED_LACK, &listener), 6);
    assert_int_equal(count_calls_until(ACCEPTED, &listener), 7);
    assert_int_equal(count_calls_until(ACCEPTED_NONE, &listener), 8);
}

/* Somebody who shares the listening socket has shut it down, say: trying again at once
 * would spin for ever, and hear no signal. */
static void what_will_not_pass_does_not_spin(void **state)
{
    static const int errors[] = {EINVAL, EBADF, ENOTSOCK, EFAULT, EIO};
    struct listener listener = {.fd = 0};
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        play(&errors[i], 1);
        assert_int_equal(count_calls_until(ACCEPTED_LACK, &listener), 1);
    }
}

/* --- addresses (FastCGI section 3.2) --- */

static void comes_from(const char *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&script.peer;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&script.peer;
    memset(&script.peer, 0, sizeof script.peer);
    if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        script.peer_len = sizeof *in;
    } else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        script.peer_len = sizeof *in6;
    } else {
        script.peer.ss_family = AF_UNIX;
        script.peer_len = sizeof script.peer.ss_family;
    }
}

static void only_named_web_servers_are_let_in(void **state)
{
    static const struct {
        const char *list, *peer;
        bool let_in;
    } rows[] = {
        {NULL, "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.70", false},
        {"192.0.2.70", "192.0.2.7", false},
        {"192.0.2.1,192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7,192.0.2.1", "192.0.2.7", true},
        {" 192.0.2.1 , 192.0.2.7 ", "192.0.2.7", true},
        {"", "192.0.2.7", false},
        {",", "192.0.2.7", false},
        {"192.0.2.7", "::ffff:192.0.2.7", true},
        {"192.0.2.7", "::ffff:192.0.2.8", false},
        {"2001:db8::7", "2001:db8::7", true},
        {"2001:db8::7", "2001:db8::8", false},
        {"192.0.2.7", "2001:db8::7", false},
        {"192.0.2.7", "a unix socket", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct listener listener = {.fd = 0, .addresses = rows[i].list};
        comes_from(rows[i].peer);
        PLAY(0, EAGAIN);
        int calls =
            count_calls_until(rows[i].let_in ? ACCEPTED : ACCEPTED_NONE, &listener);
        assert_int_equal(calls, rows[i].let_in ? 1 : 2);
    }
}

static void who_is_turned_away_keeps_no_descriptor(void **state)
{
    struct listener listener = {.fd = 0, .addresses = "192.0.2.1"};
    int before = dup(STDERR_FILENO), after;
    (void)state;
    close(before);
    comes_from("192.0.2.7");
    PLAY(0, 0, 0, EAGAIN);
    count_calls_until(ACCEPTED_NONE, &listener);
    after = dup(STDERR_FILENO);
    close(after);
    assert_int_equal(before, after);
}

/* --- real sockets --- */

static int listen_on_loopback(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(fd >= 0 && bind(fd, (struct sockaddr *)address, sizeof *address) == 0 &&
             listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)address, &len) == 0,
         "no port");
    return fd;
}

static int option_of(int fd, int level, int option)
{
    int value = 0;
    socklen_t len = sizeof value;
    must(getsockopt(fd, level, option, &value, &len) == 0, "getsockopt");
    return value;
}

static void a_connection_comes_ready_for_use(void **state)
{
    struct sockaddr_in address;
    struct listener listener;
    int fd, listening = listen_on_loopback(&address);
    (void)state;
    assert_true(listener_open(&listener, listening, 0, "127.0.0.1"));
    assert_true((fcntl(listening, F_GETFL) & O_NONBLOCK) != 0);
    assert_int_equal(listener_accept(&listener, &fd), ACCEPTED_NONE);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(connect(peer, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    assert_int_equal(listener_accept(&listener, &fd), ACCEPTED);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true(option_of(fd, IPPROTO_TCP, TCP_NODELAY) != 0);
    /* Whoever vanishes is missed within two minutes. */
    assert_true(option_of(fd, SOL_SOCKET, SO_KEEPALIVE) != 0);
    assert_true(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE) +
                    option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL) *
                        option_of(fd, IPPROTO_TCP, TCP_KEEPCNT) <=
                120);
    /* That, too, where something is on the way to them. In milliseconds. */
    int unacknowledged = option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT);
    assert_true(unacknowledged > 0 && unacknowledged <= 120000);
    close(fd);
    close(peer);
    close(listening);
}

static void only_a_socket_can_be_listened_on(void **state)
{
    struct listener listener;
    int pipe_ends[2];
    (void)state;
    must(pipe(pipe_ends) == 0, "no pipe");
    assert_false(listener_open(&listener, pipe_ends[0], 0, NULL));
    assert_int_equal(errno, ENOTSOCK);
    assert_false(listener_open(&listener, -1, 0, NULL));
    assert_int_equal(errno, EBADF);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_is_gone_already_is_passed_over),
        TEST(a_lack_is_told_each_time_and_passes),
        TEST(what_will_not_pass_does_not_spin),
        TEST(only_named_web_servers_are_let_in),
        TEST(who_is_turned_away_keeps_no_descriptor),
        TEST(a_connection_comes_ready_for_use),
        TEST(only_a_socket_can_be_listened_on),
    };
    return cmocka_run_group_tests_name("front/listener", tests, NULL, NULL);
}
