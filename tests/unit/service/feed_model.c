/* SPDX-License-Identifier: ISC */
/*
 * What is told below paths, step by step at random, against a model that keeps
 * everything: over memory, over a file, and by four processes over one file, which are
 * stopped and killed on the way. FCGIWAIT_FULL=1: 100,000 steps each; FCGIWAIT_SEED=N:
 * others than those of 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_model.h"
#include "must.h"
#include "store_rig.h"

#define PROCESSES 4
#define READERS 12
#define POOL 64
#define STEPS 1500
#define STEPS_FULL 100000
#define CHANGES 3
#define CHANGES_MANY 200 /* in every other life of a process that is alone */
#define PLENTY 40000     /* bytes of an answer */

struct reader {
    struct model_copy copy;
    bool held, called; /* called: something has changed for it */
    size_t process;
    uint32_t id;
};

struct world {
    struct far_options options;
    struct far_service processes[PROCESSES];
    size_t count;
    unsigned paths;
    struct model model;
    struct reader readers[READERS];
    struct {
        uint64_t index;
        unsigned life;
    } pool[POOL]; /* indexes that were told some time */
    size_t pooled, step;
    struct {
        size_t process;
        struct far_answer answer;
    } by_itself[READERS]; /* answers to those that were held */
    size_t waiting;
    unsigned seed;
    long held, told, resets, bookmarks, forgotten, restarts;
};

static unsigned any(struct world *world, unsigned below)
{
    return (unsigned)rand_r(&world->seed) % below;
}

static void wrong(const struct world *world, const char *why,
                  const struct far_answer *answer)
{
    fail_msg("step %zu: %s (status %d, index %llu)\n%s", world->step, why, answer->status,
             (unsigned long long)answer->index, answer->body);
}

/* --- answers --- */

static void keep(struct world *world, size_t process, const struct far_answer *answer)
{
    must(world->waiting < READERS, "more answers than readers");
    world->by_itself[world->waiting].process = process;
    world->by_itself[world->waiting++].answer = *answer;
}

/* One that came while something else was waited for: long answers take their time. */
static bool was_kept(struct world *world, size_t process, uint32_t id,
                     struct far_answer *answer)
{
    for (size_t i = 0; i < world->waiting; i++) {
        if (world->by_itself[i].process != process || world->by_itself[i].answer.id != id)
            continue;
        *answer = world->by_itself[i].answer;
        world->by_itself[i] = world->by_itself[--world->waiting];
        return true;
    }
    return false;
}

/* The answer to the request; false: it was looked at, and has none yet. Answers to those
 * that are held come by themselves. */
static bool receive(struct world *world, size_t process, uint32_t id, bool may_wait,
                    struct far_answer *answer)
{
    if (was_kept(world, process, id, answer))
        return true;
    for (;;) {
        must(far_service_receive(&world->processes[process], answer), "it died");
        if (answer->served && answer->id == id && may_wait)
            return false;
        if (!answer->served && answer->id == id)
            return true;
        if (!answer->served)
            keep(world, process, answer);
    }
}

/* Somebody there is about to be answered. */
static void receive_any(struct world *world, size_t process)
{
    struct far_answer answer;
    must(far_service_receive(&world->processes[process], &answer), "it died");
    if (!answer.served)
        keep(world, process, &answer);
}

static void ask(struct world *world, size_t process, struct far_call *call,
                struct far_answer *answer)
{
    uint32_t id = far_service_send(&world->processes[process], call);
    receive(world, process, id, false, answer);
}

static struct model_span span_of(struct world *world, size_t process)
{
    struct far_call call = {.what = FAR_SPAN};
    struct far_answer answer;
    ask(world, process, &call, &answer);
    return (struct model_span){answer.horizon, answer.newest, answer.born};
}

