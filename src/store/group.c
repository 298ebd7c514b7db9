#include "group.h"

#include "fcgiwait/clock.h"

void group_open(struct group *group, struct store *store, struct step *steps, size_t room,
                uint64_t newest)
{
    const struct store_state *state = &store->options.state;
    *group =
        (struct group){.store = store, .steps = steps, .room = room, .newest = newest};
    state->count(state->context, &group->resources, &group->gone);
}

static struct step *step_of(const struct group *group, struct text path)
{
    struct step *step;
    HASH_FIND(hh, group->by_path, path.at, path.len, step);
    return step;
}

/* What the resource will be, with a document reference for the caller. */
static void look(const struct group *group, struct text path, struct present *present)
{
    const struct store_state *state = &group->store->options.state;
    const struct step *step = step_of(group, path);
    if (step == NULL) {
        state->look(state->context, path, present);
        return;
    }
    *present = step->after;
    document_ref(present->document);
}

static struct document *document_after(const struct edit *edit,
                                       const struct present *before)
{
    switch (edit->kind) {
    case EDIT_PUT:
    case EDIT_PATCH:
        return document_ref(edit->document);
    case EDIT_TOUCH:
        return document_ref(before->document);
    case EDIT_DELETE:
    case EDIT_EVERYTHING:
        break;
    }
    return NULL;
}

/* The path's newest step is the one to be found from now on. The one before it goes only
 * once the new one is in: without memory it stays the newest. */
static bool note_step(struct group *group, struct step *step)
{
    struct step *before = step_of(group, step->edit->path);
    HASH_ADD_KEYPTR(hh, group->by_path, step->edit->path.at, step->edit->path.len, step);
    if (step->hh.tbl == NULL) /* how uthash says that it had no memory */
        return false;
    if (before != NULL)
        HASH_DEL(group->by_path, before);
    return true;
}

static void count_step(struct group *group, const struct present *before,
                       const struct present *after)
{
    group->resources += after->document != NULL;
    group->resources -= before->document != NULL;
    group->gone += after->document == NULL;
    group->gone -= before->document == NULL && before->index != 0;
}

static bool add_step(struct group *group, struct edit *edit, const struct present *before)
{
    if (group->count == group->room || group->newest + 1 >= INDEX_LIMIT)
        return false;
    struct step *step = &group->steps[group->count];
    *step = (struct step){.edit = edit,
                          .after = {.index = group->newest + 1,
                                    .changed = clock_wall(),
                                    .document = document_after(edit, before)}};
    if (edit->kind != EDIT_EVERYTHING) {
        if (!note_step(group, step)) {
            present_dispose(&step->after);
            return false;
        }
        count_step(group, before, &step->after);
    }
    group->count++;
    group->newest = step->after.index;
    edit->index = step->after.index;
    return true;
}

void group_decide(struct group *group, struct edit *edit)
{
    struct present before;
    size_t limit = atomic_load(&group->store->limit);
    look(group, edit->path, &before);
    if (edit_decide(edit, &before, group->resources, limit) &&
        !add_step(group, edit, &before))
        edit->result = EDIT_FAILED;
    present_dispose(&before);
}

/* A few more than there have to be, since forgetting moves the index of all that lies
 * behind origins. */
#define FORGET_SHARE 16

void group_forget(struct group *group)
{
    const struct store_state *state = &group->store->options.state;
    size_t limit = atomic_load(&group->store->limit), resources, known;
    if (group->gone <= limit)
        return;
    size_t surplus = group->gone - limit + limit / FORGET_SHARE;
    state->count(state->context, &resources, &known);
    if (surplus > known) /* of those that this group makes none is forgotten yet */
        surplus = known;
    if (surplus > 0)
        group->forgotten = state->gone_at(state->context, surplus - 1);
}

static struct change change_of(const struct step *step)
{
    static const enum change_kind kinds[] = {[EDIT_PUT] = CHANGE_PUT,
                                             [EDIT_PATCH] = CHANGE_PUT,
                                             [EDIT_TOUCH] = CHANGE_TOUCH,
                                             [EDIT_DELETE] = CHANGE_DELETE,
                                             [EDIT_EVERYTHING] = CHANGE_EVERYTHING};
    enum change_kind kind = kinds[step->edit->kind];
    return (struct change){kind, step->after.index, step->after.changed, step->edit->path,
                           kind == CHANGE_PUT ? step->after.document : NULL};
}

/* Returns how many were shown. */
static size_t show_steps(const struct group *group)
{
    const struct store_state *state = &group->store->options.state;
    uint64_t known = atomic_load(&group->store->index);
    for (size_t i = 0; i < group->count; i++) {
        struct change change = change_of(&group->steps[i]);
        if (change.index > known && !state->sink(state->context, &change))
            return i;
    }
    return group->count;
}

static bool show_forgotten(const struct group *group)
{
    const struct store_state *state = &group->store->options.state;
    return group->forgotten == 0 ||
           state->sink(state->context, &(struct change){.kind = CHANGE_FORGET,
                                                        .index = group->forgotten,
                                                        .at = clock_wall(),
                                                        .path = TEXT("/")});
}

bool group_show(struct group *group)
{
    size_t shown = show_steps(group);
    bool all = shown == group->count && show_forgotten(group);
    /* Last: who sees it may look at the state without our lock. */
    if (shown > 0)
        atomic_store(&group->store->index, group->steps[shown - 1].after.index);
    return all;
}

void group_close(struct group *group)
{
    HASH_CLEAR(hh, group->by_path);
    for (size_t i = 0; i < group->count; i++)
        present_dispose(&group->steps[i].after);
}
