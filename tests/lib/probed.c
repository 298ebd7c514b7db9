/* SPDX-License-Identifier: ISC */
#include "probed.h"

#include "must.h"

bool probed_behind(struct probed *probed, const struct stack *stack, enum hop_kind kind,
                   const char *lines)
{
    chain_open(&probed->chain, stack);
    if (!chain_can(kind))
        return false;
    chain_add(&probed->chain, kind, lines);
    return true;
}

void probed_start(struct probed *probed, const char *path, const char *options)
{
    probed->probe = program_start("--probe %s://127.0.0.1:%d%s %s",
                                  probed->chain.is_secure ? "https" : "http",
                                  probed->chain.port, path, options);
}

/* Without what the table does with lines. */
static void unfold(char *text)
{
    char *to = text;
    for (char *from = text; *from != '\0'; from++) {
        char c = *from;
        if (c == '\n' && from[1] == ' ')
            c = ' ';
        if (c == ' ' && to > text && to[-1] == ' ')
            continue;
        *to++ = c;
    }
    *to = '\0';
}

struct run probed_result(struct probed *probed)
{
    if (probed->probe == NULL)
        skip();
    struct run run = program_join(probed->probe);
    chain_close(&probed->chain);
    unfold(run.output);
    return run;
}
