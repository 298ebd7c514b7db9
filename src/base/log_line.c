/* SPDX-License-Identifier: ISC */
/*
 * Lines as people read them, and as JSON for what collects logs. Each is whole: where a
 * message is too long, it is the message that is cut.
 */
#include "log_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fcgiwait/text.h"

/* "2026-11-02T09:30:00.123Z" */
static size_t add_time(char *line, size_t capacity, nanos wall)
{
    time_t seconds = wall / NANOS_PER_SECOND;
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL)
        return 0;
    size_t len = strftime(line, capacity, "%Y-%m-%dT%H:%M:%S", &tm);
    return len + (size_t)snprintf(line + len, capacity - len, ".%03dZ",
                                  (int)(wall / NANOS_PER_MS % 1000));
}

/* As much of it as fits before `end`. */
static char *add_message(char *at, const char *end, const char *message)
{
    for (; *message != '\0' && at < end; message++)
        *at++ = text_is_control(*message) ? '?' : *message;
    return at;
}

size_t log_line_text(char line[LOG_LINE_MOST], const struct log_said *said)
{
    size_t len = add_time(line, LOG_LINE_MOST, said->wall);
    len += (size_t)snprintf(line + len, LOG_LINE_MOST - len,
                            " %s[%d]: %s: ", said->program, said->pid, said->level);
    char *at = add_message(line + len, line + LOG_LINE_MOST - 1, said->message);
    *at++ = '\n';
    return (size_t)(at - line);
}

size_t log_line_bare(char line[LOG_LINE_MOST], const struct log_said *said)
{
    return (size_t)(add_message(line, line + LOG_LINE_MOST, said->message) - line);
}

/* --- JSON --- */

/* Whole characters, as many as fit before `end`. */
static char *add_string(char *at, const char *end, struct text rest)
{
    while (rest.len > 0) {
        size_t len = (unsigned char)rest.at[0] < 0x80 ? 1 : text_utf8(rest);
        bool escaped = rest.at[0] == '"' || rest.at[0] == '\\';
        if (at + len + escaped + (len == 0) > end)
            break;
        if (escaped)
            *at++ = '\\';
        if (len == 0 || text_is_control(rest.at[0])) {
            *at++ = '?';
            text_skip(&rest, 1);
        } else {
            memcpy(at, rest.at, len);
            at += len;
            text_skip(&rest, len);
        }
    }
    return at;
}

size_t log_line_json(char line[LOG_LINE_MOST], const struct log_said *said)
{
    static const char end[] = "\"}\n";
    size_t len = (size_t)snprintf(line, LOG_LINE_MOST, "{\"time\":\"");
    len += add_time(line + len, LOG_LINE_MOST - len, said->wall);
    len += (size_t)snprintf(
        line + len, LOG_LINE_MOST - len,
        "\",\"program\":\"%s\",\"pid\":%d,\"level\":\"%s\",\"message\":\"", said->program,
        said->pid, said->level);
    char *at = add_string(line + len, line + LOG_LINE_MOST - (sizeof end - 1),
                          text_of(said->message));
    memcpy(at, end, sizeof end - 1);
    return (size_t)(at - line) + sizeof end - 1;
}
