/* SPDX-License-Identifier: ISC */
/*
 * Lengths are only believed once the bytes are there. tests/fuzz/params.c gives the same
 * bytes to libfcgi's decoder and compares.
 */
#include "params.h"

#include <stdlib.h>
#include <string.h>

#define FIRST 4096 /* what most requests fit in */

struct params {
    char *bytes;
    size_t len, capacity;
    bool too_long;
};

struct params *params_new(void)
{
    struct params *params = calloc(1, sizeof *params);
    if (params == NULL)
        return NULL;
    params->bytes = malloc(FIRST);
    if (params->bytes == NULL) {
        free(params);
        return NULL;
    }
    params->capacity = FIRST;
    return params;
}

void params_reset(struct params *params)
{
    params->too_long = false;
    params->len = 0;
}

void params_free(struct params **pointer)
{
    struct params *params = *pointer;
    *pointer = NULL;
    if (params == NULL)
        return;
    free(params->bytes);
    free(params);
}

bool params_add(struct params *params, struct text bytes)
{
    if (params->too_long || bytes.len > PARAMS_MOST - params->len) {
        params->too_long = true;
        return true;
    }
    if (bytes.len > params->capacity - params->len) {
        char *larger = realloc(params->bytes, PARAMS_MOST);
        if (larger == NULL)
            return false;
        params->bytes = larger;
        params->capacity = PARAMS_MOST;
    }
    memcpy(params->bytes + params->len, bytes.at, bytes.len);
    params->len += bytes.len;
    return true;
}

/* A length of one byte, as nearly all are, or of four. */
static inline bool take_length(struct text *rest, size_t *len)
{
    const unsigned char *at = (const unsigned char *)rest->at;
    size_t size = rest->len > 0 && (at[0] & 0x80) != 0 ? 4 : 1;
    if (rest->len < size)
        return false;
    *len = at[0];
    if (size == 4)
        *len = (size_t)(at[0] & 0x7f) << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 |
               at[3];
    text_skip(rest, size);
    return true;
}

bool params_take_length(struct text *rest, size_t *len)
{
    return take_length(rest, len);
}

bool params_take_pair(struct text *rest, struct text *name, struct text *value)
{
    if (!take_length(rest, &name->len) || !take_length(rest, &value->len))
        return false;
    if (name->len > rest->len || value->len > rest->len - name->len)
        return false;
    name->at = rest->at;
    value->at = rest->at + name->len;
    text_skip(rest, name->len + value->len);
    return name->len == 0 || memchr(name->at, '\0', name->len) == NULL;
}

bool params_decode(const struct params *params, struct cgi *cgi)
{
    struct text rest = {params->bytes, params->len}, name, value;
    cgi->too_long = params->too_long;
    if (params->too_long)
        return true;
    while (rest.len > 0) {
        if (!params_take_pair(&rest, &name, &value))
            return false;
        cgi_add(cgi, name, value);
    }
    return true;
}
