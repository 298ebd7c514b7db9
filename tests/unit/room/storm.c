/* SPDX-License-Identifier: ISC */
/* Changes, expiries, hang-ups and a stop all at once, from many threads. Every guest that
 * was let in gets exactly one end; sanitizers watch the rest. */
#include <pthread.h>
#include <stdlib.h>

#include "room_rig.h"
#include "must.h"

#define WORKERS 3
#define CLIENTS 6
#define GUESTS 8     /* of each client, at a time */
#define ENOUGH 20000 /* ends, before the stop */
#define TARGETS 3    /* at most, of one guest */

static const char *const paths[] = {"/a", "/a/b", "/a/b/c", "/d"};

struct client {
    struct room_rig *room_rig;
    pthread_t thread;
    unsigned short seed[3];
    _Atomic long *ends;
    const char *wrong; /* NULL: nothing */
    long changed, expired, left, gone, stopped;
};

/* cmocka can't fail a test from here: the main thread looks at `wrong`. */
static void find(struct client *client, bool condition, const char *wrong)
{
    if (!condition && client->wrong == NULL)
        client->wrong = wrong;
}

struct stay {
    struct guest guest;
    uint64_t index;
    bool inside, has_tried_to_leave;
};

/* The least of their indexes. */
static uint64_t look(struct room_rig *room_rig, struct target *targets, size_t count)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        struct present present;
        tree_look(room_rig->tree, targets[i].path, targets[i].scope, &present);
        targets[i].index = present.index;
        least = present.index < least ? present.index : least;
        present_dispose(&present);
    }
    return least;
}

static bool come(struct client *client, struct stay *stay)
{
    struct room_rig *room_rig = client->room_rig;
    struct target targets[TARGETS];
    size_t count = (size_t)nrand48(client->seed) % TARGETS + 1;
    nanos span = nrand48(client->seed) % 4 * NANOS_PER_MS;
    enum room_parked parked;
    for (size_t i = 0; i < count; i++) {
        targets[i].path = text_of(paths[nrand48(client->seed) % 4]);
        targets[i].scope = (enum scope)(nrand48(client->seed) % SCOPES);
    }
    do {
        guest_init(room_rig, &stay->guest);
        stay->index = look(room_rig, targets, count);
        parked = room_park(room_rig->room, &stay->guest.waiter, targets, count,
                           instant_after(clock_now(), span));
    } while (parked == ROOM_MOVED);
    find(client, parked != ROOM_NO_MEMORY, "no memory");
    stay->inside = parked == ROOM_PARKED;
    stay->has_tried_to_leave = false;
    return stay->inside;
}

static void note_end(struct client *client, struct stay *stay)
{
    switch (stay->guest.verdict) {
    case VERDICT_CHANGED:
        find(client, stay->guest.news > stay->index, "news that are old");
        client->changed++;
        break;
    case VERDICT_EXPIRED:
        find(client, clock_now().at + 3 * NANOS_PER_MS >= stay->guest.waiter.deadline.at,
             "expired before its time");
        client->expired++;
        break;
    case VERDICT_HUNG_UP:
        find(client, stay->has_tried_to_leave, "gone, and never left");
        client->gone++;
        break;
    case VERDICT_STOPPING:
        client->stopped++;
        break;
    }
    find(client, stay->guest.answers == 1, "answered twice");
}

static void end(struct client *client, struct stay *stay)
{
    if (nrand48(client->seed) % 3 == 0) {
        stay->has_tried_to_leave = true;
        if (room_leave(client->room_rig->room, &stay->guest.waiter)) {
            find(client, stay->guest.answers == 0, "answered, and yet left");
            client->left++;
            stay->inside = false;
            (*client->ends)++;
            return;
        }
    }
    while (sem_wait(&stay->guest.answered) != 0)
        ;
    note_end(client, stay);
    stay->inside = false;
    (*client->ends)++;
}

static void *stay_until_the_stop(void *context)
{
    struct client *client = context;
    struct stay stays[GUESTS];
    bool open = true;
    while (open) {
        int count = 0;
        while (count < GUESTS && (open = come(client, &stays[count])))
            count++;
        for (int i = 0; i < count; i++)
            end(client, &stays[i]);
    }
    return NULL;
}

struct publisher {
    struct room_rig *room_rig;
    _Atomic bool over;
};

static void *change_until_over(void *context)
{
    struct publisher *publisher = context;
    for (unsigned i = 0; !atomic_load(&publisher->over); i++)
        room_rig_change(publisher->room_rig, paths[i % 4]);
    return NULL;
}

static void every_guest_gets_one_end(void **state)
{
    struct room_rig room_rig;
    struct client clients[CLIENTS];
    struct publisher publisher = {.room_rig = &room_rig};
    _Atomic long ends = 0;
    pthread_t thread;
    (void)state;
    room_rig_open(&room_rig, WORKERS);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){
            .room_rig = &room_rig, .ends = &ends, .seed = {(unsigned short)i, 7, 7}};
        must(pthread_create(&clients[i].thread, NULL, stay_until_the_stop, &clients[i]) ==
                 0,
             "no thread");
    }
    /* Without changes first, so that there are expiries. */
    while (ends < ENOUGH / 10)
        sched_yield();
    must(pthread_create(&thread, NULL, change_until_over, &publisher) == 0, "no thread");
    while (ends < ENOUGH)
        sched_yield();
    room_drain(room_rig.room, NANOS_PER_MS);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    atomic_store(&publisher.over, true);
    pthread_join(thread, NULL);
    struct client sum = {.changed = 0};
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i].wrong != NULL)
            fail_msg("client %d: %s", i, clients[i].wrong);
        sum.changed += clients[i].changed;
        sum.expired += clients[i].expired;
        sum.left += clients[i].left;
    }
    assert_true(sum.changed > 0 && sum.expired > 0 && sum.left > 0);
    room_close(&room_rig.room);
    tree_free(&room_rig.tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_guest_gets_one_end),
    };
    return cmocka_run_group_tests_name("room/storm", tests, NULL, NULL);
}
