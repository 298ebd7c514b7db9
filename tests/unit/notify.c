/* SPDX-License-Identifier: ISC */
#include "notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "must.h"

struct listener {
    int fd;
    char name[64];
};

/* As systemd does: a datagram socket that is a file, or (with @) a name alone. */
static void listener_open(struct listener *listener, const char *prefix)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(listener->name, sizeof listener->name, "%s/fcgiwait-notify-%d", prefix,
             (int)getpid());
    size_t len = strlen(listener->name);
    memcpy(address.sun_path, listener->name, len);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    listener->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener->fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    setenv("NOTIFY_SOCKET", listener->name, 1);
}

static void listener_close(struct listener *listener)
{
    close(listener->fd);
    unlink(listener->name);
    unsetenv("NOTIFY_SOCKET");
}

static void must_have_heard(struct listener *listener, const char *words)
{
    char heard[128] = "";
    must(recv(listener->fd, heard, sizeof heard - 1, 0) >= 0, "nothing was heard");
    assert_string_equal(heard, words);
}

static void is_heard_at(const char *prefix)
{
    struct listener listener = {.fd = -1};
    char none;
    listener_open(&listener, prefix);
    notify_serving();
    must_have_heard(&listener, "READY=1");
    notify_stopping(90 * NANOS_PER_SECOND);
    must_have_heard(&listener, "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000");
    assert_int_equal(recv(listener.fd, &none, 1, 0), -1);
    listener_close(&listener);
}

static void a_file_hears_it(void **state)
{
    const char *folder = getenv("TMPDIR");
    (void)state;
    is_heard_at(folder != NULL && strlen(folder) < 20 ? folder : "/tmp");
}

static void a_name_that_is_no_file_hears_it(void **state)
{
    (void)state;
    is_heard_at("@");
}

/* None of these may be taken for a listener, or do harm. */
static void where_nobody_asks_nothing_happens(void **state)
{
    char long_name[sizeof((struct sockaddr_un *)NULL)->sun_path + 1];
    (void)state;
    memset(long_name, '/', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    const char *const names[] = {"", "relative", "vsock:2:1234", "/nonexistent/notify",
                                 long_name};
    int before = dup(0);
    unsetenv("NOTIFY_SOCKET");
    notify_serving();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_serving();
        notify_stopping(0);
    }
    close(before);
    int after = dup(0);
    assert_int_equal(after, before); /* no descriptor was left open */
    close(after);
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_hears_it),
        cmocka_unit_test(a_name_that_is_no_file_hears_it),
        cmocka_unit_test(where_nobody_asks_nothing_happens),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
