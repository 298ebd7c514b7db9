/* SPDX-License-Identifier: ISC */
/*
 * Each host is a namespace that a sleeping child holds, with a cable to a bridge in the
 * test's own one. A cut gives both hosts a wrong hardware address of each other.
 */
#include "hosts.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "must.h"
#include "shell.h"
#include "stack.h"

static int count;
static bool apart;
static pid_t holders[HOSTS_MOST];
static char addresses[HOSTS_MOST][16], dir[64], program[512];

static void hold(int ready)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char good = unshare(CLONE_NEWNET) == 0 ? 1 : 0;
    if (write(ready, &good, 1) == 1)
        for (;;)
            pause();
    _exit(1);
}

static bool hold_host(int host)
{
    int ends[2];
    char good = 0;
    must(pipe(ends) == 0, "pipe");
    holders[host] = fork();
    if (holders[host] == 0) {
        close(ends[0]);
        hold(ends[1]);
    }
    close(ends[1]);
    if (read(ends[0], &good, 1) != 1)
        good = 0;
    close(ends[0]);
    return good == 1;
}

static void wire(int host)
{
    int pid = (int)holders[host];
    shell("ip link add h%d type veth peer name eth0 netns %d && ip link set h%d up "
          "master hub",
          host, pid, host);
    shell("nsenter --net=/proc/%d/ns/net sh -c 'ip link set lo up && "
          "ip addr add %s/24 dev eth0 && ip link set eth0 up'",
          pid, addresses[host]);
}

static void write_program(int host)
{
    char path[96];
    snprintf(path, sizeof path, "%s/fcgiwait%d", dir, host);
    FILE *out = fopen(path, "w");
    must(out != NULL, "%s", path);
    fprintf(out, "#!/bin/sh\nexec nsenter --net=/proc/%d/ns/net '%s' \"$@\"\n",
            (int)holders[host], program);
    must(fclose(out) == 0 && chmod(path, 0700) == 0, "%s", path);
}

bool hosts_open(int wanted)
{
    const char *named = getenv("FCGIWAIT");
    count = wanted;
    snprintf(program, sizeof program, "%s", named != NULL ? named : "");
    strcpy(dir, "/tmp/fcgiwait-test.XXXXXX");
    must(mkdtemp(dir) != NULL, "mkdtemp");
    for (int i = 0; i < count; i++)
        strcpy(addresses[i], "127.0.0.1");
    if (system("command -v ip >/dev/null && command -v nsenter >/dev/null") != 0 ||
        unshare(CLONE_NEWNET) != 0)
        return false;
    apart = system("ip link set lo up && ip link add hub type bridge 2>/dev/null && "
                   "ip addr add 10.77.0.254/24 dev hub && ip link set hub up") == 0;
    for (int i = 0; apart && i < count; i++)
        apart = hold_host(i);
    for (int i = 0; apart && i < count; i++) {
        snprintf(addresses[i], sizeof addresses[i], "10.77.0.%d", (i + 1) & 255);
        wire(i);
        write_program(i);
    }
    return apart;
}

void hosts_close(void)
{
    for (int i = 0; i < count; i++)
        if (holders[i] > 0) {
            kill(holders[i], SIGKILL);
            waitpid(holders[i], NULL, 0);
            holders[i] = 0;
        }
    setenv("FCGIWAIT", program, 1);
    shell("rm -rf '%s'", dir);
    apart = false;
}

bool hosts_can_cut(void)
{
    return apart;
}

const char *host_address(int host)
{
    return addresses[host];
}

void host_enter(int host)
{
    char path[64];
    if (!apart)
        return;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)holders[host]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    must(fd >= 0 && setns(fd, CLONE_NEWNET) == 0, "%s", path);
    close(fd);
}

void host_takes_fcgiwait(int host)
{
    char path[96];
    snprintf(path, sizeof path, "%s/fcgiwait%d", dir, host);
    setenv("FCGIWAIT", apart ? path : program, 1);
}

static void in_host(int host, const char *command, int other)
{
    shell("nsenter --net=/proc/%d/ns/net ip neigh %s %s dev eth0 %s", (int)holders[host],
          command, addresses[other],
          strcmp(command, "replace") == 0 ? "lladdr 02:00:00:00:00:ff nud permanent"
                                          : "");
}

void hosts_cut(int one, int other)
{
    must(apart, "no namespaces, no cuts");
    in_host(one, "replace", other);
    in_host(other, "replace", one);
}

void hosts_heal(int one, int other)
{
    must(apart, "no namespaces, no cuts");
    in_host(one, "del", other);
    in_host(other, "del", one);
}