static void let_go(struct world *world, size_t process, const struct far_answer *answer)
{
    char why[400];
    for (size_t i = 0; i < READERS; i++) {
        struct reader *reader = &world->readers[i];
        if (!reader->held || reader->process != process || reader->id != answer->id)
            continue;
        struct model_span span = span_of(world, process);
        if (!reader->called)
            wrong(world, "it was woken for nothing", answer);
        /* Whether it has to begin again where paths were forgotten meanwhile depends on
         * which was first. */
        reader->copy.watches = strstr(answer->body, "\"reset\"") == NULL;
        if (!model_take(&world->model, &reader->copy, &span, answer, why))
            wrong(world, why, answer);
        reader->copy.watches = false;
        reader->held = reader->called = false;
        return;
    }
    wrong(world, "nobody has asked for this", answer);
}

/* What came by itself, once the model knows what has happened. */
static void settle(struct world *world)
{
    while (world->waiting > 0) {
        world->waiting--;
        struct far_answer answer = world->by_itself[world->waiting].answer;
        let_go(world, world->by_itself[world->waiting].process, &answer);
    }
}

/* --- readers --- */

/* In the query, or as an entity tag: with a wait it is the same. */
static int add_index(struct world *world, struct far_call *call, size_t len,
                     uint64_t index)
{
    if (any(world, 4) > 0)
        return snprintf(call->query + len, sizeof call->query - len, "&index=%llu",
                        (unsigned long long)index);
    snprintf(call->tags, sizeof call->tags, "\"%llu\"", (unsigned long long)index);
    return 0;
}

static struct far_call call_of(struct world *world, const struct model_copy *copy,
                               bool waits)
{
    const struct model_target *target = &model_targets[copy->target];
    struct far_call call = {.method = "GET", .below = true};
    snprintf(call.path, sizeof call.path, "%s", target->path);
    int len = snprintf(call.query, sizeof call.query, "wait=%s", waits ? "3600s" : "0");
    if (copy->has_index)
        len += add_index(world, &call, (size_t)len, copy->index);
    if (target->only != NULL)
        snprintf(call.query + len, sizeof call.query - (size_t)len, "&only=%s",
                 target->only);
    return call;
}

static void remember(struct world *world, uint64_t index)
{
    size_t at = world->pooled++ % POOL;
    world->pool[at].index = index;
    world->pool[at].life = world->model.life;
}

/* False: it is held. */
static bool ask_below(struct world *world, struct reader *reader, bool waits)
{
    char why[400] = "";
    size_t process = any(world, (unsigned)world->count);
    struct far_call call = call_of(world, &reader->copy, waits);
    struct far_answer answer;
    bool had_index = reader->copy.has_index;
    uint32_t id = far_service_send(&world->processes[process], &call);
    bool answered = receive(world, process, id, waits, &answer);
    struct model_span span = span_of(world, process);
    must(world->model.newest == 0 || span.newest == world->model.newest,
         "step %zu: what was changed is not seen", world->step);
    if (!answered && !model_has_news(&world->model, &reader->copy, &span)) {
        reader->held = true;
        reader->process = process;
        reader->id = id;
        world->held++;
        return false;
    }
    if (!answered)
        receive(world, process, id, false, &answer);
    if (!model_take(&world->model, &reader->copy, &span, &answer, why))
        wrong(world, why, &answer);
    world->told += answer.status == 200;
    world->resets += had_index && strstr(answer.body, "\"reset\"") != NULL;
    if (answer.index > span.newest)
        world->bookmarks++;
    else
        remember(world, answer.index);
    return true;
}

/* Page after page; something may happen between them. */
static void read_on(struct world *world, struct reader *reader, bool waits)
{
    char why[400];
    if (!ask_below(world, reader, waits))
        return;
    if (!reader->copy.goes_on && !model_is_whole(&world->model, &reader->copy, why))
        fail_msg("step %zu: %s", world->step, why);
}

static void read_some(struct world *world)
{
    struct reader *reader = &world->readers[any(world, READERS)];
    if (reader->held)
        return;
    if (any(world, 20) == 0) { /* another list, from its beginning */
        reader->copy = (struct model_copy){.target = any(world, MODEL_TARGETS)};
        read_on(world, reader, false);
    } else {
        read_on(world, reader, any(world, 2) == 0);
    }
}

