/* SPDX-License-Identifier: ISC */
/*
 * fcgiwait-probe, which fcgiwait --probe starts: URL WAIT ORIGIN PUBLISH table|json
 * [HEADER...], checked already; "" stands for what was not given.
 */
#include <stdio.h>
#include <string.h>

#include "fcgiwait/duration.h"
#include "probe.h"

enum { PROGRAM, URL, WAIT, ORIGIN, PUBLISH, FORM, HEADERS };

static const char *given(const char *value)
{
    return value[0] != '\0' ? value : NULL;
}

int main(int argc, char **argv)
{
    struct probe_options options = {0};
    if (argc < HEADERS || argc > HEADERS + PROBE_HEADERS ||
        !duration_parse(text_of(argv[WAIT]), &options.wait)) {
        fputs("this is for: fcgiwait --probe URL\n", stderr);
        return 2;
    }
    options.url = argv[URL];
    options.origin = given(argv[ORIGIN]);
    options.publish = given(argv[PUBLISH]);
    options.json = strcmp(argv[FORM], "json") == 0;
    for (int i = HEADERS; i < argc; i++)
        options.headers[i - HEADERS] = argv[i];
    return probe_run(&options);
}
