/* SPDX-License-Identifier: ISC */
/*
 * The probe is a program of its own, beside this one where nothing is installed yet: the
 * one that serves does without libcurl and what comes with it.
 */
#include "start_probe.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COULD_NOT 2

#ifndef PROBE_FOLDER
#define PROBE_FOLDER "/usr/libexec/fcgiwait"
#endif
#define PROBE_NAME "fcgiwait-probe"

/* As it lies in the folder of a build. */
static void beside_us(char path[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof PROBE_NAME - 1);
    path[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(path, '/');
    strcpy(slash != NULL ? slash + 1 : path, PROBE_NAME);
}

static const char *given(const char *value)
{
    return value != NULL ? value : "";
}

int start_probe(const struct arguments *arguments)
{
    const struct probe_arguments *probe = &arguments->probe;
    const char *argv[6 + PROBE_HEADERS_MOST + 1] = {
        PROBE_NAME,
        probe->url,
        probe->wait != NULL ? probe->wait : "60s",
        given(probe->origin),
        given(probe->publish),
        probe->json ? "json" : "table",
    };
    char path[PATH_MAX];
    memcpy(argv + 6, probe->headers, probe->header_count * sizeof *argv);
    beside_us(path);
    execv(path, (char *const *)argv);
    if (errno == ENOENT)
        execv(PROBE_FOLDER "/" PROBE_NAME, (char *const *)argv);
    if (errno == ENOENT)
        fprintf(stderr,
                "fcgiwait: there is no %s: it comes with a build that has libcurl "
                "(configure --with-curl)\n",
                PROBE_FOLDER "/" PROBE_NAME);
    else
        fprintf(stderr, "fcgiwait: %s: %s\n", PROBE_NAME, strerror(errno));
    return COULD_NOT;
}
