/* SPDX-License-Identifier: ISC */
#include "fcgiwait/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"

/* SHIPPED in the environment names conf/fcgiwait.conf. */
static void the_shipped_file_holds_the_defaults(void **state)
{
    struct config defaults, shipped;
    char error[CONFIG_ERROR];
    const char *file = getenv("SHIPPED");
    (void)state;
    must(file != NULL, "SHIPPED in the environment has to name the file");
    must(config_load(&defaults, NULL, NULL, 0, error), "%s", error);
    must(config_load(&shipped, file, NULL, 0, error), "%s", error);
    assert_int_equal(shipped.threads, defaults.threads);
    assert_int_equal(shipped.max_waiting, defaults.max_waiting);
    assert_int_equal(shipped.wait_default, defaults.wait_default);
    assert_int_equal(shipped.wait_max, defaults.wait_max);
    assert_true(shipped.wait_jitter == defaults.wait_jitter);
    assert_int_equal(shipped.stream_max, defaults.stream_max);
    assert_int_equal(shipped.stream_heartbeat, defaults.stream_heartbeat);
    assert_int_equal(shipped.drain, defaults.drain);
    assert_string_equal(shipped.store_type, defaults.store_type);
    assert_string_equal(shipped.store_file, defaults.store_file);
    assert_int_equal(shipped.limit_body, defaults.limit_body);
    assert_int_equal(shipped.limit_path, defaults.limit_path);
    assert_int_equal(shipped.limit_resources, defaults.limit_resources);
    assert_int_equal(shipped.limit_changes, defaults.limit_changes);
    assert_int_equal(shipped.limit_answer, defaults.limit_answer);
    assert_int_equal(shipped.waiting_per_client, defaults.waiting_per_client);
    assert_string_equal(shipped.cache_control, defaults.cache_control);
    assert_int_equal(shipped.log_level, defaults.log_level);
    assert_string_equal(shipped.log_format, defaults.log_format);
    config_free(&shipped);
    config_free(&defaults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_file_holds_the_defaults),
    };
    return cmocka_run_group_tests_name("config_shipped", tests, NULL, NULL);
}
