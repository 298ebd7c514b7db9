/* SPDX-License-Identifier: ISC */
/*
 * A line is made on the caller's stack and goes out in one write, or not at all: whoever
 * reads the log slowly, or never, must not hold up those who answer requests. The
 * description behind standard error is shared with other processes, so O_NONBLOCK is not
 * ours to set: a terminal or a pipe is opened once more, as a description of our own.
 */
#include "fcgiwait/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/lock.h"
#include "log_line.h"

_Static_assert(LOG_LINE_MOST <= PIPE_BUF, "a line has to fit what a pipe takes whole");

/* The one global: set by log_open() before there are threads, but for level and form. */
static const char *program = "fcgiwait";
static bool to_syslog;
static int out = STDERR_FILENO;
static _Atomic enum log_level most = LOG_LEVEL_INFO;
static _Atomic bool as_json;

/* Guards the moment between asking whether a line fits and writing it, and what follows.
 * It is held for no longer than a write that does not block. */
static struct lock lock = {PTHREAD_MUTEX_INITIALIZER, LOCK_LOG};
static unsigned long lost; /* lines since the last that told of it */
static bool cut;           /* the last line went out in part */

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

/* Closed, or the null device (character device 1:3). */
static bool leads_nowhere(int fd)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return true;
    return S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(1, 3);
}

static bool is_pipe(int fd)
{
    struct stat stat;
    return fstat(fd, &stat) == 0 && S_ISFIFO(stat.st_mode);
}

/* There is none to be had where the terminal is somebody else's, say: then what is ready
 * for a byte has to take a line, as a pipe does that nobody else writes to. */
static void open_out(void)
{
    if (out != STDERR_FILENO)
        close(out);
    out = STDERR_FILENO;
    if (!isatty(STDERR_FILENO) && !is_pipe(STDERR_FILENO))
        return;
    int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0)
        out = own;
}

void log_open(const char *name)
{
    program = name;
    to_syslog = leads_nowhere(STDERR_FILENO);
    open_out();
    if (to_syslog)
        openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_set_level(enum log_level level)
{
    atomic_store(&most, level);
}

void log_set_json(bool json)
{
    atomic_store(&as_json, json);
}

bool log_wants(enum log_level level)
{
    return level <= atomic_load_explicit(&most, memory_order_relaxed);
}

bool log_level_parse(struct text name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (text_is(name, text_of(levels[i].word))) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

static struct log_said said_now(enum log_level level, const char *message)
{
    return (struct log_said){.wall = clock_wall(),
                             .program = program,
                             .pid = (int)getpid(),
                             .level = levels[level].word,
                             .message = message};
}

static size_t make_line(char line[LOG_LINE_MOST], const struct log_said *said)
{
    return atomic_load_explicit(&as_json, memory_order_relaxed)
               ? log_line_json(line, said)
               : log_line_text(line, said);
}

/* Bytes written; -1: errno. Standard error may be anything: systemd gives a socket. */
static ssize_t write_now(const char *line, size_t len)
{
    struct pollfd fd = {.fd = out, .events = POLLOUT};
    ssize_t n = send(out, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0 || errno != ENOTSOCK)
        return n;
    if (poll(&fd, 1, 0) != 1 || (fd.revents & POLLOUT) == 0) {
        errno = EAGAIN;
        return -1;
    }
    do
        n = write(out, line, len);
    while (n < 0 && errno == EINTR);
    return n;
}

/* With the lock held. */
static bool put(const char *line, size_t len)
{
    if (cut && write_now("\n", 1) != 1)
        return false;
    ssize_t n = write_now(line, len);
    cut = n > 0 && (size_t)n < len;
    return n == (ssize_t)len;
}

static bool tell_lost(void)
{
    char line[LOG_LINE_MOST], message[128];
    snprintf(message, sizeof message,
             "%lu line%s of this log %s lost: nobody took what went to standard error "
             "meanwhile",
             lost, lost == 1 ? "" : "s", lost == 1 ? "is" : "are");
    struct log_said said = said_now(LOG_LEVEL_WARN, message);
    return put(line, make_line(line, &said));
}

static void write_line(const char *line, size_t len)
{
    lock_take(&lock);
    if (lost > 0 && tell_lost())
        lost = 0;
    if (lost > 0 || !put(line, len))
        lost++;
    lock_drop(&lock);
}

static void log_line(enum log_level level, const char *format, va_list args)
{
    char line[LOG_LINE_MOST], message[LOG_LINE_MOST];
    lock_must_hold_none();
    if (!log_wants(level))
        return;
    vsnprintf(message, sizeof message, format, args);
    struct log_said said = said_now(level, message);
    if (to_syslog)
        syslog(levels[level].priority, "%.*s", (int)log_line_bare(line, &said), line);
    else
        write_line(line, make_line(line, &said));
}

#define LOG_FUNCTION(function, level)                                                    \
    void function(const char *format, ...)                                               \
    {                                                                                    \
        va_list args;                                                                    \
        va_start(args, format);                                                          \
        log_line(level, format, args);                                                   \
        va_end(args);                                                                    \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
