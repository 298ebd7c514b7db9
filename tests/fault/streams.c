/* SPDX-License-Identifier: ISC */
/* Streams when the system says no: writes that are put off at each byte, broken at each
 * call, and memory that lacks at each request. Events stay whole and in order, what can't
 * go on is ended, and nothing of it is left. */
#include "fcgiwait/front.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "front_rig.h"
#include "must.h"
#include "sends.h"

static const struct service_rules rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                           .wait_max = 60 * NANOS_PER_SECOND,
                                           .max_waiting = 1000,
                                           .limit_body = 1000000,
                                           .limit_path = 100,
                                           .limit_changes = 10,
                                           .limit_answer = 1000000,
                                           .stream_max = 3600 * NANOS_PER_SECOND,
                                           .stream_heartbeat = 3600 * NANOS_PER_SECOND,
                                           .cache_control = "no-store"};

/* --- sends that fail by a pattern: a letter for each call, again and again --- */

static struct {
    const char *_Atomic letters; /* NULL: every call goes through */
    _Atomic long breaks;         /* this call, from 1 on, and all after it */
    _Atomic long calls;
} sends;

static void play(const char *letters, long breaks)
{
    sends.letters = letters;
    sends.breaks = breaks;
    sends.calls = 0;
}

/* sends_allow_fn */
static ssize_t allowed(size_t len)
{
    const char *letters = sends.letters;
    long call = ++sends.calls;
    if (sends.breaks > 0 && call >= sends.breaks) {
        errno = EPIPE;
        return -1;
    }
    char letter = letters == NULL ? '.' : letters[(size_t)call % strlen(letters)];
    if (letter == 'E' || letter == 'A') {
        errno = letter == 'E' ? EINTR : EAGAIN;
        return -1;
    }
    return letter == '1' ? 1 : (ssize_t)len;
}

/* --- the web server's side --- */

#define HEARD_MOST 2000000

static struct {
    int fd;
    size_t len;
    bool ended; /* by END_REQUEST, or closed */
    char bytes[HEARD_MOST];
} heard;

/* What is streamed: a resource, or a list that has it. */
static struct {
    const char *path, *scope, *accept;
} wanted;

static struct records asking(void)
{
    struct records records = {0};
    const char *pairs[] = {
        "REQUEST_METHOD", "GET",         "SCRIPT_NAME", wanted.path, "FCGIWAIT_SCOPE",
        wanted.scope,     "HTTP_ACCEPT", wanted.accept, NULL};
    records_begin(&records, 1, true);
    records_params(&records, 1, pairs);
    records_add(&records, FCGI_STDIN, 1, NULL, 0);
    return records;
}

static void listen_to(int fd)
{
    heard.fd = fd;
    heard.len = 0;
    heard.bytes[0] = '\0';
    heard.ended = false;
}

static void ask(int fd)
{
    struct records records = asking();
    fcgi_say(fd, &records);
    listen_to(fd);
}

/* The next so many bytes. */
static bool take(char *out, size_t len)
{
    for (ssize_t n; len > 0; out += n, len -= (size_t)n)
        if ((n = recv(heard.fd, out, len, 0)) <= 0)
            return false;
    return true;
}

/* One record more, its content behind what was heard. False: it ended, perhaps within
 * the record. */
static bool hear(void)
{
    unsigned char header[8];
    char rest[256];
    heard.ended = true;
    if (!take((char *)header, sizeof header))
        return false;
    size_t len = (size_t)header[4] << 8 | header[5];
    must(heard.len + len < HEARD_MOST, "it never ends");
    if (!take(heard.bytes + heard.len, len) || !take(rest, header[6]))
        return false;
    if (header[1] == FCGI_STDOUT)
        heard.len += len;
    heard.bytes[heard.len] = '\0';
    heard.ended = header[1] == FCGI_END_REQUEST;
    return !heard.ended;
}

static bool hear_until(const char *text)
{
    while (strstr(heard.bytes, text) == NULL)
        if (!hear())
            return false;
    return true;
}

/* No more than `len`, so that each byte can be counted; of one length whatever comes. */
static void put(struct front_rig *rig, int number, size_t len)
{
    static char body[400000];
    int start = snprintf(body, sizeof body, "[1%04d,\"", number);
    memset(body + start, 'x', len);
    strcpy(body + (size_t)start + len, "\"]");
    struct visit *visit = malloc(sizeof *visit);
    must(visit != NULL, "no memory");
    struct cgi cgi = {.method = TEXT("PUT"),
                      .script_name = TEXT("/l/a"),
                      .access = TEXT("publish"),
                      .content_type = TEXT("application/json"),
                      .body = text_of(body),
                      .body_length = strlen(body)};
    int status = service_rig_ask(&rig->service_rig, visit, &cgi);
    must(status == 201 || status == 204, "status %d", status);
    free(visit);
}

