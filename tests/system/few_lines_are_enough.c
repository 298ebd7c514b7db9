/* SPDX-License-Identifier: ISC */
/* The lines of README give long polling to an API that stays as it is. They have no
 * status location: whether somebody is held is seen by what does not come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "rest_api.h"

#define LINES_MOST 15

static const struct rest_options json_server = {.readme = true};
static const struct rest_options php = {.readme = true, .php = true};

static void they_are_few(void **state)
{
    struct rest_api *api = *state;
    char path[128], line[512];
    size_t count = 0;
    stack_path(&api->stack, "nginx.conf", path);
    FILE *file = fopen(path, "r");
    must(file != NULL, "%s", path);
    while (fgets(line, sizeof line, file) != NULL)
        count += strncmp(line, "    ", 4) == 0;
    fclose(file);
    assert_in_range(count, 8, LINES_MOST);
}

static struct call *wait_at(const struct rest_api *api, const char *path, long seconds)
{
    char index[24], url[128];
    rest_index(api, path, index);
    snprintf(url, sizeof url, "%s?index=%s&wait=%ld", path, index, seconds);
    return call_start(&(struct http){.port = api->stack.port, .path = url});
}

static void must_poll(struct rest_api *api, const char *list, const char *one)
{
    struct call *waits[] = {wait_at(api, one, 50), wait_at(api, list, 50)};
    sleep_ms(200);
    assert_true(rest_write(api, "PUT", one, "{\"version\":1}") < 300);
    for (size_t i = 0; i < 2; i++) {
        struct answer answer = call_join(waits[i]);
        must(answer.status == 200 || (answer.status == 404 && i == 1), "%zu: %ld", i,
             answer.status);
        must(i == 1 || strstr(answer.body, "1") != NULL, "%s", answer.body);
        answer_free(&answer);
    }
    struct answer answer = call_join(wait_at(api, one, 1));
    assert_int_equal(answer.status, 304);
    answer_free(&answer);
}

static void json_server_is_followed(void **state)
{
    must_poll(*state, "/posts", "/posts/1");
}

static void a_php_api_is_followed(void **state)
{
    must_poll(*state, "/php", "/php/a");
}

static void the_check_finds_nothing_in_them(void **state)
{
    rest_must_pass_check(*state);
}

/* nginx makes the last folder of the cache's path, and no other. */
static void the_place_of_their_cache_exists(void **state)
{
    (void)state;
    assert_int_equal(
        system("path=$(sed -n 's/^    proxy_cache_path \\([^ ]*\\) .*/\\1/p' "
               "\"$EXAMPLES/../README\") && test -d \"${path%/*}\""),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_of_their_cache_exists),
        rest_test(the_check_finds_nothing_in_them, &json_server),
        rest_test(they_are_few, &json_server),
        rest_test(json_server_is_followed, &json_server),
        rest_test(a_php_api_is_followed, &php),
    };
    return cmocka_run_group_tests_name("few_lines_are_enough", tests, NULL, NULL);
}
