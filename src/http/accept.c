/* SPDX-License-Identifier: ISC */
/*
 * Media ranges, one after the other. Quality values are read as the RFC writes them and
 * no other way: "q=1.5" is no range that anybody meant.
 */
#include "fcgiwait/accept.h"

struct range {
    struct text type; /* "text/html", without parameters */
    unsigned quality;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Up to the mark, or to all of it; quoted strings are stepped over. */
static struct text take_until(struct text *rest, char mark)
{
    struct text taken = {rest->at, 0};
    bool quoted = false;
    while (taken.len < rest->len && (quoted || rest->at[taken.len] != mark)) {
        if (rest->at[taken.len] == '"')
            quoted = !quoted;
        else if (quoted && rest->at[taken.len] == '\\' && taken.len + 1 < rest->len)
            taken.len++;
        taken.len++;
    }
    text_skip(rest, taken.len < rest->len ? taken.len + 1 : taken.len);
    return text_trim(taken);
}

/* qvalue: 0 or 1, and three digits at most behind a point; a one has only zeros there. */
static bool read_quality(struct text t, unsigned *quality)
{
    unsigned value, place = 100;
    if (t.len == 0 || t.len > 5 || (t.at[0] != '0' && t.at[0] != '1'))
        return false;
    value = t.at[0] == '1' ? ACCEPT_MOST : 0;
    if (t.len > 1 && t.at[1] != '.')
        return false;
    for (size_t i = 2; i < t.len; i++, place /= 10) {
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
        value += (unsigned)(t.at[i] - '0') * place;
    }
    *quality = value;
    return value <= ACCEPT_MOST;
}

/* A parameter "q=..."; others say which kind of the type is meant, and do not count here.
 */
static bool note_parameter(struct text parameter, struct range *range)
{
    struct text name;
    text_cut(&parameter, '=', &name);
    return !text_is_like(text_trim(name), TEXT("q")) ||
           read_quality(text_trim(parameter), &range->quality);
}

/* Takes the next one that can be understood. */
static bool take_range(struct text *rest, struct range *range)
{
    while (rest->len > 0) {
        struct text one = take_until(rest, ',');
        bool sound = true;
        *range = (struct range){take_until(&one, ';'), ACCEPT_MOST};
        while (sound && one.len > 0)
            sound = note_parameter(take_until(&one, ';'), range);
        for (size_t i = 0; i < range->type.len; i++)
            sound = sound && !is_blank(range->type.at[i]);
        if (sound && range->type.len > 0)
            return true;
    }
    return false;
}

static struct text essence_of(struct text type)
{
    return take_until(&type, ';');
}

static struct text main_of(struct text type)
{
    struct text name = {type.at, 0};
    text_cut(&type, '/', &name);
    return name;
}

/* 0: the range does not mean the type; more: the more specific. */
static int specificity(struct text range, struct text type)
{
    struct text name = main_of(range);
    if (text_is_like(range, type))
        return 3;
    if (range.len != name.len + 2 ||
        !text_is(TEXT("/*"), (struct text){name.at + name.len, 2}))
        return 0;
    if (text_is(name, TEXT("*")))
        return 1;
    return text_is_like(name, main_of(type)) ? 2 : 0;
}

unsigned accept_quality(struct text accept, struct text type)
{
    struct text essence = essence_of(type);
    struct range range;
    unsigned quality = 0;
    int best = 0;
    while (take_range(&accept, &range)) {
        int here = specificity(range.type, essence);
        if (here > best || (here == best && here > 0 && range.quality > quality)) {
            best = here;
            quality = range.quality;
        }
    }
    return quality;
}

static enum accept_stream stream_of(struct text type)
{
    if (text_is_like(type, TEXT("text/event-stream")))
        return ACCEPT_EVENTS;
    return text_is_like(type, TEXT("application/x-ndjson")) ? ACCEPT_LINES
                                                            : ACCEPT_NO_STREAM;
}

/* The most that anything else is wanted. */
static unsigned others_quality(struct text accept)
{
    struct range range;
    unsigned quality = 0;
    while (take_range(&accept, &range))
        if (stream_of(range.type) == ACCEPT_NO_STREAM && range.quality > quality)
            quality = range.quality;
    return quality;
}

/* Of these, the one that is wanted most. */
static enum accept_stream find_stream(struct text accept, unsigned streams,
                                      unsigned *most)
{
    enum accept_stream found = ACCEPT_NO_STREAM;
    struct range range;
    *most = 0;
    while (take_range(&accept, &range)) {
        enum accept_stream here = stream_of(range.type);
        if ((here & streams) != 0 && range.quality > *most) {
            *most = range.quality;
            found = here;
        }
    }
    return found;
}

bool accept_names_stream(struct text accept)
{
    unsigned most;
    return accept.len >= sizeof "text/event-stream" - 1 && /* the shorter of the two */
           find_stream(accept, ACCEPT_STREAMS, &most) != ACCEPT_NO_STREAM;
}

static unsigned get_quality(struct text accept, struct text type)
{
    return type.len > 0 ? accept_quality(accept, type) : others_quality(accept);
}

enum accept_stream accept_stream(struct text accept, struct text type, unsigned streams)
{
    unsigned most;
    enum accept_stream found = find_stream(accept, streams, &most);
    if (found == ACCEPT_NO_STREAM)
        return found;
    return most >= get_quality(accept, type) ? found : ACCEPT_NO_STREAM;
}

bool accept_takes_get(struct text accept, struct text type)
{
    return get_quality(accept, type) > 0;
}
