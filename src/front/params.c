/* SPDX-License-Identifier: ISC */
#include "params.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <fcgiapp.h>
/* fastcgi.h and fcgiapp.h call a macro alike. */
#include <fastcgi.h>

#include "record.h"

/*
 * libfcgi reads through OS_Read(), a function of its own operating system layer
 * (fcgios.h). The dynamic linker gives it ours, since the program's symbols come before a
 * library's: configure checks that it does. It hands out the bytes of a request that has
 * arrived whole, and so never waits. The descriptor that libfcgi believes in is one that
 * no process has.
 */
#define NO_DESCRIPTOR INT_MAX

static _Thread_local struct text feed;

int OS_Read(int fd, char *out, size_t capacity);

int OS_Read(int fd, char *out, size_t capacity)
{
    (void)fd;
    size_t len = feed.len < capacity ? feed.len : capacity;
    if (len > INT_MAX)
        len = INT_MAX;
    memcpy(out, feed.at, len);
    text_skip(&feed, len);
    return (int)len;
}

#define BEGIN (RECORD_HEADER + 8)
#define PREFIX                                                                           \
    (BEGIN + RECORD_HEADER) /* what stands before the parameters for libfcgi             \
                             */
#define MOST 65535          /* one record of parameters is as much as libfcgi is given */
#define FIRST 4096
#define ANY_ID 1

struct params {
    char *bytes; /* PREFIX, the parameters, and capacity for a last header */
    size_t len, capacity;
    bool too_long;
    FCGX_Request decoded;
    bool is_decoded;
};

bool params_open(void)
{
    return FCGX_Init() == 0;
}

struct params *params_new(void)
{
    struct params *params = calloc(1, sizeof *params);
    if (params == NULL)
        return NULL;
    params->bytes = malloc(PREFIX + FIRST + RECORD_HEADER);
    if (params->bytes == NULL) {
        free(params);
        return NULL;
    }
    params->capacity = FIRST;
    return params;
}

void params_reset(struct params *params)
{
    if (params->is_decoded)
        FCGX_Free(&params->decoded, 0);
    params->is_decoded = false;
    params->too_long = false;
    params->len = 0;
}

void params_free(struct params **pointer)
{
    struct params *params = *pointer;
    *pointer = NULL;
    if (params == NULL)
        return;
    params_reset(params);
    free(params->bytes);
    free(params);
}

bool params_add(struct params *params, struct text bytes)
{
    if (params->too_long || bytes.len > MOST - params->len) {
        params->too_long = true;
        return true;
    }
    if (bytes.len > params->capacity - params->len) {
        char *larger = realloc(params->bytes, PREFIX + MOST + RECORD_HEADER);
        if (larger == NULL)
            return false;
        params->bytes = larger;
        params->capacity = MOST;
    }
    memcpy(params->bytes + PREFIX + params->len, bytes.at, bytes.len);
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

/* libfcgi allocates what a length says before it looks whether so much is there, and
 * takes a NUL for the end of a value: neither gets as far as that. */
static bool are_sound(struct text rest)
{
    while (rest.len > 0) {
        size_t name, value;
        if (!params_take_length(&rest, &name) || !params_take_length(&rest, &value))
            return false;
        if (name > rest.len || value > rest.len - name)
            return false;
        if (memchr(rest.at, '\0', name + value) != NULL)
            return false;
        text_skip(&rest, name + value);
    }
    return true;
}

/* The request as libfcgi wants to read it: one record of parameters, whole. */
static bool decode(struct params *params)
{
    unsigned char *bytes = (unsigned char *)params->bytes;
    record_header(bytes, FCGI_BEGIN_REQUEST, ANY_ID, 8);
    memset(bytes + RECORD_HEADER, 0, 8);
    bytes[RECORD_HEADER + 1] = FCGI_RESPONDER;
    bytes[RECORD_HEADER + 2] = FCGI_KEEP_CONN;
    size_t len = BEGIN;
    if (params->len > 0) {
        record_header(bytes + BEGIN, FCGI_PARAMS, ANY_ID, params->len);
        len = PREFIX + params->len;
    }
    record_header(bytes + len, FCGI_PARAMS, ANY_ID, 0);
    feed = (struct text){params->bytes, len + RECORD_HEADER};
    FCGX_InitRequest(&params->decoded, -1, 0);
    params->decoded.ipcFd = NO_DESCRIPTOR;
    params->decoded.keepConnection = 1; /* else it would close its descriptor first */
    params->is_decoded = FCGX_Accept_r(&params->decoded) == 0;
    return params->is_decoded;
}

const char *params_decode(struct params *params, struct cgi *cgi)
{
    cgi->too_long = params->too_long;
    if (params->too_long)
        return NULL;
    if (!are_sound((struct text){params->bytes + PREFIX, params->len}))
        return "parameters that are not name-value pairs";
    if (!decode(params))
        return "parameters that libfcgi refuses";
    for (char **env = params->decoded.envp; *env != NULL; env++) {
        struct text value = text_of(*env), name;
        text_cut(&value, '=', &name);
        cgi_add(cgi, name, value.at != NULL ? value : TEXT(""));
    }
    return NULL;
}
