/* SPDX-License-Identifier: ISC */
/*
 * Measured first and then written into memory that is just large enough: events of large
 * documents are copied once.
 */
#include "sse.h"

struct pen {
    char *out; /* NULL: only measures */
    size_t len;
};

static void put(struct pen *pen, struct text t)
{
    if (pen->out != NULL && t.len > 0)
        memcpy(pen->out + pen->len, t.at, t.len);
    pen->len += t.len;
}

static void put_number(struct pen *pen, struct text before, uint64_t value)
{
    char digits[TEXT_NUMBER];
    put(pen, before);
    put(pen, (struct text){digits, text_format(value, digits)});
    put(pen, TEXT("\n"));
}

static size_t line_length(struct text t)
{
    size_t len = 0;
    while (len < t.len && t.at[len] != '\n' && t.at[len] != '\r')
        len++;
    return len;
}

/* An empty document is an empty line, or the event would not be dispatched. */
static void put_data(struct pen *pen, struct text data)
{
    bool more;
    do {
        struct text line = {data.at, line_length(data)};
        put(pen, TEXT("data: "));
        put(pen, line);
        put(pen, TEXT("\n"));
        text_skip(&data, line.len);
        more = data.len > 0;
        if (more)
            text_skip(&data,
                      data.len > 1 && data.at[0] == '\r' && data.at[1] == '\n' ? 2 : 1);
    } while (more);
}

size_t sse_opening(unsigned retry_ms, char *out)
{
    struct pen pen = {out, 0};
    put(&pen, TEXT(":\n"));
    put_number(&pen, TEXT("retry: "), retry_ms);
    put(&pen, TEXT("\n"));
    return pen.len;
}

size_t sse_message(uint64_t index, struct text data, char *out)
{
    struct pen pen = {out, 0};
    put_number(&pen, TEXT("id: "), index);
    put_data(&pen, data);
    put(&pen, TEXT("\n"));
    return pen.len;
}

size_t sse_named(struct text name, uint64_t index, struct text data, char *out)
{
    struct pen pen = {out, 0};
    put(&pen, TEXT("event: "));
    put(&pen, name);
    put(&pen, TEXT("\n"));
    return pen.len + sse_message(index, data, out != NULL ? out + pen.len : NULL);
}

static size_t event(struct text name, uint64_t index, struct text data, char *out)
{
    return name.len > 0 ? sse_named(name, index, data, out)
                        : sse_message(index, data, out);
}

struct chunk *sse_chunk(struct text name, uint64_t index, struct text data)
{
    struct chunk *chunk = chunk_new(event(name, index, data, NULL));
    if (chunk != NULL)
        event(name, index, data, chunk->bytes);
    return chunk;
}

/* --- in a telling --- */

void sse_change(struct telling *telling, const struct told *told)
{
    telling_add(telling, TEXT("data: "));
    telling_change(telling, told, TELLING_IN_ONE_LINE);
    telling_add(telling, TEXT("\n"));
}

void sse_id(struct telling *telling, uint64_t id)
{
    telling_add(telling, TEXT("id: "));
    telling_number(telling, id);
    telling_add(telling, TEXT("\n"));
}

void sse_end(struct telling *telling)
{
    telling_add(telling, TEXT("\n"));
}

void sse_current(struct telling *telling, uint64_t index)
{
    telling_add(telling, TEXT("event: current\n"));
    sse_id(telling, index);
    telling_add(telling, TEXT("data: {\"current\": "));
    telling_number(telling, index);
    telling_add(telling, TEXT("}\n\n"));
}
