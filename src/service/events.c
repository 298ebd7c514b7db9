/* SPDX-License-Identifier: ISC */
/*
 * An index is a change's own, so that kind, index and path say which event of a resource
 * is meant. It is encoded without the lock: two threads that need it at the same moment
 * may both do it.
 */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "fcgiwait/telling.h"
#include "ndjson.h"
#include "sse.h"

void events_open(struct events *events)
{
    *events = (struct events){.next = 0};
    lock_init(&events->lock, LOCK_EVENTS);
}

static void forget(struct event *event)
{
    if (event->chunk != NULL)
        free((char *)event->key.what.at);
    chunk_unref(&event->chunk);
}

void events_close(struct events *events)
{
    for (size_t i = 0; i < EVENTS_KEPT; i++)
        forget(&events->kept[i]);
    lock_destroy(&events->lock);
}

bool event_can_say(struct event_kind kind, const struct present *present)
{
    return !kind.plain || present->document == NULL ||
           text_is_utf8(present->document->body);
}

/* --- encoding --- */

static struct chunk *encode_missing(uint64_t index)
{
    char json[sizeof "{\"index\": }" + TEXT_NUMBER] = "{\"index\": ";
    size_t len = strlen(json);
    len += text_format(index, json + len);
    json[len++] = '}';
    return sse_chunk(TEXT("missing"), index, (struct text){json, len});
}

static struct chunk *encode_told(struct event_kind kind, const struct told *told)
{
    struct telling telling = {.len = 0};
    if (kind.format == EVENT_NDJSON) {
        ndjson_change(&telling, told);
    } else {
        sse_id(&telling, told->index);
        sse_change(&telling, told);
        sse_end(&telling);
    }
    return telling_chunk(&telling);
}

static struct chunk *encode(struct event_kind kind, struct text path,
                            const struct present *present)
{
    if (kind.plain && present->document != NULL)
        return sse_chunk(TEXT(""), present->index, present->document->body);
    if (kind.plain)
        return encode_missing(present->index);
    struct told told = {path, present->index,
                        kind.documents && present->document == NULL &&
                            (present->deleted || present->index == 0),
                        kind.documents ? present->document : NULL};
    return encode_told(kind, &told);
}

/* --- the latest --- */

static bool is_same(const struct event_key *a, const struct event_key *b)
{
    return a->index == b->index && a->from == b->from && a->flags == b->flags &&
           a->undeleted == b->undeleted && a->goes_on == b->goes_on &&
           a->kind.format == b->kind.format && a->kind.plain == b->kind.plain &&
           a->kind.documents == b->kind.documents && text_is(a->what, b->what);
}

struct chunk *events_find(struct events *events, const struct event_key *key,
                          uint64_t *reached)
{
    struct chunk *found = NULL;
    lock_take(&events->lock);
    for (size_t i = 0; i < EVENTS_KEPT && found == NULL; i++) {
        const struct event *event = &events->kept[i];
        if (event->chunk != NULL && is_same(&event->key, key)) {
            found = chunk_ref(event->chunk);
            *reached = event->reached;
        }
    }
    lock_drop(&events->lock);
    return found;
}

void events_keep(struct events *events, const struct event_key *key, struct chunk *chunk,
                 uint64_t reached)
{
    struct event event = {*key, NULL, reached};
    char *what = malloc(key->what.len + 1);
    if (what == NULL)
        return;
    text_put(what, key->what);
    event.key.what.at = what;
    event.chunk = chunk_ref(chunk);
    lock_take(&events->lock);
    struct event oldest = events->kept[events->next % EVENTS_KEPT];
    events->kept[events->next++ % EVENTS_KEPT] = event;
    lock_drop(&events->lock);
    forget(&oldest);
}

/* Whether it can be said is looked at once, as it is encoded once. */
enum event_got events_get(struct events *events, struct event_kind kind, struct text path,
                          const struct present *present, struct chunk **chunk)
{
    const struct event_key key = {.kind = kind, .what = path, .index = present->index};
    uint64_t reached;
    *chunk = events_find(events, &key, &reached);
    if (*chunk != NULL)
        return EVENT_GOT;
    if (!event_can_say(kind, present))
        return EVENT_NOT_SAYABLE;
    *chunk = encode(kind, path, present);
    if (*chunk == NULL)
        return EVENT_NO_MEMORY;
    events_keep(events, &key, *chunk, present->index);
    return EVENT_GOT;
}
