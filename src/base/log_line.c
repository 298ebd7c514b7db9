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

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* As much of it as fits before `end`. */
static char *add_message(char *at, const char *end, const char *message)
{
    for (; *message != '\0' && at < end; message++)
        *at++ = is_control(*message) ? '?' : *message;
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

/* The length of the character that begins here; 0: this is no UTF-8 (RFC 3629). */
static size_t utf8_length(const unsigned char *at)
{
    size_t len = at[0] < 0x80                    ? 1
                 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                 : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                 : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                 : 0;
    for (size_t i = 1; i < len; i++) /* a NUL ends it as well */
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool is_wrong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
                    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f);
    return is_wrong ? 0 : len;
}

/* Whole characters, as many as fit before `end`. */
static char *add_string(char *at, const char *end, const char *message)
{
    while (*message != '\0') {
        size_t len = utf8_length((const unsigned char *)message);
        bool escaped = *message == '"' || *message == '\\';
        if (at + len + escaped + (len == 0) > end)
            break;
        if (escaped)
            *at++ = '\\';
        if (len == 0 || is_control(*message)) {
            *at++ = '?';
            message++;
        } else {
            memcpy(at, message, len);
            at += len;
            message += len;
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
    char *at =
        add_string(line + len, line + LOG_LINE_MOST - (sizeof end - 1), said->message);
    memcpy(at, end, sizeof end - 1);
    return (size_t)(at - line) + sizeof end - 1;
}
