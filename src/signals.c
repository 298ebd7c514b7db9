/* SPDX-License-Identifier: ISC */
/*
 * Signals as things to read, through a signalfd: nothing runs inside a signal handler,
 * since there is none. They are blocked before other threads start, which inherit that.
 */
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fcgiwait/log.h"

struct signals_watch {
    int signals, end; /* `end`: an eventfd */
    pthread_t thread;
};

void signals_hold_reload(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
    return errno == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

static const char *name_of(uint32_t number)
{
    return number == SIGTERM ? "TERM" : number == SIGINT ? "INT" : "USR1";
}

enum signal_said signals_take(int signals)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info)
        return SIGNAL_NONE;
    if (info.ssi_signo == SIGHUP)
        return SIGNAL_RELOAD;
    log_info("stopping on signal %s", name_of(info.ssi_signo));
    return SIGNAL_STOP;
}

/* --- while the program starts --- */

static void *watch_run(void *context)
{
    const struct signals_watch *watch = context;
    struct pollfd fds[] = {{.fd = watch->signals, .events = POLLIN},
                           {.fd = watch->end, .events = POLLIN}};
    bool reload = false;
    while (fds[1].revents == 0) {
        if (poll(fds, 2, -1) < 0 || fds[0].revents == 0)
            continue;
        enum signal_said said = signals_take(watch->signals);
        if (said == SIGNAL_STOP)
            _exit(EXIT_SUCCESS);
        reload = reload || said == SIGNAL_RELOAD;
    }
    if (reload) /* for whoever reads next */
        kill(getpid(), SIGHUP);
    return NULL;
}

struct signals_watch *signals_watch_start(int signals)
{
    struct signals_watch *watch = malloc(sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->signals = signals;
    watch->end = eventfd(0, EFD_CLOEXEC);
    int failed =
        watch->end >= 0 ? pthread_create(&watch->thread, NULL, watch_run, watch) : errno;
    if (failed == 0)
        return watch;
    if (watch->end >= 0)
        close(watch->end);
    free(watch);
    errno = failed;
    return NULL;
}

void signals_watch_end(struct signals_watch **pointer)
{
    struct signals_watch *watch = *pointer;
    *pointer = NULL;
    eventfd_write(watch->end, 1);
    pthread_join(watch->thread, NULL);
    close(watch->end);
    free(watch);
}
