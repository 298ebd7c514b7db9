/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/json.h"
#include "fcgiwait/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    char out[PROBLEM_TEXT];
    int status = 200 + 2 * fuzz_byte(&rest);
    char *detail = strndup(rest.len > 0 ? rest.at : "", rest.len);
    holds(detail != NULL);

    size_t len = problem_render(&(struct problem){status, detail}, out);
    struct text text = {out, len};
    struct json_error error;
    holds(len < sizeof out && out[len] == '\0' && strlen(out) == len);
    holds(json_check(text, &error));
    for (size_t i = 0; i + 1 < len; i++)
        holds(out[i] >= 0x20 && out[i] < 0x7f);
    free(detail);
    return 0;
}
