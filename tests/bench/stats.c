/* SPDX-License-Identifier: ISC */
#include "stats.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void samples_add(struct samples *samples, double value)
{
    if (samples->count == samples->room) {
        samples->room = samples->room > 0 ? 2 * samples->room : 1024;
        samples->at = realloc(samples->at, samples->room * sizeof *samples->at);
        if (samples->at == NULL)
            abort();
    }
    samples->at[samples->count++] = value;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void samples_sort(struct samples *samples)
{
    if (samples->count > 0)
        qsort(samples->at, samples->count, sizeof *samples->at, by_size);
}

double samples_quantile(const struct samples *samples, double part)
{
    if (samples->count == 0)
        return 0;
    double place = part * (double)(samples->count - 1);
    size_t below = (size_t)place;
    if (below + 1 >= samples->count)
        return samples->at[samples->count - 1];
    double share = place - (double)below;
    return samples->at[below] * (1 - share) + samples->at[below + 1] * share;
}

/* --- processes --- */

static FILE *open_of(pid_t pid, const char *rest)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, rest);
    return fopen(path, "r");
}

static long count_descriptors(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *dir = opendir(path);
    long count = 0;
    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void add_memory(pid_t pid, struct usage *usage)
{
    long size, resident;
    FILE *file = open_of(pid, "statm");
    if (file == NULL)
        return;
    if (fscanf(file, "%ld %ld", &size, &resident) == 2)
        usage->rss_kb += resident * (sysconf(_SC_PAGESIZE) / 1024);
    fclose(file);
}

/* What its threads have used. Ticks (utime, stime) would be too coarse for a short run;
 * threads that have ended are left out. */
static void add_cpu(pid_t pid, const char *thread, struct usage *usage)
{
    char rest[280];
    unsigned long long used;
    snprintf(rest, sizeof rest, "task/%s/schedstat", thread);
    FILE *file = open_of(pid, rest);
    if (file == NULL)
        return;
    if (fscanf(file, "%llu", &used) == 1)
        usage->cpu_ms += (double)used / 1e6;
    fclose(file);
}

static void add_switches(pid_t pid, const char *thread, struct usage *usage)
{
    char rest[280], line[256];
    long count;
    snprintf(rest, sizeof rest, "task/%s/status", thread);
    FILE *file = open_of(pid, rest);
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
            usage->voluntary += count;
        else if (sscanf(line, "nonvoluntary_ctxt_switches: %ld", &count) == 1)
            usage->involuntary += count;
    }
    fclose(file);
}

static void add_process(pid_t pid, struct usage *usage);

static void add_children(pid_t pid, const char *thread, struct usage *usage)
{
    char rest[280];
    long child;
    snprintf(rest, sizeof rest, "task/%s/children", thread);
    FILE *file = open_of(pid, rest);
    if (file == NULL)
        return;
    while (fscanf(file, "%ld", &child) == 1)
        add_process((pid_t)child, usage);
    fclose(file);
}

static void add_threads(pid_t pid, struct usage *usage)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    usage->processes++;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        usage->threads++;
        add_cpu(pid, entry->d_name, usage);
        add_switches(pid, entry->d_name, usage);
        add_children(pid, entry->d_name, usage);
    }
    closedir(dir);
}

static void add_process(pid_t pid, struct usage *usage)
{
    add_memory(pid, usage);
    usage->descriptors += count_descriptors(pid);
    add_threads(pid, usage);
}

struct usage usage_of(pid_t pid)
{
    struct usage usage = {0};
    add_process(pid, &usage);
    return usage;
}
