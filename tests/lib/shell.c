/* SPDX-License-Identifier: ISC */
#include "shell.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"

void shell(const char *format, ...)
{
    char command[512];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    must(system(command) == 0, "%s", command);
}