/* Each state whole, each newer than the one before. Returns how many there were. */
static int states_in_order(size_t len)
{
    int count = 0, before = -1, number;
    for (const char *at = heard.bytes; (at = strstr(at, "[1")) != NULL; count++) {
        must(sscanf(at, "[%d,\"", &number) == 1 && number > before, "%d after %d", number,
             before);
        at += strlen("[10000,\"");
        must(strspn(at, "x") == len && strncmp(at + len, "\"]", 2) == 0,
             "state %d is not whole", number);
        before = number;
    }
    return count;
}

static void must_leave_nothing(struct front_rig *rig)
{
    const struct counters *counters = &rig->service_rig.counters;
    front_rig_await(&counters->connections, 0);
    front_rig_await(&counters->streams, 0);
    front_rig_await(&counters->waiting, 0);
}

static int start(void **state)
{
    play(NULL, 0);
    *state = malloc(sizeof(struct front_rig));
    must(*state != NULL, "no memory");
    front_rig_open(*state, &rules);
    wanted.path = "/l/a";
    wanted.scope = "resource";
    wanted.accept = "text/event-stream";
    return 0;
}

static int stop(void **state)
{
    play(NULL, 0);
    return front_rig_teardown(state);
}

static void each_kind(struct front_rig *rig, void (*run)(struct front_rig *rig))
{
    static const char *const accepts[] = {"text/event-stream", "application/x-ndjson"};
    for (size_t i = 0; i < 4; i++) {
        wanted.path = i / 2 == 0 ? "/l/a" : "/l";
        wanted.scope = i / 2 == 0 ? "resource" : "below";
        wanted.accept = accepts[i % 2];
        run(rig);
    }
}

/* --- writes by pieces --- */

static void by_pieces(struct front_rig *rig)
{
    static const char *const patterns[] = {"1A", "A1", "E1", "1AE", ".A", "11A.", "A."};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        put(rig, 1, 100);
        play(patterns[i], 0);
        int fd = front_rig_connect(rig);
        ask(fd);
        for (int number = 2; number < 8; number++)
            put(rig, number, 100);
        assert_true(hear_until("[10007,"));
        put(rig, 9, 100);
        assert_true(hear_until("[10009,"));
        put(rig, 10, 100);
        assert_true(hear_until("[10010,"));
        must(states_in_order(100) >= 3, "states are missing");
        close(fd);
        must_leave_nothing(rig);
        play(NULL, 0);
    }
}

static void events_by_single_bytes_are_whole(void **state)
{
    each_kind(*state, by_pieces);
}

/* --- a socket that breaks --- */

static void each_call(struct front_rig *rig)
{
    for (long call = 1; call < 60; call++) {
        put(rig, 1, 0);
        int fd = front_rig_connect(rig);
        play("111111111111111111111111..A", call);
        ask(fd);
        for (int number = 2; number < 6; number++)
            put(rig, number, 0);
        while (!heard.ended && strstr(heard.bytes, "[10005,") == NULL && hear())
            ;
        play(NULL, 0);
        close(fd);
        must_leave_nothing(rig);
    }
}

static void a_socket_that_breaks_ends_its_stream_alone(void **state)
{
    each_kind(*state, each_call);
}

/* --- memory --- */

static struct front_rig *rig_of_sweep;

/* A large event, of which the rest has to be kept; publishing may fail as well, and is
 * done again when all is well. */
static bool streaming(long nth, enum faults faults)
{
    struct front_rig *rig = rig_of_sweep;
    struct tree *tree = rig->service_rig.tree;
    struct present present;
    put(rig, 1, 300000);
    struct records records = asking();
    int fd = front_rig_connect(rig);
    play("1A....", 0);
    listen_to(fd);
    faults_arm(nth, faults);
    bool lives =
        records_send(&records, fd) && hear_until("[10001,") && hear_until("x\"]");
    tree_look(tree, TEXT("/l/a"), SCOPE_SELF, &present);
    struct change change = {
        .kind = CHANGE_TOUCH, .index = present.index + 1, .path = TEXT("/l/a")};
    present_dispose(&present);
    must(tree_apply(tree, &change), "what is there takes no memory");
    char index[32];
    snprintf(index, sizeof index, "%" PRIu64, change.index);
    lives = lives && hear_until(index);
    bool refused = faults_disarm();
    play(NULL, 0);
    must(lives || refused, "it ended, and nothing lacked");
    records_free(&records);
    close(fd);
    must_leave_nothing(rig);
    return refused;
}

static void each_lack(struct front_rig *rig)
{
    rig_of_sweep = rig;
    faults_sweep(streaming);
}

static void streams_survive_each_lack(void **state)
{
    each_kind(*state, each_lack);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_by_single_bytes_are_whole),
        TEST(a_socket_that_breaks_ends_its_stream_alone),
        TEST(streams_survive_each_lack),
    };
    sends_limit(allowed);
    return cmocka_run_group_tests_name("fault/streams", tests, NULL, NULL);
}
