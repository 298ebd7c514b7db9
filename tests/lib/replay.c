/* SPDX-License-Identifier: ISC */
/*
 * replay: the main of a fuzz target without libFuzzer: it gets every kept input once.
 *
 * Lies in libtests.a, so that it is linked where nothing else has a main. FUZZ in the
 * environment names the folder of corpus/NAME and regression/NAME. The name of each input
 * is printed before its turn: where the target dies, the last one did it.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *name; /* of the target */

static void give(const char *path)
{
    FILE *file = fopen(path, "rb");
    must(file != NULL && fseek(file, 0, SEEK_END) == 0, "can't read %s", path);
    long size = ftell(file);
    rewind(file);
    /* Exactly as large, so that reading beyond it is seen. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    must(size >= 0 && data != NULL, "no memory for %s", path);
    must(fread(data, 1, (size_t)size, file) == (size_t)size, "can't read %s", path);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

/* Returns how many there were. */
static int give_all(const char *kind)
{
    const char *fuzz = getenv("FUZZ");
    char folder[PATH_MAX - NAME_MAX - 1], path[PATH_MAX];
    int given = 0;
    must(fuzz != NULL, "FUZZ in the environment has to name the folder of the inputs");
    snprintf(folder, sizeof folder, "%s/%s/%s", fuzz, kind, name);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            give(path);
            given++;
        }
    if (dir != NULL)
        closedir(dir);
    return given;
}

static void kept_inputs_break_no_promise(void **state)
{
    (void)state;
    LLVMFuzzerTestOneInput(NULL, 0);
    must(give_all("corpus") > 0, "there is no corpus of %s", name);
}

static void what_broke_a_promise_once_does_so_no_more(void **state)
{
    (void)state;
    if (give_all("regression") == 0)
        printf("nothing has broken %s yet\n", name);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_inputs_break_no_promise),
        cmocka_unit_test(what_broke_a_promise_once_does_so_no_more),
    };
    (void)argc;
    const char *slash = strrchr(argv[0], '/');
    name = slash != NULL ? slash + 1 : argv[0];
    char group[64];
    snprintf(group, sizeof group, "fuzz/%s", name);
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}
