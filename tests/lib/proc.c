/* SPDX-License-Identifier: ISC */
#include "proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "stack.h"

/* The number behind `name` in a file of /proc. */
static long number_in(const char *path, const char *name)
{
    char line[256];
    size_t len = strlen(name);
    long number = -1;
    FILE *file = fopen(path, "r");
    must(file != NULL, "can't read %s", path);
    while (number < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            number = atol(line + len + 1);
    fclose(file);
    must(number >= 0, "no %s in %s", name, path);
    return number;
}

static long number_of(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return number_in(path, name);
}

long proc_resident_kb(pid_t pid)
{
    return number_of(pid, "VmRSS");
}

long proc_threads(pid_t pid)
{
    return number_of(pid, "Threads");
}

long proc_switches(pid_t pid)
{
    char path[320];
    long sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    must(dir != NULL, "can't read %s", path);
    for (struct dirent *task; (task = readdir(dir)) != NULL;) {
        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, task->d_name);
        sum += number_in(path, "voluntary_ctxt_switches");
    }
    closedir(dir);
    return sum;
}

bool proc_sleeps(pid_t pid, long milliseconds)
{
    long switches = 0;
    for (int i = 0; i < 3; i++) {
        long before = proc_switches(pid);
        sleep_ms(milliseconds);
        switches = proc_switches(pid) - before;
        if (switches == 0)
            return true;
        printf("it woke %ld times within %ld ms\n", switches, milliseconds);
    }
    return false;
}
