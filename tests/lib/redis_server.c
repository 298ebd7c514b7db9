/* SPDX-License-Identifier: ISC */
#include "redis_server.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "must.h"
#include "shell.h"
#include "stack.h"

bool redis_server_can(void)
{
#ifdef WITH_REDIS
    return system("command -v redis-server >/dev/null") == 0;
#else
    return false;
#endif
}

static int try_to_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The first line of the answer. */
static bool ask(int port, const char *command, char answer[256])
{
    int fd = try_to_connect(port);
    if (fd < 0)
        return false;
    dprintf(fd, "%s\r\n", command);
    ssize_t len = read(fd, answer, 255);
    close(fd);
    answer[len > 0 ? len : 0] = '\0';
    return len > 0;
}

static void run(const struct redis_server *server)
{
    char port[16];
    snprintf(port, sizeof port, "%d", server->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(chdir(server->dir) == 0, "%s", server->dir);
    execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port,
           "--logfile", "log", "--save", "", "--appendonly",
           server->durable ? "yes" : "no", "--appendfsync", "always", NULL);
    _exit(127);
}

static void launch(struct redis_server *server)
{
    char answer[256] = "";
    server->pid = fork();
    if (server->pid == 0)
        run(server);
    for (int i = 0; i < 3000 && strncmp(answer, "+PONG", 5) != 0; i++) {
        if (!ask(server->port, "PING", answer))
            answer[0] = '\0';
        sleep_ms(10);
    }
    must(strncmp(answer, "+PONG", 5) == 0, "redis-server does not answer");
}

void redis_server_start(struct redis_server *server, bool durable)
{
    *server = (struct redis_server){.port = free_port(), .durable = durable};
    strcpy(server->dir, "/tmp/fcgiwait-test.XXXXXX");
    must(mkdtemp(server->dir) != NULL, "mkdtemp");
    snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%d/0", server->port);
    launch(server);
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        kill(server->pid, SIGCONT);
        waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

void redis_server_restart(struct redis_server *server, bool empty)
{
    redis_server_kill(server);
    if (empty)
        shell("rm -rf '%s'/*", server->dir);
    launch(server);
}

void redis_server_stop(struct redis_server *server)
{
    redis_server_kill(server);
    shell("rm -rf '%s'", server->dir);
}

void redis_server_say(const struct redis_server *server, const char *command)
{
    char answer[256];
    must(ask(server->port, command, answer) && answer[0] != '-', "%s: %s", command,
         answer);
}
