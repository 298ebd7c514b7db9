/* SPDX-License-Identifier: ISC */
/*
 * What --check-nginx finds between fcgiwait and an API really gives clients the wrong
 * answers, or the API too many questions, and the line that it proposes mends it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"
#include "must.h"
#include "repair.h"

#define TOKEN 7000 /* bytes of a bearer token */

/* The marks are where faults are planted. %1: the folder, %2: user, %3 and %4: ports. */
static const char correct[] = REPAIR_NGINX
    "large_client_header_buffers 4 16k; default_type application/json;\n"
    "proxy_cache_path cache keys_zone=api:1m; proxy_busy_buffers_size 8k;\n"
    "upstream fcgiwait { server unix:%1$s/socket; keepalive 500; }\n"
    "fastcgi_keep_conn on; fastcgi_read_timeout 75s; fastcgi_next_upstream off;\n"
    "fastcgi_pass_header X-Accel-Buffering;\n"
    "server {\n"
    "listen 127.0.0.1:%3$d; root %1$s/none;\n" REPAIR_TOLD
    "location = /generation { return 200 \"GENERATION\"; }\n"
    "location ~ ^/fcgiwait/(?<endpoint>.*)$ { allow 127.0.0.1; deny all;\n" REPAIR_TOLD
    "fastcgi_param FCGIWAIT_ENDPOINT $endpoint; fastcgi_pass fcgiwait; }\n"
    "location /api/ {\n" REPAIR_TOLD
    "fastcgi_param FCGIWAIT_ORIGIN /_origin; fastcgi_pass fcgiwait; }\n"
    "location /_origin/ { internal; #origin\n"
    "set $polling_index $upstream_http_x_polling_index;\n"
    "add_header X-Polling-Index $polling_index always;\n"
    "add_header X-Cache $upstream_cache_status always;\n"
    "proxy_cache api; proxy_cache_lock on; proxy_cache_valid 200 404 20s;\n"
    "proxy_cache_key \"$http_host $polling_index $args $uri\";\n"
    "proxy_set_header Host $http_host;\n"
    "proxy_pass http://127.0.0.1:%4$d/; }\n"
    "}\n"
    "server { listen 127.0.0.1:%4$d; large_client_header_buffers 4 16k;\n"
    "location / { return 200 \"$http_host\"; }\n"
    "location /api/me/ { return 200 \"$http_authorization\"; }\n"
    "location /api/keyed/ { return 200 \"$http_x_api_key\"; }\n"
    "location /api/none/ { return 404; }\n"
    "}\n"
    "}\n";

static void write_first(const struct stack *stack)
{
    char *conf = NULL;
    must(asprintf(&conf, correct, stack->dir, geteuid() == 0 ? "user root;" : "",
                  stack->port, free_port()) > 0,
         "asprintf");
    repair_write(stack, conf);
    free(conf);
}

/* --- whether answers are as they should be --- */

/* nginx remembers errors in its cache: another document each time. */
static bool keeps_the_index_of_a_404(const struct stack *stack)
{
    char path[64], index[256];
    snprintf(path, sizeof path, "/api/none/%u", repair_generation());
    struct answer answer = http_get(stack->port, path, NULL);
    bool kept = answer.status == 404 &&
                answer_header(&answer, "X-Polling-Index", index)[0] != '\0';
    answer_free(&answer);
    return kept;
}

static bool gives_each_tenant_his_own(const struct stack *stack)
{
    static const char *const tenants[] = {"one.example", "two.example"};
    char path[64];
    snprintf(path, sizeof path, "/api/who/%u", repair_generation());
    bool own = true;
    for (size_t i = 0; i < 2; i++) {
        char host[64];
        snprintf(host, sizeof host, "Host: %s", tenants[i]);
        struct answer answer = http_get(stack->port, path, host);
        own = own && answer.status == 200 && strcmp(answer.body, tenants[i]) == 0;
        answer_free(&answer);
    }
    return own;
}

/* Two GETs of the same, of which the second one is to come out of the cache. */
static bool shares_one_get_with(const struct stack *stack, const char *header)
{
    char cache[256] = "", path[64];
    snprintf(path, sizeof path, "/api/shared/%u", repair_generation());
    for (int i = 0; i < 2; i++) {
        struct answer answer = http_get(stack->port, path, header);
        answer_header(&answer, "X-Cache", cache);
        answer_free(&answer);
    }
    return strcmp(cache, "HIT") == 0;
}

static bool shares_one_get(const struct stack *stack)
{
    return shares_one_get_with(stack, NULL);
}

static bool shares_one_get_with_a_long_token(const struct stack *stack)
{
    char header[TOKEN + 32] = "Authorization: Bearer ";
    memset(header + strlen(header), 'x', TOKEN);
    return shares_one_get_with(stack, header);
}

