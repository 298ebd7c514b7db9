/* SPDX-License-Identifier: ISC */
/*
 * Names of parameters that fcgiwait does not know: it passes over them without a word, so
 * a misspelt one is as good as none.
 */
#include <ctype.h>

#include "rules.h"

#define PREFIX TEXT("FCGIWAIT_")
#define LENGTH_MOST 40 /* of a name that is compared */
#define NEAR_MOST 4    /* letters that may be wrong in it, */
#define NEAR_PART 3    /* and this part of it: short names are near to each other */

static const struct text known[] = {
    TEXT("FCGIWAIT_RESOURCE"), TEXT("FCGIWAIT_ACCESS"),
    TEXT("FCGIWAIT_ORIGIN"),   TEXT("FCGIWAIT_ORIGIN_STATUS"),
    TEXT("FCGIWAIT_LOCATION"), TEXT("FCGIWAIT_CONTENT_LOCATION"),
    TEXT("FCGIWAIT_ALSO"),     TEXT("FCGIWAIT_AGAIN"),
    TEXT("FCGIWAIT_QUERY"),    TEXT("FCGIWAIT_CLIENT"),
    TEXT("FCGIWAIT_SCOPE"),    TEXT("FCGIWAIT_STREAM"),
    TEXT("FCGIWAIT_EXPIRES"),  TEXT("FCGIWAIT_WAIT_MAX"),
    TEXT("FCGIWAIT_ENDPOINT"),
};
#define KNOWN (sizeof known / sizeof *known)

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int folded(char c)
{
    return toupper((unsigned char)c);
}

/* Whether the letters before these places have changed places. */
static bool is_swap(struct text a, unsigned i, struct text b, unsigned j)
{
    return i > 1 && j > 1 && folded(a.at[i - 1]) == b.at[j - 2] &&
           folded(a.at[i - 2]) == b.at[j - 1];
}

/* How many letters of `a` have to be put in, taken out, changed or swapped with the next,
 * case aside. */
static unsigned distance(struct text a, struct text b)
{
    unsigned rows[3][LENGTH_MOST + 1]; /* of the letters of `a`, in turn */
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned changed = above[j - 1] + (folded(a.at[i - 1]) != b.at[j - 1]);
            row[j] = least(changed, least(above[j], row[j - 1]) + 1);
            if (is_swap(a, i, b, j))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

static bool is_known(struct text name)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (text_is(name, known[i]))
            return true;
    return false;
}

/* NULL: none is near. */
static const char *nearest(struct text name)
{
    const char *best = NULL;
    size_t part = (name.len - PREFIX.len) / NEAR_PART;
    unsigned smallest = (unsigned)(part < NEAR_MOST ? part : NEAR_MOST) + 1;
    for (size_t i = 0; i < KNOWN && name.len <= LENGTH_MOST; i++) {
        unsigned wrong = distance(name, known[i]);
        if (wrong < smallest) {
            smallest = wrong;
            best = known[i].at;
        }
    }
    return best;
}

static bool begins_as_ours(struct text name)
{
    struct text start = {name.at, PREFIX.len};
    return name.len > PREFIX.len && text_is_like(start, PREFIX);
}

static bool is_misspelt(const struct directive *param)
{
    struct text name = directive_value(param, 1);
    return begins_as_ours(name) && !is_known(name);
}

bool params_misspelt(const struct directive *level)
{
    const struct directive *at = find_setting(level, TEXT("fastcgi_param"));
    while (at != NULL && !is_misspelt(at))
        at = find_again(at);
    return at != NULL;
}

static const char *instead_of(struct nginx_check *check, const struct directive *param)
{
    const char *near = nearest(directive_value(param, 1));
    const char *values = "";
    for (size_t i = 2; i < param->count; i++)
        values = say(check, "%s %s", values, say_word(check, directive_value(param, i)));
    return near != NULL ? say(check, "fastcgi_param %s%s;", near, values)
                        : "(nothing: take the line away)";
}

static void report(struct nginx_check *check, const struct directive *param)
{
    struct text name = directive_value(param, 1);
    fault_report(check, &(struct fault){
                            .rule = "unknown_param",
                            .at = param,
                            .what = say(check, "fcgiwait knows no parameter %.*s",
                                        (int)name.len, name.at),
                            .effect = "it is passed over, as if the line were not there",
                            .instead = instead_of(check, param)});
}

void rule_unknown_param(struct nginx_check *check, const struct way *way)
{
    const struct directive *at = find_setting(way->block, TEXT("fastcgi_param"));
    for (; at != NULL && !way_is_proxy(way); at = find_again(at))
        if (is_misspelt(at))
            report(check, at);
}
