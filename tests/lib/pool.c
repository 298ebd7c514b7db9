/* SPDX-License-Identifier: ISC */
#include "pool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "must.h"

static const double patience = 60; /* seconds */

static void listen_again(struct pool *pool)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", pool->stack->socket);
    unlink(address.sun_path);
    pool->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(pool->listening, (struct sockaddr *)&address, sizeof address) == 0 &&
             listen(pool->listening, 4096) == 0,
         "%s", address.sun_path);
}

void pool_open(struct pool *pool, struct stack *stack, const char *folder, size_t count,
               const char *sync)
{
    *pool = (struct pool){.stack = stack, .sync = sync, .count = count};
    snprintf(pool->file, sizeof pool->file, "%s/store.db",
             folder != NULL ? folder : stack->dir);
    must(stack_end_fcgiwait(stack) == 0, "see %s/fcgiwait.log", stack->dir);
    listen_again(pool);
    for (size_t i = 0; i < count; i++)
        pool_start(pool, i);
}

/* A process finds the socket on descriptor 0. */
static pid_t run_on_socket(const struct pool *pool, const char *const argv[],
                           const char *log)
{
    int before = dup(0);
    dup2(pool->listening, 0);
    pid_t pid = stack_run(pool->stack, log, argv);
    dup2(before, 0);
    close(before);
    return pid;
}

void pool_spawn(struct pool *pool, size_t which)
{
    char file[160], sync[32], config[128];
    stack_path(pool->stack, "fcgiwait.conf", config);
    snprintf(file, sizeof file, "store.file=%s", pool->file);
    snprintf(sync, sizeof sync, "store.sync=%s", pool->sync);
    const char *const argv[] = {getenv("FCGIWAIT"),
                                "-c",
                                config,
                                "-o",
                                "store.type=sqlite",
                                "-o",
                                file,
                                "-o",
                                sync,
                                NULL};
    must(pool->pids[which] == 0, "it runs already");
    snprintf(pool->logs[which], sizeof pool->logs[which], "fcgiwait-%d.log",
             ++pool->starts);
    pool->pids[which] = run_on_socket(pool, argv, pool->logs[which]);
}

/* How often the log of a process holds this. */
static size_t logged(const struct pool *pool, size_t which, const char *what)
{
    char path[128], line[2048];
    size_t count = 0;
    stack_path(pool->stack, pool->logs[which], path);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, what) != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}

bool pool_serves(const struct pool *pool, size_t which)
{
    return logged(pool, which, " serves,") > 0;
}

void pool_await(struct pool *pool, size_t which)
{
    for (double start = seconds_now(); !pool_serves(pool, which); sleep_ms(2))
        must(seconds_now() - start < patience &&
                 waitpid(pool->pids[which], NULL, WNOHANG) == 0,
             "fcgiwait does not start: see %s", pool->stack->dir);
}

void pool_start(struct pool *pool, size_t which)
{
    pool_spawn(pool, which);
    pool_await(pool, which);
}

void pool_kill(struct pool *pool, size_t which)
{
    kill(pool->pids[which], SIGKILL);
    waitpid(pool->pids[which], NULL, 0);
    pool->pids[which] = 0;
}

void pool_end(struct pool *pool, size_t which)
{
    int status = stack_end(&pool->pids[which]);
    must(status == 0, "fcgiwait exited with %d: see %s", status, pool->stack->dir);
}

void pool_close(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->pids[i] != 0)
            pool_end(pool, i);
    close(pool->listening);
    pool->stack->fcgiwait = 0;
}

int full_or(int few, int full)
{
    return getenv("FCGIWAIT_FULL") != NULL ? full : few;
}
