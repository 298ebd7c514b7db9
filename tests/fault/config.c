/* SPDX-License-Identifier: ISC */
/* The configuration when memory runs out: loaded whole, or refused with a reason. */
#include "fcgiwait/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"
#include "must.h"

static char file[64];

static int start(void **state)
{
    static const char text[] =
        "store = { type = \"memory\"; file = \"/x\"; tables = (\n"
        "{ name = \"a\"; path = \"/a/{b}\"; also = (\"/c/{d}\"); },\n"
        "{ name = \"a.e\"; path = \"/e/*\"; } ); };\n"
        "cache_control = \"private\";\n";
    (void)state;
    strcpy(file, "/tmp/fcgiwait-test.XXXXXX");
    int fd = mkstemp(file);
    bool written = fd >= 0 && write(fd, text, sizeof text - 1) == sizeof text - 1;
    close(fd);
    return !written;
}

static int stop(void **state)
{
    (void)state;
    return unlink(file);
}

static bool loading(long nth, enum faults faults)
{
    static const char *const options[] = {"store.sync=normal", "cache_control=no-cache"};
    struct config config;
    char error[CONFIG_ERROR] = "";
    faults_arm(nth, faults);
    bool loaded = config_load(&config, file, options, 2, error);
    bool refused = faults_disarm();
    assert_int_equal(loaded, !refused);
    if (!loaded) {
        assert_non_null(strstr(error, "out of memory"));
        return refused;
    }
    assert_string_equal(config.store_sync, "normal");
    assert_string_equal(config.cache_control, "no-cache");
    assert_int_equal(config.store_table_count, 2);
    config_free(&config);
    return refused;
}

static void loading_survives_each_lack(void **state)
{
    (void)state;
    faults_sweep(loading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_survives_each_lack),
    };
    return cmocka_run_group_tests_name("fault/config", tests, start, stop);
}
