#include "params.h"

#include <stdlib.h>
#include <string.h>

#define FIRST 4096
#define MOST 65535

struct params {
    char *bytes;
    size_t len, room;
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
    params->room = FIRST;
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
    if (params->too_long || bytes.len > MOST - params->len) {
        params->too_long = true;
        return true;
    }
    if (bytes.len > params->room - params->len) {
        char *larger = realloc(params->bytes, MOST);
        if (larger == NULL)
            return false;
        params->bytes = larger;
        params->room = MOST;
    }
    memcpy(params->bytes + params->len, bytes.at, bytes.len);
    params->len += bytes.len;
    return true;
}

bool params_take_length(struct text *rest, size_t *len)
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

static struct text take(struct text *rest, size_t len)
{
    struct text taken = {rest->at, len};
    text_skip(rest, len);
    return taken;
}

/* What these become is environment variables elsewhere (RFC 3875), so no NUL may stand in
 * them. */
static bool take_pair(struct text *rest, struct text *name, struct text *value)
{
    size_t name_len, value_len;
    if (!params_take_length(rest, &name_len) || !params_take_length(rest, &value_len))
        return false;
    if (name_len > rest->len || value_len > rest->len - name_len)
        return false;
    if (memchr(rest->at, '\0', name_len + value_len) != NULL)
        return false;
    *name = take(rest, name_len);
    *value = take(rest, value_len);
    return true;
}

const char *params_decode(const struct params *params, struct cgi *cgi)
{
    struct text rest = {params->bytes, params->len}, name, value;
    cgi->too_long = params->too_long;
    if (params->too_long)
        return NULL;
    while (rest.len > 0) {
        if (!take_pair(&rest, &name, &value))
            return "parameters that are not name-value pairs";
        cgi_add(cgi, name, value);
    }
    return NULL;
}
