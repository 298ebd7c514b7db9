/* SPDX-License-Identifier: ISC */
/*
 * --check-nginx: brings the text, prints the findings. All judgement is in src/nginx,
 * which does no I/O.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/nginx_check.h"

#define FIRST_CAPACITY 65536
#define MOST ((size_t)1 << 28) /* no nginx -T is longer */

/* All of it, malloc'd. False: errno says why; nothing to free. */
static bool read_all(FILE *in, char **bytes, size_t *len)
{
    size_t capacity = 0, n = 1;
    for (*bytes = NULL, *len = 0; n > 0; *len += n) {
        if (*len == capacity) {
            capacity = capacity > 0 ? 2 * capacity : FIRST_CAPACITY;
            char *more = capacity <= MOST ? realloc(*bytes, capacity) : NULL;
            if (more == NULL) {
                free(*bytes);
                errno = capacity <= MOST ? ENOMEM : EFBIG;
                return false;
            }
            *bytes = more;
        }
        n = fread(*bytes + *len, 1, capacity - *len, in);
    }
    if (!ferror(in))
        return true;
    free(*bytes);
    return false;
}

static bool read_file(const char *file, char **bytes, size_t *len)
{
    if (strcmp(file, "-") == 0)
        return read_all(stdin, bytes, len);
    FILE *in = fopen(file, "r");
    if (in == NULL)
        return false;
    bool good = read_all(in, bytes, len);
    int reason = errno;
    fclose(in);
    errno = reason;
    return good;
}

static int report(const struct nginx_check *check)
{
    enum nginx_checked result = nginx_check_result(check);
    FILE *out = result == NGINX_NOT_UNDERSTOOD ? stderr : stdout;
    nginx_check_report(check, out);
    return fflush(out) == 0 ? (int)result : NGINX_NOT_UNDERSTOOD;
}

int check_nginx(const char *file, const struct config *config)
{
    const struct nginx_needs needs = {config->wait_max, config->max_waiting,
                                      config->stream_heartbeat};
    const char *name = strcmp(file, "-") == 0 ? "standard input" : file;
    char *bytes;
    size_t len;
    if (!read_file(file, &bytes, &len)) {
        fprintf(stderr, "fcgiwait: %s: %s\n", name, strerror(errno));
        return NGINX_NOT_UNDERSTOOD;
    }
    struct nginx_check *check = nginx_check_read((struct text){bytes, len}, name, &needs);
    int status = NGINX_NOT_UNDERSTOOD;
    if (check != NULL)
        status = report(check);
    else
        fputs("fcgiwait: out of memory\n", stderr);
    nginx_check_free(&check);
    free(bytes);
    return status;
}
