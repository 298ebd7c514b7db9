/* SPDX-License-Identifier: ISC */
/*
 * naming: what a report names, and the times after which it counts again. An input is
 * lines: the resource, REQUEST_URI, Host, FCGIWAIT_AGAIN, the reference.
 */
#include "fuzz.h"

#include "fcgiwait/path.h"
#include "service/again.h"
#include "service/naming.h"

static void check_times(struct text t)
{
    nanos times[AGAIN_TIMES];
    size_t count;
    again_parse(t, times, &count);
    holds(count <= AGAIN_TIMES);
    for (size_t i = 0; i < count; i++)
        holds(times[i] >= 0 && times[i] <= AGAIN_LATEST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size}, path;
    struct text line[4] = {{NULL, 0}};
    for (size_t i = 0; i < 4; i++)
        text_cut(&rest, '\n', &line[i]);
    check_times(line[3]);
    if (path_check(line[0], SIZE_MAX) != NULL)
        return 0;
    struct naming naming;
    char *room = fuzz_room(line[1].len + 1);
    naming_of(&naming, line[0], line[1], line[2], room);
    char *out = fuzz_room(naming_most(&naming, rest));
    if (naming_resolve(&naming, rest, out, &path))
        holds(path.len > 0 && path.at[0] == '/');
    free(out);
    free(room);
    return 0;
}
