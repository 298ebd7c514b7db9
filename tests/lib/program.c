/* SPDX-License-Identifier: ISC */
#include "program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "must.h"

struct run program_run(const char *format, ...)
{
    struct run run = {0};
    char command[4096];
    va_list args;
    int len =
        snprintf(command, sizeof command, "exec 2>&1 </dev/null; exec \"$FCGIWAIT\" ");
    va_start(args, format);
    vsnprintf(command + len, sizeof command - (size_t)len, format, args);
    va_end(args);
    must(getenv("FCGIWAIT") != NULL, "FCGIWAIT has to name the program");
    FILE *pipe = popen(command, "r");
    must(pipe != NULL, "popen");
    size_t got = fread(run.output, 1, sizeof run.output - 1, pipe);
    run.output[got] = '\0';
    int status = pclose(pipe);
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run;
}

void run_must(const struct run *run, int status, const char *says)
{
    must(run->status == status, "exit status %d, not %d:\n%s", run->status, status,
         run->output);
    must(strstr(run->output, says) != NULL, "it does not say \"%s\", but:\n%s", says,
         run->output);
}
