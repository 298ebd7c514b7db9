/* SPDX-License-Identifier: ISC */
#include "fcgiwait/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "fcgiwait/clock.h"

#define LINE_MOST 1024 /* longer lines are cut */

/* The one global: set by log_open() before there are threads, but for the level. */
static const char *program = "fcgiwait";
static bool to_syslog;
static _Atomic enum log_level most = LOG_LEVEL_INFO;

static const struct {
    struct text name;
    const char *word;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {TEXT("error"), "error", LOG_ERR},
    [LOG_LEVEL_WARN] = {TEXT("warn"), "warn", LOG_WARNING},
    [LOG_LEVEL_INFO] = {TEXT("info"), "info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {TEXT("debug"), "debug", LOG_DEBUG},
};

/* Closed, or the null device (character device 1:3). */
static bool leads_nowhere(int fd)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return true;
    return S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(1, 3);
}

void log_open(const char *name)
{
    program = name;
    to_syslog = leads_nowhere(STDERR_FILENO);
    if (to_syslog)
        openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_set_level(enum log_level level)
{
    atomic_store(&most, level);
}

bool log_level_parse(struct text name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (text_is(name, levels[i].name)) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

static void mask_controls(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
}

/* "2026-11-02T09:30:00.123Z " */
static size_t add_time(char *line, size_t capacity)
{
    nanos wall = clock_wall();
    time_t seconds = wall / NANOS_PER_SECOND;
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL)
        return 0;
    size_t len = strftime(line, capacity, "%Y-%m-%dT%H:%M:%S", &tm);
    int more = snprintf(line + len, capacity - len, ".%03dZ ",
                        (int)(wall / NANOS_PER_MS % 1000));
    return len + (size_t)more;
}

static void write_line(const char *line, size_t len)
{
    ssize_t n;
    do
        n = write(STDERR_FILENO, line, len);
    while (n < 0 && errno == EINTR);
}

static void log_line(enum log_level level, const char *format, va_list args)
{
    char line[LINE_MOST];
    if (level > atomic_load_explicit(&most, memory_order_relaxed))
        return;
    size_t start = to_syslog ? 0 : add_time(line, sizeof line);
    if (!to_syslog)
        start +=
            (size_t)snprintf(line + start, sizeof line - start, "%s[%d]: %s: ", program,
                             (int)getpid(), levels[level].word);
    int more = vsnprintf(line + start, sizeof line - start, format, args);
    size_t len = start + (more > 0 ? (size_t)more : 0);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    mask_controls(line + start, len - start);
    if (to_syslog) {
        syslog(levels[level].priority, "%.*s", (int)len, line);
        return;
    }
    line[len] = '\n';
    write_line(line, len + 1); /* one write: lines of several threads do not mix */
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
