/* SPDX-License-Identifier: ISC */
/*
 * An index is a change's own, so that kind, index and path say which event of a resource
 * is meant. It is encoded without the lock: two threads that need it at the same moment
 * may both do it.
 */
#include "events.h"

#include <string.h>

#include "fcgiwait/telling.h"
#include "ndjson.h"
#include "sse.h"

bool event_can_say(struct event_kind kind, const struct present *present)
{
    return !kind.plain || present->document == NULL ||
           text_is_utf8(present->document->body);
}

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

/* Whether it can be said is looked at once, as it is encoded once. */
enum event_got events_get(struct built *built, struct event_kind kind, struct text path,
                          const struct present *present, struct chunk **chunk)
{
    const bool flags[] = {false, kind.format == EVENT_NDJSON, kind.plain, kind.documents};
    const struct built_key key = {.what = path,
                                  .index = present->index,
                                  .flags =
                                      built_flags(flags, sizeof flags / sizeof *flags)};
    uint64_t reached;
    *chunk = built_find(built, &key, &reached);
    if (*chunk != NULL)
        return EVENT_GOT;
    if (!event_can_say(kind, present))
        return EVENT_NOT_SAYABLE;
    *chunk = encode(kind, path, present);
    if (*chunk == NULL)
        return EVENT_NO_MEMORY;
    built_add(built, &key, *chunk, present->index);
    return EVENT_GOT;
}
