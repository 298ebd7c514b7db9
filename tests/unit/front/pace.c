/* SPDX-License-Identifier: ISC */
/* How far a thread is ahead of those who take its replies: on real sockets. */
#include "front/send.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"

#define AHEAD 32

static struct peer {
    int ours, theirs;
} peers[AHEAD + 2];

static int start(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        int ends[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "no sockets");
        peers[i] = (struct peer){ends[0], ends[1]};
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        close(peers[i].ours);
        close(peers[i].theirs);
    }
    return 0;
}

static void send_to(const struct peer *peer)
{
    struct content content = {.body = TEXT("Status: 204 No Content\r\n\r\n"),
                              .ends = true};
    size_t sent = 0;
    assert_int_equal(send_content(peer->ours, 1, &content, &sent), SENT_ALL);
}

static void take_from(const struct peer *peer)
{
    char bytes[4096];
    assert_true(recv(peer->theirs, bytes, sizeof bytes, 0) > 0);
}

static void a_thread_is_behind_until_its_earlier_reply_is_taken(void **state)
{
    (void)state;
    for (int i = 0; i < AHEAD; i++) {
        assert_false(i > 0 && send_has_backlog()); /* nobody was so early yet */
        send_to(&peers[i]);
    }
    assert_true(send_has_backlog());
    take_from(&peers[0]);
    assert_false(send_has_backlog());
    send_to(&peers[AHEAD]);
    assert_true(send_has_backlog()); /* for the second, now */
    take_from(&peers[1]);
    assert_false(send_has_backlog());
}

static void nobody_waits_for_a_connection_that_is_gone(void **state)
{
    (void)state;
    send_to(&peers[AHEAD + 1]);
    assert_true(send_has_backlog());
    close(peers[2].ours);
    peers[2].ours = -1;
    assert_false(send_has_backlog());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_is_behind_until_its_earlier_reply_is_taken),
        cmocka_unit_test(nobody_waits_for_a_connection_that_is_gone),
    };
    return cmocka_run_group_tests_name("front/pace", tests, start, stop);
}
