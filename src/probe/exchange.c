/* SPDX-License-Identifier: ISC */
/* Looks into what came back: headers are searched where they lie. */
#include "exchange.h"

static struct text line_value(struct text line, struct text name)
{
    struct text first;
    if (!text_cut(&line, ':', &first) || line.at == NULL || !text_is_like(first, name))
        return (struct text){0};
    return text_trim(line);
}

struct text exchange_header(const struct exchange *exchange, const char *name)
{
    struct text rest = {exchange->head, exchange->head_len}, line;
    while (text_cut(&rest, '\n', &line)) {
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        struct text value = line_value(line, text_of(name));
        if (value.at != NULL)
            return value;
    }
    return (struct text){0};
}

bool exchange_has(const struct exchange *exchange, const char *name)
{
    return exchange_header(exchange, name).at != NULL;
}

bool exchange_says(const struct exchange *exchange, const char *name, const char *word)
{
    struct text value = exchange_header(exchange, name), wanted = text_of(word);
    for (size_t i = 0; i + wanted.len <= value.len; i++)
        if (text_is_like((struct text){value.at + i, wanted.len}, wanted))
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
