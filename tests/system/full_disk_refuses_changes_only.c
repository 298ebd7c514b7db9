/* SPDX-License-Identifier: ISC */
/*
 * A disk without room, which here is a small tmpfs: changes are refused with 507, and
 * nothing else happens. What was answered is there; reading and waiting go on; and once
 * there is room again, so do changes, without a restart.
 *
 * Mounting takes root; it is done in a mount namespace of the test's own, and so goes
 * with it, however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http.h"
#include "must.h"
#include "pool.h"
#include "store_rig.h"

#define DISK_SIZE "size=16m"
#define BALLAST (8 << 20)
#define PATHS 2000

static struct stack stack;
static struct pool pool;
static char disk[128], ballast[160];
static uint64_t told[PATHS]; /* index of each path's last answered change */
static int body_of[PATHS];   /* and what was published then */
static char document[20000];

static bool can_mount(void)
{
    return unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void start(const char *sync)
{
    static const struct stack_options options = {.logs_errors = true};
    if (!can_mount()) {
        printf("this needs root, to mount a small tmpfs\n");
        skip();
    }
    memset(told, 0, sizeof told);
    stack_start(&stack, &options);
    stack_path(&stack, "disk", disk);
    must(mkdir(disk, 0700) == 0 && mount("none", disk, "tmpfs", 0, DISK_SIZE) == 0,
         "mount: %s", strerror(errno));
    snprintf(ballast, sizeof ballast, "%s/ballast", disk);
    pool_open(&pool, &stack, disk, 2, sync);
}

static void stop(void)
{
    pool_close(&pool);
    must(umount(disk) == 0, "umount: %s", strerror(errno));
    stack_stop(&stack);
}

static void take_ballast(void)
{
    int fd = open(ballast, O_WRONLY | O_CREAT, 0600);
    must(posix_fallocate(fd, 0, BALLAST) == 0, "no room for the ballast");
    close(fd);
}

/* And what little room is left. */
static void take_more_ballast(void)
{
    char block[4096] = {0};
    int fd = open(ballast, O_WRONLY | O_APPEND, 0600);
    while (write(fd, block, sizeof block) > 0)
        ;
    must(errno == ENOSPC, "the ballast: %s", strerror(errno));
    close(fd);
}

/* A document that begins with a number, of this length. */
static long put(int path, int number, size_t len)
{
    char target[64], value[256];
    snprintf(target, sizeof target, "/publish/%d", path);
    memset(document, 'x', len);
    int digits = snprintf(document, sizeof document, "%d", number);
    document[digits] = ' ';
    struct answer answer = http(&(struct http){.port = stack.port,
                                               .method = "PUT",
                                               .path = target,
                                               .headers = {"Content-Type: text/plain"},
                                               .body = document,
                                               .body_len = len});
    long status = answer.status;
    if (status == 201 || status == 204) {
        told[path] = strtoull(answer_header(&answer, "X-Polling-Index", value), NULL, 10);
        body_of[path] = number;
    } else if (status == 507) {
        must(strstr(answer.body, "full") != NULL, "%s", answer.body);
    }
    answer_free(&answer);
    return status;
}

static void must_be_there(int path)
{
    char target[64], value[256];
    snprintf(target, sizeof target, "/%d", path);
    struct answer answer = http_get(stack.port, target, NULL);
    uint64_t index = strtoull(answer_header(&answer, "X-Polling-Index", value), NULL, 10);
    must(index == told[path], "%s: index %s, told was %llu", target, value,
         (unsigned long long)told[path]);
    must(told[path] == 0 ? answer.status == 404 : atoi(answer.body) == body_of[path],
         "%s: %ld", target, answer.status);
    answer_free(&answer);
}

static void all_must_be_there(void)
{
    for (int i = 0; i < PATHS; i++)
        must_be_there(i);
}

static void fill(void)
{
    int refused = 0;
    for (int i = 1; i < PATHS && refused < 20; i++) {
        long status = put(i, i, 15000);
        must(status == 201 || status == 507, "%d: %ld", i, status);
        refused += status == 507;
    }
    must(refused == 20, "the disk is not full");
}

static void waiting_must_go_on(void)
{
    char path[96];
    snprintf(path, sizeof path, "/0?index=%llu&wait=1s", (unsigned long long)told[0]);
    struct answer answer = http_get(stack.port, path, NULL);
    assert_int_equal(answer.status, 304);
    answer_free(&answer);
}

static struct call *wait_for_change(void)
{
    static char path[96];
    snprintf(path, sizeof path, "/0?index=%llu&wait=60s", (unsigned long long)told[0]);
    return call_start(&(struct http){.port = stack.port, .path = path});
}

static void fill_and_make_room(const char *sync)
{
    start(sync);
    take_ballast();
    assert_int_equal(put(0, 1, 100), 201);
    fill();
    all_must_be_there();
    take_more_ballast();
    assert_int_equal(put(0, 2, 15000), 507);
    assert_int_equal(put(PATHS - 1, 1, 15000), 507);
    waiting_must_go_on();
    all_must_be_there();
    struct call *call = wait_for_change();
    must(unlink(ballast) == 0, "unlink");
    assert_int_equal(put(0, 3, 100), 204);
    struct answer answer = call_join(call);
    must(answer.status == 200 && atoi(answer.body) == 3, "%ld", answer.status);
    answer_free(&answer);
    for (int i = 1; i < 20; i++) /* through both processes */
        assert_int_equal(put(PATHS - i, i, 15000), 201);
    all_must_be_there();
    for (size_t i = 0; i < pool.count; i++) {
        pool_end(&pool, i);
        pool_start(&pool, i);
    }
    all_must_be_there();
    stop();
}

static void what_was_answered_stays_and_changes_come_back_under_full(void **state)
{
    (void)state;
    fill_and_make_room("full");
}

static void what_was_answered_stays_and_changes_come_back_under_normal(void **state)
{
    (void)state;
    fill_and_make_room("normal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_answered_stays_and_changes_come_back_under_full),
        cmocka_unit_test(what_was_answered_stays_and_changes_come_back_under_normal),
    };
    return cmocka_run_group_tests_name("full_disk_refuses_changes_only", tests, NULL,
                                       NULL);
}
