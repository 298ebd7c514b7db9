/* SPDX-License-Identifier: ISC */
/*
 * Looks into what came back: headers are searched where they lie, and events of a stream
 * are counted as their bytes come. What it means is judge.c's.
 */
#include "exchange.h"

static struct text line_value(struct text line, struct text name)
{
    struct text first;
    if (!text_cut(&line, ':', &first) || line.at == NULL || !text_is_like(first, name))
        return (struct text){0};
    return text_trim(line);
}

/* Of the lines in `rest`, which then begins behind it. */
static struct text next_value(struct text *rest, const char *name)
{
    struct text line;
    while (text_cut(rest, '\n', &line)) {
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        struct text value = line_value(line, text_of(name));
        if (value.at != NULL)
            return value;
    }
    return (struct text){0};
}

static struct text lines_of(const struct exchange *exchange)
{
    return (struct text){exchange->head, exchange->head_len};
}

struct text exchange_header(const struct exchange *exchange, const char *name)
{
    struct text rest = lines_of(exchange);
    return next_value(&rest, name);
}

bool exchange_has(const struct exchange *exchange, const char *name)
{
    return exchange_header(exchange, name).at != NULL;
}

size_t exchange_count(const struct exchange *exchange, const char *name)
{
    struct text rest = lines_of(exchange);
    size_t count = 0;
    while (next_value(&rest, name).at != NULL)
        count++;
    return count;
}

static bool has_word(struct text value, struct text word)
{
    for (size_t i = 0; i + word.len <= value.len; i++)
        if (text_is_like((struct text){value.at + i, word.len}, word))
            return true;
    return false;
}

bool exchange_says(const struct exchange *exchange, const char *name, const char *word)
{
    struct text rest = lines_of(exchange), value;
    while ((value = next_value(&rest, name)).at != NULL)
        if (has_word(value, text_of(word)))
            return true;
    return false;
}

bool exchange_lists(const struct exchange *exchange, const char *name, struct text member)
{
    struct text rest = lines_of(exchange), value;
    while ((value = next_value(&rest, name)).at != NULL)
        if (text_lists(value, member))
            return true;
    return false;
}

bool exchange_index(const struct exchange *exchange, uint64_t *index)
{
    return text_number(exchange_header(exchange, "X-Polling-Index"), UINT64_MAX, index);
}

struct text exchange_body(const struct exchange *exchange)
{
    size_t len = exchange->body_len < EXCHANGE_BODY ? exchange->body_len : EXCHANGE_BODY;
    return (struct text){exchange->body, len};
}

/* What each stream of everything below a path says once it has caught up, with data. */
#define CURRENT "event: current"

static void take_line(struct exchange *exchange, nanos at)
{
    if (exchange->event.line == 0) {
        if (exchange->event.data && !exchange->event.current && exchange->event_at < 0)
            exchange->event_at = at;
        exchange->event.data = exchange->event.current = false;
    } else if (exchange->event.begin[0] == 'd') { /* no other field begins so */
        exchange->event.data = true;
    } else if (exchange->event.line == strlen(CURRENT) &&
               memcmp(exchange->event.begin, CURRENT, strlen(CURRENT)) == 0) {
        exchange->event.current = true;
    }
    exchange->event.line = 0;
}

/* An event is whole at the empty line behind its data. */
static void take_letter(struct exchange *exchange, char letter, nanos at)
{
    if (letter == '\r')
        return;
    if (letter != '\n') {
        if (exchange->event.line < sizeof exchange->event.begin)
            exchange->event.begin[exchange->event.line] = letter;
        exchange->event.line++;
        return;
    }
    take_line(exchange, at);
}

void exchange_take(struct exchange *exchange, const char *bytes, size_t len, nanos at)
{
    size_t kept = exchange->body_len < EXCHANGE_BODY ? exchange->body_len : EXCHANGE_BODY;
    size_t fits = EXCHANGE_BODY - kept;
    if (len > 0 && exchange->body_at < 0)
        exchange->body_at = at;
    memcpy(exchange->body + kept, bytes, len < fits ? len : fits);
    exchange->body_len += len;
    for (size_t i = 0; i < len && exchange->event_at < 0; i++)
        take_letter(exchange, bytes[i], at);
}

bool exchange_is_stream(const struct exchange *exchange)
{
    return exchange->status == 200 &&
           exchange_says(exchange, "Content-Type", "text/event-stream");
}
