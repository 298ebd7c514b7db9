/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/json.h"

/* The target stands before the first NUL, which no JSON has, the patch behind it. */
static struct text cut(struct text *rest)
{
    struct text target = {NULL, 0};
    text_cut(rest, '\0', &target);
    return target;
}

/* In memory of its own, so that reading past its end is seen. */
static struct text own(struct text t)
{
    return fuzz_joined(t, TEXT(""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    struct text target = own(cut(&rest)), patch = own(rest);
    struct json_error error = {0, NULL};
    char *merged, *again;
    size_t len, len_again;
    enum json_merged result = json_merge_patch(target, patch, &merged, &len, &error);

    /* Two texts can be merged, or one of them is no JSON. */
    bool good = json_check(target, &error) && json_check(patch, &error);
    holds(good == (result != JSON_REFUSED));
    holds((merged != NULL) == (result == JSON_CHANGED));
    if (result == JSON_CHANGED) {
        /* JSON comes out, and the same patch has nothing left to do. */
        struct text out = {merged, len};
        holds(json_check(out, &error));
        holds(json_merge_patch(out, patch, &again, &len_again, &error) == JSON_SAME);
        free(merged);
    }
    free((char *)target.at);
    free((char *)patch.at);
    return 0;
}
