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

#include "hosts.h"
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

static int try_to_connect(const struct redis_server *server, int seconds)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server->port)};
    struct timeval limit = {seconds, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, server->address, &address.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The beginning of the answer, where it comes within so many seconds. */
static bool ask_within(int seconds, const struct redis_server *server,
                       const char *command, char *answer, size_t capacity)
{
    int fd = try_to_connect(server, seconds);
    if (fd < 0)
        return false;
    dprintf(fd, "%s\r\n", command);
    ssize_t len = read(fd, answer, capacity - 1);
    close(fd);
    answer[len > 0 ? len : 0] = '\0';
    return len > 0;
}

/* Of one that may be cut off, or frozen. */
static bool ask(const struct redis_server *server, const char *command, char *answer,
                size_t capacity)
{
    return ask_within(2, server, command, answer, capacity);
}

static void run(const struct redis_server *server)
{
    char port[16];
    snprintf(port, sizeof port, "%d", server->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(chdir(server->dir) == 0, "%s", server->dir);
    if (server->host >= 0)
        host_enter(server->host);
    if (server->sentinel)
        execlp("redis-server", "redis-server", "sentinel.conf", "--sentinel", NULL);
    else
        execlp("redis-server", "redis-server", "--bind", server->address, "--port", port,
               "--logfile", "log", "--save", "", "--protected-mode", "no", "--unixsocket",
               "redis.sock", "--repl-diskless-sync-delay", "0", "--repl-timeout", "5",
               "--appendonly", server->append != NULL ? "yes" : "no", "--appendfsync",
               server->append != NULL ? server->append : "no", "--key-load-delay",
               server->loads_slowly ? "20000" : "0",
               "--loading-process-events-interval-bytes",
               server->loads_slowly ? "1024" : "2097152", NULL);
    _exit(127);
}

static bool is_up(const struct redis_server *server)
{
    char answer[256];
    if (!ask(server, "PING", answer, sizeof answer))
        return false;
    if (server->loads_slowly)
        return strncmp(answer, "-LOADING", 8) == 0;
    return strncmp(answer, "+PONG", 5) == 0 || strncmp(answer, "-NOAUTH", 7) == 0;
}

static void launch(struct redis_server *server)
{
    server->pid = fork();
    if (server->pid == 0)
        run(server);
    bool up = false;
    for (int i = 0; i < 3000 && !up; i++) {
        up = is_up(server);
        if (!up)
            sleep_ms(10);
    }
    must(up, "redis-server does not answer");
}

static void make(struct redis_server *server)
{
    server->port = free_port();
    strcpy(server->address, server->host >= 0 ? host_address(server->host) : "127.0.0.1");
    strcpy(server->dir, "/tmp/fcgiwait-test.XXXXXX");
    must(mkdtemp(server->dir) != NULL, "mkdtemp");
    snprintf(server->url, sizeof server->url, "redis://%s:%d/0", server->address,
             server->port);
}

void redis_server_start_on(struct redis_server *server, int host, const char *append)
{
    *server = (struct redis_server){.host = host, .append = append};
    make(server);
    launch(server);
}

void redis_server_start(struct redis_server *server, bool durable)
{
    redis_server_start_on(server, -1, durable ? "always" : NULL);
}

void redis_server_speak_tls(struct redis_server *server, const struct redis_server *as)
{
    char command[512];
    server->tls_port = free_port();
    strcpy(server->tls_dir, as->dir);
    if (as == server)
        shell("cd '%s' && openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
              "-subj /CN=engine -addext subjectAltName=IP:127.0.0.1 -keyout key.pem "
              "-out cert.pem 2>log.ssl",
              as->dir);
    snprintf(command, sizeof command,
             "CONFIG SET tls-cert-file %s/cert.pem tls-key-file %s/key.pem "
             "tls-ca-cert-file %s/cert.pem tls-auth-clients no tls-replication yes "
             "tls-port %d",
             as->dir, as->dir, as->dir, server->tls_port);
    redis_server_say(server, command);
}

int redis_server_port(const struct redis_server *server)
{
    return server->tls_port != 0 ? server->tls_port : server->port;
}

void redis_server_replicate(const struct redis_server *server,
                            const struct redis_server *master)
{
    char command[64];
    snprintf(command, sizeof command, "REPLICAOF %s %d", master->address,
             redis_server_port(master));
    redis_server_say(server, command);
    redis_server_await(server, "INFO replication", "master_link_status:up");
}

/* Of its file alone; it can't be told so later. */
static void write_tls(struct redis_server *sentinel, const char *dir, FILE *out)
{
    sentinel->tls_port = free_port();
    strcpy(sentinel->tls_dir, dir);
    fprintf(out,
            "tls-port %d\ntls-cert-file %s/cert.pem\ntls-key-file %s/key.pem\n"
            "tls-ca-cert-file %s/cert.pem\ntls-auth-clients no\ntls-replication yes\n",
            sentinel->tls_port, dir, dir, dir);
}

void redis_server_watch(struct redis_server *sentinel, int host,
                        const struct redis_server *master, int quorum)
{
    char path[96];
    *sentinel = (struct redis_server){.host = host, .sentinel = true};
    make(sentinel);
    snprintf(path, sizeof path, "%s/sentinel.conf", sentinel->dir);
    FILE *out = fopen(path, "w");
    must(out != NULL, "%s", path);
    fprintf(out,
            "bind %s\nport %d\nlogfile log\nprotected-mode no\n"
            "sentinel monitor mymaster %s %d %d\n"
            "sentinel down-after-milliseconds mymaster 1000\n"
            "sentinel failover-timeout mymaster 5000\n",
            sentinel->address, sentinel->port, master->address, redis_server_port(master),
            quorum);
    if (master->tls_port != 0)
        write_tls(sentinel, master->tls_dir, out);
    must(fclose(out) == 0, "%s", path);
    launch(sentinel);
}

void redis_server_await_watch(const struct redis_server *sentinel)
{
    redis_server_await(sentinel, "SENTINEL MASTER mymaster", "num-slaves\r\n$1\r\n1\r\n");
    redis_server_await(sentinel, "SENTINEL MASTER mymaster",
                       "num-other-sentinels\r\n$1\r\n2\r\n");
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

void redis_server_restart_slowly(struct redis_server *server)
{
    server->loads_slowly = true;
    redis_server_restart(server, false);
    server->loads_slowly = false;
}

void redis_server_stop(struct redis_server *server)
{
    redis_server_kill(server);
    shell("rm -rf '%s'", server->dir);
}

void redis_server_say(const struct redis_server *server, const char *command)
{
    char answer[256];
    must(ask_within(60, server, command, answer, sizeof answer) && answer[0] != '-',
         "%s: %s", command, answer);
}

void redis_server_await(const struct redis_server *server, const char *command,
                        const char *part)
{
    char answer[8192];
    for (int i = 0; i < 6000; i++) {
        if (ask(server, command, answer, sizeof answer) && strstr(answer, part) != NULL)
            return;
        sleep_ms(10);
    }
    must(false, "%s: no %s in %s", command, part, answer);
}

bool redis_server_says(const struct redis_server *server, const char *command,
                       const char *part)
{
    char answer[8192];
    return ask(server, command, answer, sizeof answer) && strstr(answer, part) != NULL;
}
