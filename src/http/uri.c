/* SPDX-License-Identifier: ISC */
/*
 * uri: takes a reference apart (RFC 3986, appendix B), decodes it, and removes dot
 * segments in place. Decoding goes first, as in the web server that our paths come from:
 * %2e%2e is a dot segment and %2F a slash.
 */
#include "fcgiwait/uri.h"

#include "fcgiwait/query.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes "http:" off; false: another scheme. What has none stays as it is. */
static bool take_scheme(struct text *rest, bool *given)
{
    struct text scheme = {rest->at, 0};
    while (scheme.len < rest->len && (is_letter(rest->at[scheme.len]) ||
                                      (scheme.len > 0 && rest->at[scheme.len] > ' ' &&
                                       strchr("0123456789+-.", rest->at[scheme.len]))))
        scheme.len++;
    *given = scheme.len > 0 && scheme.len < rest->len && rest->at[scheme.len] == ':';
    if (!*given)
        return true;
    text_skip(rest, scheme.len + 1);
    return text_is_like(scheme, TEXT("http")) || text_is_like(scheme, TEXT("https"));
}

/* "user@host:port" -> "host", "[::1]:80" -> "[::1]". */
static struct text host_of(struct text authority)
{
    for (size_t i = authority.len; i > 0; i--)
        if (authority.at[i - 1] == '@') {
            text_skip(&authority, i);
            break;
        }
    char end = authority.len > 0 && authority.at[0] == '[' ? ']' : ':';
    const char *at = authority.len > 0 ? memchr(authority.at, end, authority.len) : NULL;
    if (at != NULL)
        authority.len = (size_t)(at - authority.at) + (end == ']');
    return authority;
}

/* Takes "//host" off; false: another host, or none. */
static bool take_authority(struct text *rest, struct text host)
{
    text_skip(rest, 2);
    struct text authority = {rest->at, 0};
    while (authority.len < rest->len && rest->at[authority.len] != '/')
        authority.len++;
    text_skip(rest, authority.len);
    host = host_of(host);
    return host.len > 0 && text_is_like(host_of(authority), host);
}

static struct text before(struct text t, char mark)
{
    const char *at = t.len > 0 ? memchr(t.at, mark, t.len) : NULL;
    return at != NULL ? (struct text){t.at, (size_t)(at - t.at)} : t;
}

static struct text folder_of(struct text base)
{
    while (base.len > 0 && base.at[base.len - 1] != '/')
        base.len--;
    return base;
}

/* `+` is a plus sign in a path, unlike in a query. */
static bool decode(struct text escaped, char *out, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < escaped.len; i++) {
        int byte = (unsigned char)escaped.at[i];
        if (byte == '%') {
            byte = query_escaped((struct text){escaped.at + i, escaped.len - i});
            i += 2;
        }
        if (byte < 0 || text_is_control((char)byte))
            return false;
        out[(*len)++] = (char)byte;
    }
    return true;
}

/* `path` begins with a slash. A segment is written behind those that stay, never ahead of
 * where it was read. */
static size_t normalise(char *path, size_t len)
{
    struct text rest = {path + 1, len - 1}, segment;
    size_t end = 0; /* of what stays: "", "/a", "/a/b" */
    bool slash = false;
    while (text_cut(&rest, '/', &segment)) {
        slash = true;
        if (text_is(segment, TEXT(".."))) {
            while (end > 0 && path[--end] != '/')
                ;
        } else if (segment.len > 0 && !text_is(segment, TEXT("."))) {
            path[end++] = '/';
            memmove(path + end, segment.at, segment.len);
            end += segment.len;
            slash = false;
        }
    }
    if (slash)
        path[end++] = '/';
    return end;
}

char *uri_escape(char *out, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    *out++ = '%';
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
    return out;
}

static bool stands_for_itself(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("-._~", byte) != NULL);
}

char *uri_put(char *out, struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char byte = (unsigned char)t.at[i];
        if (stands_for_itself(byte))
            *out++ = (char)byte;
        else
            out = uri_escape(out, byte);
    }
    return out;
}

bool uri_path(struct text reference, struct text base, struct text host, char *out,
              struct text *path)
{
    bool has_scheme;
    struct text rest = before(before(text_trim(reference), '#'), '?');
    if (!take_scheme(&rest, &has_scheme))
        return false;
    bool has_authority = text_starts(rest, TEXT("//"));
    if (has_scheme && !has_authority)
        return false;
    if (has_authority && !take_authority(&rest, host))
        return false;
    struct text start = {base.at, 0};
    if (has_authority && rest.len == 0)
        rest = TEXT("/");
    else if (rest.len == 0)
        start = base;
    else if (rest.at[0] != '/')
        start = folder_of(base);
    size_t len;
    if (start.len > 0)
        memcpy(out, start.at, start.len);
    if (!decode(rest, out + start.len, &len) || start.len + len == 0 || out[0] != '/')
        return false;
    *path = (struct text){out, normalise(out, start.len + len)};
    return true;
}