/* Two that ask for the same at one index. */
static bool gives_each_his_own(const struct stack *stack, const char *under,
                               const char *header)
{
    static const char *const users[] = {"Bearer one", "Bearer two"};
    char path[64];
    snprintf(path, sizeof path, "%s%u", under, repair_generation());
    bool own = true;
    for (size_t i = 0; i < 2; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s: %s", header, users[i]);
        struct answer answer = http_get(stack->port, path, line);
        own = own && answer.status == 200 && strcmp(answer.body, users[i]) == 0;
        answer_free(&answer);
    }
    return own;
}

static bool gives_each_user_his_own(const struct stack *stack)
{
    return gives_each_his_own(stack, "/api/me/", "Authorization");
}

static bool gives_each_key_its_own(const struct stack *stack)
{
    return gives_each_his_own(stack, "/api/keyed/", "X-Api-Key");
}

static bool shares_one_get_of_each_user(const struct stack *stack)
{
    return gives_each_user_his_own(stack) && shares_one_get_with_a_long_token(stack);
}

/* --- the faults --- */

#define KEY "\"$http_host $polling_index $args $uri\""
#define PARTS "$http_host $polling_index $args $uri $http_authorization $http_cookie"
#define ALL PARTS " $http_x_api_key $http_x_auth_token"
#define WHOLE "\"" ALL "\";"
#define BUFFERS "proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;"
#define CACHE "proxy_cache api; proxy_cache_lock on; proxy_cache_valid 200 404 20s;\n"
#define TOLD "proxy_set_header Host $http_host;\n"

static void pages_of_nginx(void **state)
{
    static const struct repair rows[] = {
        {"#origin\n", "proxy_intercept_errors on; error_page 404 /generation;\n",
         "instead: proxy_intercept_errors off;",
         "proxy_intercept_errors off; error_page 404 /generation;\n",
         keeps_the_index_of_a_404},
    };
    REPAIR_TRY(*state, rows);
}

static void what_an_answer_depends_on(void **state)
{
    static const struct repair rows[] = {
        {"proxy_cache_key " KEY, "proxy_cache_key \"$polling_index $args $uri\"",
         "instead: proxy_cache_key " KEY ";", NULL, gives_each_tenant_his_own},
        {"proxy_cache_key " KEY ";\n" TOLD,
         "proxy_cache_key " KEY ";\n" TOLD
         "proxy_set_header Authorization $http_authorization;\n",
         "instead: proxy_cache_key " WHOLE " " BUFFERS,
         "proxy_cache_key " WHOLE " " BUFFERS TOLD
         "proxy_set_header Authorization $http_authorization;\n",
         gives_each_user_his_own},
        {CACHE "proxy_cache_key " KEY ";\n", "",
         "proxy_cache_valid 200 404 1s; proxy_cache_key " WHOLE " " BUFFERS,
         CACHE "proxy_cache_key " WHOLE " " BUFFERS, shares_one_get_of_each_user},
        {"proxy_cache_key " KEY ";\n" TOLD,
         "proxy_cache_key \"" PARTS "\"; " BUFFERS TOLD
         "proxy_set_header X-Api-Key $http_x_api_key;\n",
         "instead: proxy_cache_key " WHOLE "\n",
         "proxy_cache_key " WHOLE BUFFERS TOLD
         "proxy_set_header X-Api-Key $http_x_api_key;\n",
         gives_each_key_its_own},
        {"proxy_cache_key " KEY ";\n",
         "proxy_cache_key \"$http_host $polling_index $args\";\n",
         "instead: proxy_cache_key " WHOLE " " BUFFERS,
         "proxy_cache_key " WHOLE " " BUFFERS, gives_each_key_its_own},
        {"$args $uri\";", "$args $uri $http_authorization\";", "instead: " BUFFERS,
         "$args $uri $http_authorization\"; " BUFFERS, shares_one_get_with_a_long_token},
    };
    REPAIR_TRY(*state, rows);
}

static void what_keeps_nothing(void **state)
{
    static const struct repair rows[] = {
        {CACHE, CACHE "proxy_buffering off;\n",
         "instead: proxy_buffering on; (in this location)", CACHE "proxy_buffering on;\n",
         shares_one_get},
    };
    REPAIR_TRY(*state, rows);
}

static const struct stack_options options = {.config = "max_waiting = 500;",
                                             .write_nginx_conf = write_first};

static void what_is_correct_has_no_finding(void **state)
{
    const struct stack *stack = *state;
    struct run run = repair_check(stack);
    run_must(&run, 0, "0 findings");
    assert_true(keeps_the_index_of_a_404(stack));
    assert_true(gives_each_tenant_his_own(stack));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(what_is_correct_has_no_finding, &options),
        stack_test(pages_of_nginx, &options),
        stack_test(what_an_answer_depends_on, &options),
        stack_test(what_keeps_nothing, &options),
    };
    return cmocka_run_group_tests_name("check_repairs_origin", tests, NULL, NULL);
}
