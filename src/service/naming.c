/* SPDX-License-Identifier: ISC */
/*
 * Compares the two names of the written resource, as a URL and as a resource, from their
 * ends: what one of them has in front of the other is what all references have, or lack.
 */
#include "naming.h"

#include "fcgiwait/path.h"
#include "fcgiwait/uri.h"

static bool ends_with(struct text whole, struct text end, struct text *front)
{
    if (whole.len < end.len)
        return false;
    *front = (struct text){whole.at, whole.len - end.len};
    return text_is((struct text){whole.at + front->len, end.len}, end);
}

static bool compare(struct naming *naming, struct text resource, struct text request)
{
    if (ends_with(resource, request, &naming->front))
        return true;
    naming->front = TEXT("");
    if (ends_with(request, resource, &naming->off))
        return true;
    naming->off = TEXT("");
    return false;
}

void naming_of(struct naming *naming, struct text resource, struct text request_uri,
               struct text host, char *bytes)
{
    struct text request;
    *naming = (struct naming){host, resource, TEXT(""), TEXT("")};
    if (request_uri.len == 0 || !uri_path(request_uri, TEXT(""), host, bytes, &request))
        return;
    if (compare(naming, resource, request) ||
        compare(naming, path_without_slash(resource), path_without_slash(request)))
        naming->base = request;
}

size_t naming_most(const struct naming *naming, struct text reference)
{
    return naming->front.len + naming->base.len + reference.len + 1;
}

bool naming_resolve(const struct naming *naming, struct text reference, char *out,
                    struct text *path)
{
    struct text url;
    size_t front = naming->front.len;
    if (!uri_path(reference, naming->base, naming->host, out + front, &url))
        return false;
    if (front > 0)
        memcpy(out, naming->front.at, front);
    *path = (struct text){out, front + url.len};
    if (naming->off.len > 0 && text_starts(url, naming->off) &&
        (url.len == naming->off.len || url.at[naming->off.len] == '/'))
        text_skip(path, naming->off.len);
    if (path->len == 0)
        *path = TEXT("/");
    return true;
}
