/* SPDX-License-Identifier: ISC */
/*
 * What rules say: their words, and findings in the order in which they are reported. One
 * rule reports the same line once, however many ways lead along it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "rules.h"

#include "fcgiwait/duration.h"

#define TIMEOUT_ABOVE 15 /* seconds that a timeout had better be above what it ends */

const char *say(struct nginx_check *check, const char *format, ...)
{
    va_list args;
    char text[1024];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *kept = arena_print(&check->conf.arena, "%s", text);
    return kept != NULL ? kept : "";
}

const char *say_text(struct nginx_check *check, struct text text)
{
    return say(check, "%.*s", (int)text.len, text.at);
}

static bool needs_quotes(struct text word)
{
    static const char special[] = " \t\r\n;\"'";
    bool needs = word.len == 0 || memchr("#{}", word.at[0], 3) != NULL;
    for (size_t i = 0; i < word.len && !needs; i++)
        needs = memchr(special, word.at[i], sizeof special - 1) != NULL ||
                (i > 0 && word.at[i] == '{' && word.at[i - 1] != '$');
    return needs;
}

/* What stands behind a backslash for it. '\0': it stands for itself. */
static char escape_of(struct text rest)
{
    static const char from[] = "\t\r\n\"", to[] = "trn\"", meant[] = "trn\"'\\";
    const char *at = memchr(from, rest.at[0], sizeof from - 1);
    if (at != NULL)
        return to[at - from];
    return rest.at[0] == '\\' &&
                   (rest.len == 1 || memchr(meant, rest.at[1], sizeof meant - 1) != NULL)
               ? '\\'
               : '\0';
}

const char *say_word(struct nginx_check *check, struct text word)
{
    char text[1024];
    size_t len = 0;
    const char *quote = needs_quotes(word) ? "\"" : "";
    for (; word.len > 0 && len + 2 < sizeof text; text_skip(&word, 1)) {
        char escape = escape_of(word);
        if (escape != '\0')
            text[len++] = '\\';
        text[len++] = escape != '\0' ? escape : word.at[0];
    }
    return say(check, "%s%.*s%s", quote, (int)len, text, quote);
}

const char *say_location(struct nginx_check *check, const struct directive *block)
{
    const struct directive *location = find_around(block, TEXT("location"));
    struct text sign = location != NULL ? directive_value(location, 1) : TEXT("");
    struct text path = location != NULL ? directive_value(location, 2) : TEXT("");
    return say(check, "location %.*s%s%.*s", (int)sign.len, sign.at,
               path.len > 0 ? " " : "", (int)path.len, path.at);
}

const struct directive *way_lists(const struct way *way, const char *name,
                                  struct text value)
{
    const struct directive *at = find_setting_of(way->block, way->protocol, name);
    while (at != NULL && !values_have(at, value))
        at = find_again(at);
    return at;
}

bool read_time(struct nginx_check *check, const struct directive *set, nanos *span)
{
    if (set == NULL || value_time(directive_value(set, 1), span))
        return true;
    return nginx_conf_wrong(&check->conf, set->file, set->line, "this is not a time");
}

const char *say_seconds(struct nginx_check *check, nanos span)
{
    char digits[DURATION_TEXT];
    duration_format(span, digits);
    return say(check, "%ss", digits);
}

const char *say_read_timeout(struct nginx_check *check, const struct directive *set,
                             nanos timeout)
{
    return set != NULL ? say_seconds(check, timeout)
                       : "is not set, and its default of 60s";
}

long long seconds_above(nanos span)
{
    return (span + NANOS_PER_SECOND - 1) / NANOS_PER_SECOND + TIMEOUT_ABOVE;
}

struct noted {
    struct finding finding; /* first: the list is of findings */
    const struct directive *once;
    struct text protocol;
};

static bool is_known(const struct nginx_check *check, const struct noted *noted)
{
    for (const struct finding *at = check->first; at != NULL; at = at->next) {
        const struct noted *known = (const struct noted *)at;
        if (known->once == noted->once && text_is(known->protocol, noted->protocol) &&
            strcmp(at->rule, noted->finding.rule) == 0)
            return true;
    }
    return false;
}

static struct noted noted_of(const struct fault *fault)
{
    return (struct noted){.finding = {.rule = fault->rule,
                                      .file = fault->at->file,
                                      .line = fault->at->line,
                                      .what = fault->what,
                                      .effect = fault->effect,
                                      .instead = fault->instead},
                          .once = fault->once != NULL ? fault->once : fault->at,
                          .protocol = fault->protocol};
}

static struct finding *keep(struct nginx_check *check, const struct noted *noted)
{
    struct noted *kept = arena_take(&check->conf.arena, sizeof *kept);
    if (kept == NULL)
        return NULL;
    *kept = *noted;
    return &kept->finding;
}

void fault_report(struct nginx_check *check, const struct fault *fault)
{
    struct noted noted = noted_of(fault);
    struct finding *finding = is_known(check, &noted) ? NULL : keep(check, &noted);
    if (finding == NULL)
        return;
    *check->end = finding;
    check->end = &finding->next;
}

void fault_note(struct nginx_check *check, const struct fault *fault)
{
    struct noted noted = noted_of(fault);
    struct finding **end = &check->notes;
    for (; *end != NULL; end = &(*end)->next)
        if (((struct noted *)*end)->once == noted.once)
            return;
    *end = keep(check, &noted);
}
