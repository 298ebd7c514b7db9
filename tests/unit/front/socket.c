/* SPDX-License-Identifier: ISC */
/* A listening socket of our own. */
#include "fcgiwait/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "must.h"

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fcgiwait-socket-XXXXXX");
    must(mkdtemp(folder) != NULL, "no folder");
    snprintf(path, sizeof path, "%s/s.sock", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void must_open(struct socket *socket, const char *address)
{
    char error[512] = "";
    must(socket_open(socket, address, error, sizeof error), "%s", error);
}

static void must_refuse(const char *address, const char *says)
{
    struct socket socket;
    char error[512] = "";
    assert_false(socket_open(&socket, address, error, sizeof error));
    must(strstr(error, says) != NULL && strstr(error, address) != NULL, "%s", error);
    must(strstr(error, "-s /run/fcgiwait/fcgiwait.sock") != NULL, "%s", error);
}

static bool connects(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, path);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

static void a_path_is_listened_on_and_removed_at_the_end(void **state)
{
    struct socket socket;
    (void)state;
    must_open(&socket, path);
    assert_true(connects());
    socket_refuse(&socket);
    assert_false(connects());
    assert_int_equal(access(path, F_OK), 0);
    socket_close(&socket);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void what_a_dead_process_left_is_replaced(void **state)
{
    struct socket dead, socket;
    (void)state;
    must_open(&dead, path);
    close(dead.fd); /* as a killed process does */
    must_open(&socket, path);
    assert_true(connects());
    dead.fd = -1;
    socket_close(&dead); /* which is not its file any more */
    assert_true(connects());
    socket_close(&socket);
}

static void what_is_served_or_no_socket_stays_as_it_is(void **state)
{
    struct socket socket;
    struct stat before, after;
    (void)state;
    must_open(&socket, path);
    must_refuse(path, "somebody serves it already");
    assert_true(connects());
    socket_close(&socket);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(fstat(fd, &before), 0);
    close(fd);
    must_refuse(path, "another kind");
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(after.st_size, 1);
    unlink(path);
}

/* libfcgi would end the process. */
static void a_number_behind_a_colon_within_the_path_is_refused(void **state)
{
    static const char *const parts[] = {"a:1", "a: 1", "a:-1x", "a:99999999999999999999"};
    char part[128], address[160];
    struct socket opened;
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(part, sizeof part, "%s/%s", folder, parts[i]);
        must(mkdir(part, 0700) == 0, "no folder");
        snprintf(address, sizeof address, "%s/s", part);
        must_refuse(address, "behind the first colon");
        snprintf(address, sizeof address, "%s/s:100", part);
        must_refuse(address, "behind the first colon");
        rmdir(part);
    }
    snprintf(address, sizeof address, "%s:1:100", path);
    must_refuse(address, "behind the first colon");
    snprintf(part, sizeof part, "%s/a:b", folder);
    must(mkdir(part, 0700) == 0, "no folder");
    snprintf(address, sizeof address, "%s/s", part);
    must_open(&opened, address);
    socket_close(&opened);
    rmdir(part);
}

static void the_queue_is_as_long_as_is_said(void **state)
{
    struct socket opened;
    char address[128];
    (void)state;
    snprintf(address, sizeof address, "%s:1", path);
    must_open(&opened, address);
    assert_int_equal(opened.queue, 1);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fds[8], connected = 0;
    strcpy(at.sun_path, path);
    for (int i = 0; i < 8; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connected += connect(fds[i], (struct sockaddr *)&at, sizeof at) == 0;
    }
    assert_in_range(connected, 1, 3);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    socket_close(&opened);
}

static void a_host_and_a_port_are_listened_on(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "", "*"};
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET};
        socklen_t len = sizeof at;
        struct socket opened;
        char address[64];
        int any = socket(AF_INET, SOCK_STREAM, 0);
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(bind(any, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(getsockname(any, (struct sockaddr *)&at, &len), 0);
        close(any);
        snprintf(address, sizeof address, "%s:%d", hosts[i], ntohs(at.sin_port));
        must_open(&opened, address);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
        close(fd);
        must_refuse(address, "already in use");
        socket_close(&opened);
    }
}

static void what_is_no_address_is_told(void **state)
{
    char longer[300];
    (void)state;
    memset(longer, 'a', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    must_refuse("", "neither");
    must_refuse("nonsense", "neither");
    must_refuse("127.0.0.1:0", "no port");
    must_refuse("127.0.0.1:65536", "no port");
    must_refuse("127.0.0.1:x", "no port");
    must_refuse("/tmp/a:b", "no length of a queue");
    must_refuse("/nowhere/at/all", "No such file or directory");
    must_refuse(longer, "too long");
    must_refuse("256.1.1.1:9000", "known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_listened_on_and_removed_at_the_end),
        cmocka_unit_test(what_a_dead_process_left_is_replaced),
        cmocka_unit_test(what_is_served_or_no_socket_stays_as_it_is),
        cmocka_unit_test(a_number_behind_a_colon_within_the_path_is_refused),
        cmocka_unit_test(the_queue_is_as_long_as_is_said),
        cmocka_unit_test(a_host_and_a_port_are_listened_on),
        cmocka_unit_test(what_is_no_address_is_told),
    };
    return cmocka_run_group_tests_name("front/socket", tests, make_folder, remove_folder);
}
