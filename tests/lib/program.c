/* SPDX-License-Identifier: ISC */
#include "program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "must.h"

static FILE *start(const char *format, va_list args)
{
    char command[4096];
    int len =
        snprintf(command, sizeof command, "exec 2>&1 </dev/null; exec \"$FCGIWAIT\" ");
    vsnprintf(command + len, sizeof command - (size_t)len, format, args);
    must(getenv("FCGIWAIT") != NULL, "FCGIWAIT has to name the program");
    FILE *pipe = popen(command, "r");
    must(pipe != NULL, "popen");
    return pipe;
}

FILE *program_start(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    FILE *started = start(format, args);
    va_end(args);
    return started;
}

struct run program_join(FILE *started)
{
    struct run run = {0};
    size_t got = fread(run.output, 1, sizeof run.output - 1, started);
    run.output[got] = '\0';
    int status = pclose(started);
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run;
}

struct run program_run(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    FILE *started = start(format, args);
    va_end(args);
    return program_join(started);
}

void run_must(const struct run *run, int status, const char *says)
{
    must(run->status == status, "exit status %d, not %d:\n%s", run->status, status,
         run->output);
    must(strstr(run->output, says) != NULL, "it does not say \"%s\", but:\n%s", says,
         run->output);
}
