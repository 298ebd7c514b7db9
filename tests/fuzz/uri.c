/* SPDX-License-Identifier: ISC */
/* uri: references in headers. An input is three lines: Host, the base, the reference. */
#include "fuzz.h"

#include "fcgiwait/path.h"
#include "fcgiwait/uri.h"

/* What is named can be a resource, and names itself. */
static void check(struct text host, struct text base, struct text reference)
{
    char *out = fuzz_room(base.len + reference.len + 1);
    char *again = fuzz_room(3 * (base.len + reference.len) + 1);
    struct text path, same;
    if (uri_path(reference, base, host, out, &path)) {
        holds(fuzz_within(path, (struct text){out, base.len + reference.len + 1}));
        holds(path_check(path, SIZE_MAX) == NULL);
        holds(uri_path(TEXT(""), path, host, again, &same));
        holds(text_is(path, same));
    }
    free(again);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    struct text host = TEXT(""), base = TEXT("");
    text_cut(&rest, '\n', &host);
    text_cut(&rest, '\n', &base);
    if (path_check(base, SIZE_MAX) == NULL)
        check(host, base, rest);
    check(host, TEXT("/a/b"), rest);
    return 0;
}
