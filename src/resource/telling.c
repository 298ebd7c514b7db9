/* SPDX-License-Identifier: ISC */
/*
 * A document that is JSON stands as it is. The rest is made into strings here, and so is
 * what only calls itself JSON: all of the answer would be none. Nothing is copied twice
 * but where the buffer grows.
 */
#include "fcgiwait/telling.h"

#include <stdlib.h>

#define FIRST 4096

static char *room_for(struct telling *telling, size_t len)
{
    if (telling->failed)
        return NULL;
    if (len > telling->capacity - telling->len) {
        size_t capacity = telling->capacity * 2 + len + FIRST;
        char *bytes = realloc(telling->bytes, capacity);
        if (bytes == NULL) {
            telling->failed = true;
            return NULL;
        }
        telling->bytes = bytes;
        telling->capacity = capacity;
    }
    return telling->bytes + telling->len;
}

void telling_add(struct telling *telling, struct text t)
{
    char *at = t.len > 0 ? room_for(telling, t.len) : NULL;
    if (at == NULL)
        return;
    memcpy(at, t.at, t.len);
    telling->len += t.len;
}

void telling_number(struct telling *telling, uint64_t number)
{
    char digits[TEXT_NUMBER];
    telling_add(telling, (struct text){digits, text_format(number, digits)});
}

void telling_fit(struct telling *telling)
{
    char *bytes = telling->len > 0 ? realloc(telling->bytes, telling->len) : NULL;
    if (bytes == NULL)
        return;
    telling->bytes = bytes;
    telling->capacity = telling->len;
}

struct chunk *telling_chunk(struct telling *telling)
{
    if (telling->failed) {
        free(telling->bytes);
        return NULL;
    }
    telling_fit(telling);
    return chunk_around(telling->bytes, (struct text){telling->bytes, telling->len});
}

/* --- strings --- */

static void add_control(struct telling *telling, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    const char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    telling_add(telling, (struct text){escape, sizeof escape});
}

/* The bytes at the start that need no escape. */
static size_t plain_length(struct text t)
{
    size_t len = 0, more;
    while (len < t.len) {
        unsigned char c = (unsigned char)t.at[len];
        struct text rest = {t.at + len, t.len - len};
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        if (c < 0x80)
            more = 1;
        else if ((more = text_utf8(rest)) == 0)
            break;
        len += more;
    }
    return len;
}

void telling_string(struct telling *telling, struct text t)
{
    telling_add(telling, TEXT("\""));
    while (t.len > 0) {
        size_t len = plain_length(t);
        telling_add(telling, (struct text){t.at, len});
        text_skip(&t, len);
        if (t.len == 0)
            break;
        unsigned char c = (unsigned char)t.at[0];
        if (c == '"' || c == '\\')
            telling_add(telling, c == '"' ? TEXT("\\\"") : TEXT("\\\\"));
        else if (c == '\n')
            telling_add(telling, TEXT("\\n"));
        else if (c < 0x20)
            add_control(telling, c);
        else
            telling_add(telling, TEXT("\xef\xbf\xbd"));
        text_skip(&t, 1);
    }
    telling_add(telling, TEXT("\""));
}

/* --- base64 (RFC 4648, section 4) --- */

static void add_base64(struct telling *telling, struct text t)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = room_for(telling, (t.len + 2) / 3 * 4);
    if (out == NULL)
        return;
    for (size_t i = 0; i < t.len; i += 3) {
        unsigned bits = (unsigned)(unsigned char)t.at[i] << 16;
        if (i + 1 < t.len)
            bits |= (unsigned)(unsigned char)t.at[i + 1] << 8;
        if (i + 2 < t.len)
            bits |= (unsigned char)t.at[i + 2];
        *out++ = letters[bits >> 18];
        *out++ = letters[bits >> 12 & 63];
        *out++ = i + 1 < t.len ? letters[bits >> 6 & 63] : '=';
        *out++ = i + 2 < t.len ? letters[bits & 63] : '=';
    }
    telling->len = (size_t)(out - telling->bytes);
}

/* --- a change --- */

static void add_json(struct telling *telling, struct text body, enum telling_as as)
{
    size_t start = telling->len;
    telling_add(telling, body);
    for (; as == TELLING_IN_ONE_LINE && !telling->failed && start < telling->len; start++)
        if (telling->bytes[start] == '\n' || telling->bytes[start] == '\r')
            telling->bytes[start] = ' '; /* within a string there can't be one */
}

static void add_document(struct telling *telling, struct document *document,
                         enum telling_as as)
{
    telling_add(telling, TEXT(",\"type\":"));
    telling_string(telling, document->type);
    if (document_is_json(document)) {
        telling_add(telling, TEXT(",\"document\":"));
        add_json(telling, document->body, as);
    } else if (text_is_utf8(document->body)) {
        telling_add(telling, TEXT(",\"document\":"));
        telling_string(telling, document->body);
    } else {
        telling_add(telling, TEXT(",\"encoding\":\"base64\",\"document\":\""));
        add_base64(telling, document->body);
        telling_add(telling, TEXT("\""));
    }
}

void telling_change(struct telling *telling, const struct told *told, enum telling_as as)
{
    telling_add(telling, TEXT("{\"path\":"));
    telling_string(telling, told->path);
    telling_add(telling, TEXT(",\"index\":"));
    telling_number(telling, told->index);
    if (told->deleted)
        telling_add(telling, TEXT(",\"deleted\":true"));
    else if (told->document != NULL)
        add_document(telling, told->document, as);
    telling_add(telling, TEXT("}"));
}