/* What somebody gets who brings any index that was ever told, or one beside it. */
static void read_old(struct world *world)
{
    size_t at = any(world, POOL);
    struct reader reader = {.copy = {.target = any(world, MODEL_TARGETS),
                                     .has_index = true,
                                     .index = world->pool[at].index + any(world, 2),
                                     .life = world->pool[at].life}};
    if (reader.copy.index > 1)
        ask_below(world, &reader, false);
}

static void read_one(struct world *world)
{
    char why[400];
    size_t path = any(world, world->paths), at = any(world, POOL);
    size_t process = any(world, (unsigned)world->count);
    struct far_call call = {.method = "GET"};
    struct far_answer answer;
    snprintf(call.path, sizeof call.path, "%s", model_paths[path]);
    int len = snprintf(call.query, sizeof call.query, "wait=0");
    add_index(world, &call, (size_t)len, world->pool[at].index);
    ask(world, process, &call, &answer);
    struct model_span span = span_of(world, process);
    if (!model_check_one(&world->model, path, world->pool[at].index, world->pool[at].life,
                         &span, &answer, why))
        wrong(world, why, &answer);
}

/* --- writers --- */

/* Whoever waits for the path is answered, wherever it waits; nobody else. */
static void await_readers(struct world *world, size_t path)
{
    for (size_t i = 0; i < READERS; i++)
        world->readers[i].called =
            world->readers[i].held && model_concerns(world->readers[i].copy.target, path);
    settle(world);
    for (size_t i = 0; i < READERS; i++)
        while (world->readers[i].called) {
            receive_any(world, world->readers[i].process);
            settle(world);
        }
}

static void changed(struct world *world, size_t path, struct model_state next,
                    uint64_t index)
{
    struct model *model = &world->model;
    struct model_state *now = &model->now[path];
    must(index > model->newest, "step %zu: the index goes back", world->step);
    model->there += next.there;
    model->there -= now->there;
    *now = next;
    now->index = model->newest = index;
    remember(world, index);
    await_readers(world, path);
}

/* What a change makes of the path, and the status that it gets; `call` is filled in. */
static int plan(struct world *world, struct model_state *next, struct far_call *call)
{
    struct model_state now = *next;
    bool grows = world->step / (3 * world->paths) % 2 == 0;
    unsigned dice = any(world, 100);
    if (dice < (grows ? 60U : 15U)) {
        *next = (struct model_state){
            .there = true, .json = any(world, 4) > 0, .n = (int)any(world, 3), .p = -1};
        strcpy(call->method, "PUT");
        strcpy(call->type, next->json ? "application/json" : "text/plain");
        snprintf(call->body, sizeof call->body, next->json ? "{\"n\":%d}" : "%d",
                 next->n);
        if (!now.there)
            return world->model.there >= world->options.resources ? 507 : 201;
        return 204;
    }
    if (dice < 75) {
        strcpy(call->method, "DELETE");
        next->deleted = true;
        next->there = false;
        return now.there ? 204 : 404;
    }
    if (dice < 87) {
        next->p = (int)any(world, 3);
        strcpy(call->method, "PATCH");
        strcpy(call->type, "application/merge-patch+json");
        snprintf(call->body, sizeof call->body, "{\"p\":%d}", next->p);
        return !now.there ? 404 : now.json ? 204 : 409;
    }
    strcpy(call->method, "POST");
    return 204;
}

static bool is_same(const struct model_state *a, const struct model_state *b)
{
    return a->there && b->there && a->json == b->json && a->n == b->n && a->p == b->p;
}

static void write_some(struct world *world)
{
    size_t path = any(world, world->paths), process = any(world, (unsigned)world->count);
    struct far_call call = {.publishes = true};
    struct model_state now = world->model.now[path], next;
    struct far_answer answer;
    /* a forgotten path begins anew */
    snprintf(call.path, sizeof call.path, "/nothing");
    strcpy(call.method, "GET");
    ask(world, process, &call, &answer);
    struct model_span span = span_of(world, process);
    if (!now.there && now.index != 0 && now.index <= span.horizon) {
        now = (struct model_state){.anew = world->count > 1};
        world->forgotten++;
    }
    next = now;
    snprintf(call.path, sizeof call.path, "%s", model_paths[path]);
    int expected = plan(world, &next, &call);
    ask(world, process, &call, &answer);
    if (answer.status != expected)
        wrong(world, call.method, &answer);
    if (expected < 300 && (strcmp(call.method, "POST") == 0 || !is_same(&now, &next)))
        changed(world, path, next, answer.index);
}

