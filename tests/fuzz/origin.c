/* SPDX-License-Identifier: ISC */
/*
 * origin: where a reader is sent for the document. An input is three lines:
 * FCGIWAIT_ORIGIN, the path, the query. The last one may have lines of its own.
 */
#include "fuzz.h"

#include "service/origin.h"
#include "fcgiwait/path.h"
#include "fcgiwait/query.h"

static const struct text ours[] = {{"index", 5}, {"wait", 4}};

static bool ends_a_line(unsigned char byte)
{
    return byte <= ' ' || byte == 0x7f;
}

/* Nobody gets a second header, or a second request, out of what clients write. */
static void check_line(struct text url)
{
    for (size_t i = 0; i < url.len; i++)
        holds(!ends_a_line((unsigned char)url.at[i]));
}

/* nginx decodes the path once, and then it is the one that was asked for. */
static void check_path(struct text sent, struct text path)
{
    char *decoded = fuzz_room(sent.len);
    size_t len;
    holds(memchr(sent.at, '+', sent.len) == NULL);
    holds(query_decode(sent, decoded, sent.len, &len));
    holds(text_is((struct text){decoded, len}, path));
    free(decoded);
}

/* The query is the client's, byte for byte, but for ours and for what no URL has. */
static void check_query(struct text sent, struct text query)
{
    char *left = fuzz_room(query.len);
    struct text rest = {left, query_without(query, ours, 2, left)};
    size_t at = 0;
    for (size_t i = 0; i < rest.len; i++) {
        bool escaped = ends_a_line((unsigned char)rest.at[i]);
        size_t len;
        char byte = 0;
        holds(at + (escaped ? 3 : 1) <= sent.len);
        if (escaped)
            holds(query_decode((struct text){sent.at + at, 3}, &byte, 1, &len));
        holds((escaped ? byte : sent.at[at]) == rest.at[i]);
        at += escaped ? 3 : 1;
    }
    holds(at == sent.len);
    free(left);
}

/* nginx takes no redirect with a segment . or .. in it, decoded once. */
static void check_segments(struct text sent)
{
    char *decoded = fuzz_room(sent.len);
    struct text rest = {decoded, 0}, segment;
    holds(query_decode(sent, decoded, sent.len, &rest.len));
    while (text_cut(&rest, '/', &segment))
        holds(!text_is(segment, TEXT(".")) && !text_is(segment, TEXT("..")));
    free(decoded);
}

static void check_target(struct text origin, struct text path, struct text query)
{
    static const struct query_names names = {{"index", 5}, {"wait", 4}};
    char *target = origin_target(origin, path, query, &names);
    holds(target != NULL);
    struct text url = text_of(target), sent;
    holds(text_starts(url, TEXT("X-Accel-Redirect: ")));
    text_skip(&url, sizeof "X-Accel-Redirect: " - 1);
    holds(text_starts(url, origin));
    text_skip(&url, origin.len);
    holds(url.len >= 4 && memcmp(url.at + url.len - 4, "\r\n\r\n", 4) == 0);
    url.len -= 4;
    check_line(url);
    text_cut(&url, '?', &sent);
    if (path_check(path, SIZE_MAX) == NULL)
        check_path(sent, path);
    else
        check_segments(sent);
    check_query(url, query);
    free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    struct text origin = TEXT(""), path = TEXT("");
    text_cut(&rest, '\n', &origin);
    text_cut(&rest, '\n', &path);
    const char *wrong = origin_check(origin);
    holds(wrong == NULL || wrong[0] != '\0');
    if (wrong != NULL)
        origin = TEXT("/_origin");
    check_line(origin);
    if (path.len > 0 && path.at[0] == '/')
        check_target(origin, path, rest);
    return 0;
}