/* --- processes --- */

static void set_changes(struct world *world, size_t changes)
{
    world->options.changes = world->model.most = changes;
    world->model.least = world->options.answer < PLENTY ? 1 : changes;
}

static void restart(struct world *world)
{
    size_t process = any(world, (unsigned)world->count);
    struct far_service *far = &world->processes[process];
    bool killed = any(world, 2) == 0;
    struct far_answer answer;
    if (killed)
        far_service_kill(far);
    else
        far_service_stop(far);
    while (far_service_receive(far, &answer))
        if (!answer.served)
            assert_int_equal(answer.status, 304); /* to somebody who was held */
    far_service_bury(far);
    for (size_t i = 0; i < READERS; i++)
        if (world->readers[i].process == process)
            world->readers[i].held = false;
    if (strcmp(world->options.type, "memory") == 0)
        model_begin(&world->model);
    if (world->count == 1)
        set_changes(world, world->restarts % 2 == 0 ? CHANGES_MANY : CHANGES);
    far_service_start(far, &world->options);
    world->restarts++;
}

static void walk(struct world *world, size_t steps)
{
    for (world->step = 0; world->step < steps; world->step++) {
        unsigned dice = any(world, 1000);
        if (dice < 4)
            restart(world);
        else if (dice < 500)
            write_some(world);
        else if (dice < 800)
            read_some(world);
        else if (dice < 920)
            read_old(world);
        else
            read_one(world);
        settle(world);
    }
}

/* As many resources as there may be are as many as are remembered without a document. */
static void try_over(const char *type, size_t count, unsigned paths, size_t bytes)
{
    static struct world world;
    struct store_rig_folder folder;
    bool full = getenv("FCGIWAIT_FULL") != NULL;
    const char *seed = getenv("FCGIWAIT_SEED");
    store_rig_folder_make(&folder);
    world = (struct world){.options = {type, folder.file, paths * 2 / 5, 0, bytes},
                           .count = count,
                           .paths = paths,
                           .seed = seed != NULL ? (unsigned)strtoul(seed, NULL, 10) : 1};
    model_begin(&world.model);
    set_changes(&world, CHANGES);
    for (size_t i = 0; i < READERS; i++)
        world.readers[i].copy.target = i % MODEL_TARGETS;
    for (size_t i = 0; i < count; i++)
        far_service_start(&world.processes[i], &world.options);
    walk(&world, full ? STEPS_FULL : STEPS);
    for (size_t i = 0; i < count; i++) {
        struct far_answer answer;
        far_service_stop(&world.processes[i]);
        while (far_service_receive(&world.processes[i], &answer))
            ;
        far_service_bury(&world.processes[i]);
    }
    store_rig_folder_remove(&folder);
    printf("%zu steps: %ld answers told, %ld held, %ld began again, %ld bookmarks, %ld "
           "forgotten paths met, %ld restarts\n",
           world.step, world.told, world.held, world.resets, world.bookmarks,
           world.forgotten, world.restarts);
    assert_true(world.held > 0 && world.resets > 0 && world.forgotten > 0 &&
                world.restarts > 0 && (world.bookmarks > 0 || !full));
}

static void over_memory(void **state)
{
    (void)state;
    try_over("memory", 1, MODEL_FEW, 160);
}

static void over_a_file(void **state)
{
    (void)state;
    try_over("sqlite", 1, MODEL_PATHS, PLENTY);
}

static void by_four_processes(void **state)
{
    (void)state;
    try_over("sqlite", PROCESSES, MODEL_FEW, PLENTY);
}

int main(int argc, char **argv)
{
    far_service_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_memory),
        cmocka_unit_test(over_a_file),
        cmocka_unit_test(by_four_processes),
    };
    return cmocka_run_group_tests_name("service/feed_model", tests, NULL, NULL);
}
