/* SPDX-License-Identifier: ISC */
/*
 * What --check-nginx finds really breaks polls, and the line that it proposes mends them:
 * each fault is planted in the configuration of a running nginx, tried, and repaired.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "program.h"
#include "repair.h"
#include "stack.h"

#define PARALLEL 3

/* The marks are where faults are planted. %1: the folder, %2: user, %3 and %4: ports. */
static const char correct[] =
    "%2$s worker_processes 1; worker_rlimit_nofile 4096; daemon off; pid nginx.pid;\n"
    "error_log error.log; #main\n"
    "events { worker_connections 2048; }\n"
    "http {\n"
    "access_log off; client_body_temp_path body; proxy_temp_path proxy;\n"
    "fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"
    "default_type application/json;\n"
    "fastcgi_cache_path held keys_zone=live:1m;\n"
    "limit_conn_zone $server_name zone=all:1m;\n"
    "limit_req_zone $binary_remote_addr zone=rate:1m rate=1r/s;\n"
    "upstream fcgiwait { server unix:%1$s/socket; keepalive 500; }\n"
    "fastcgi_keep_conn on; fastcgi_read_timeout 30s; fastcgi_next_upstream off;\n"
    "fastcgi_pass_header X-Accel-Buffering;\n"
    "proxy_http_version 1.1; proxy_read_timeout 30s; proxy_next_upstream off;\n"
    "server {\n"
    "listen 127.0.0.1:%3$d backlog=1024; root %1$s/none; server_name x;\n" REPAIR_TOLD
    "location @later { return 200 later; }\n"
    "location = /generation { return 200 \"GENERATION\"; }\n"
    "location /live/ { #read\n"
    "fastcgi_pass fcgiwait; }\n"
    "location ~ ^/publish(?<resource>/.*)$ { allow 127.0.0.1; deny all;\n" REPAIR_TOLD
    "fastcgi_param FCGIWAIT_ACCESS publish;\n"
    "fastcgi_param FCGIWAIT_RESOURCE $resource;\n"
    "fastcgi_pass fcgiwait; }\n"
    "location ~ ^/fcgiwait/(?<endpoint>.*)$ { allow 127.0.0.1; deny all;\n" REPAIR_TOLD
    "fastcgi_param FCGIWAIT_ENDPOINT $endpoint; fastcgi_pass fcgiwait; }\n"
    "}\n"
    "server { listen 127.0.0.1:%4$d;\n"
    "location /live/ { proxy_pass http://127.0.0.1:%3$d; } #front\n"
    "}\n"
    "}\n";

static int front_port;

static void write_first(const struct stack *stack)
{
    char *conf = NULL;
    front_port = free_port();
    must(asprintf(&conf, correct, stack->dir, geteuid() == 0 ? "user root;" : "",
                  stack->port, front_port) > 0,
         "asprintf");
    repair_write(stack, conf);
    free(conf);
}

/* --- whether polls are as they should be --- */

static void put(const struct stack *stack, const char *resource, char index[24])
{
    static int n;
    char json[32];
    snprintf(json, sizeof json, "{\"n\":%d}", ++n);
    long status = http_put(stack->port, resource, json, index);
    must(status == 201 || status == 204, "PUT %s: %ld", resource, status);
}

static bool has(const struct answer *answer, const char *name, const char *value)
{
    char found[256];
    const char *header = answer_header(answer, name, found);
    return header[0] != '\0' && (value == NULL || strcmp(header, value) == 0);
}

/* A 304 that came when the wait was over, with all that it needs. */
static bool was_held(struct answer answer)
{
    bool held = answer.status == 304 && answer.seconds > 0.8 &&
                has(&answer, "X-Polling-Index", NULL) &&
                has(&answer, "Cache-Control", "no-store");
    answer_free(&answer);
    return held;
}

static struct answer poll_at(int port, const char *resource, const char *index)
{
    char path[128];
    snprintf(path, sizeof path, "%s?index=%s&wait=1s", resource, index);
    return http_get(port, path, NULL);
}

static bool holds(const struct stack *stack)
{
    char index[24];
    put(stack, "/live/a.json", index);
    return was_held(poll_at(stack->port, "/live/a.json", index));
}

/* And what is kept from everybody still is. */
static bool holds_but_what_is_kept_out(const struct stack *stack)
{
    struct answer answer = http_get(stack->port, "/live/own/a", NULL);
    bool kept = answer.status == 403;
    answer_free(&answer);
    return kept && holds(stack);
}

static bool holds_by_prefer(const struct stack *stack)
{
    char index[24], prefer[64];
    put(stack, "/live/a", index);
    snprintf(prefer, sizeof prefer, "Prefer: wait=1;index=%s", index);
    return was_held(http_get(stack->port, "/live/a", prefer));
}

static bool holds_in_front(const struct stack *stack)
{
    char index[24];
    put(stack, "/live/a", index);
    return was_held(poll_at(front_port, "/live/a", index));
}

static bool holds_behind_a_rewrite(const struct stack *stack)
{
    char index[24], path[64];
    put(stack, "/live/a", index);
    snprintf(path, sizeof path, "/other/a?index=%s&wait=3s", index);
    return was_held(http_get(front_port, path, NULL));
}

static bool holds_some_at_once(const struct stack *stack)
{
    struct call *calls[PARALLEL];
    char index[24], path[64];
    bool held = true;
    put(stack, "/live/a", index);
    snprintf(path, sizeof path, "/live/a?index=%s&wait=1s", index);
    for (int i = 0; i < PARALLEL; i++)
        calls[i] = call_start(&(struct http){.port = stack->port, .path = path});
    for (int i = 0; i < PARALLEL; i++)
        held = was_held(call_join(calls[i])) && held;
    return held;
}

static bool holds_while_nginx_is_reloaded(const struct stack *stack)
{
    char index[24], path[64];
    put(stack, "/live/a", index);
    snprintf(path, sizeof path, "/live/a?index=%s&wait=3s", index);
    struct call *call = call_start(&(struct http){.port = stack->port, .path = path});
    await_waiting(stack, 1);
    kill(stack->nginx, SIGHUP);
    return was_held(call_join(call));
}

/* Of a client that goes away nothing is left, though its wait goes on. */
static bool forgets_who_goes(const struct stack *stack)
{
    struct clients clients;
    char index[24], path[64];
    put(stack, "/live/a", index);
    long long gone = stack_status(stack, "held_gone");
    long long held = stack_status(stack, "held");
    snprintf(path, sizeof path, "/live/a?index=%s&wait=3s", index);
    clients_open(&clients, stack->port, 1);
    clients_ask(&clients, path);
    await_status(stack, "held", held + 1);
    clients_close(&clients);
    await_waiting(stack, 0);
    return stack_status(stack, "held_gone") == gone + 1;
}

static bool wakes(const struct stack *stack)
{
    char index[24];
    put(stack, "/live/news", index);
    struct answer answer = http_get(stack->port, "/live/news", NULL);
    bool same = has(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    return same;
}

static bool gives_an_etag(const struct stack *stack)
{
    char index[24];
    put(stack, "/live/a", index);
    struct answer answer = http_get(stack->port, "/live/a", NULL);
    bool given = answer.status == 200 && has(&answer, "ETag", NULL);
    answer_free(&answer);
    return given;
}

static bool exposes_the_index(const struct stack *stack)
{
    char index[24], found[256];
    put(stack, "/live/a", index);
    struct answer answer = http_get(stack->port, "/live/a", "Origin: http://x");
    bool exposed = strstr(answer_header(&answer, "Access-Control-Expose-Headers", found),
                          "X-Polling-Index") != NULL;
    answer_free(&answer);
    return exposed;
}

static bool lets_other_hosts_read_a_404(const struct stack *stack)
{
    struct answer answer = http_get(stack->port, "/live/none", "Origin: http://x");
    bool read = answer.status == 404 && has(&answer, "Access-Control-Allow-Origin", "*");
    answer_free(&answer);
    return read;
}

static bool keeps_its_404_and_the_page_for_another(const struct stack *stack)
{
    struct answer answer = http_get(stack->port, "/live/none", NULL);
    bool kept = answer.status == 404 && has(&answer, "X-Polling-Index", NULL);
    answer_free(&answer);
    answer = http(
        &(struct http){.port = stack->port, .method = "DELETE", .path = "/live/none"});
    kept = kept && answer.status == 200 && strcmp(answer.body, "later") == 0;
    answer_free(&answer);
    return kept;
}

/* --- the faults --- */

#define READ "#read\n"
#define PASS "{ proxy_pass http://127.0.0.1:"

#define PUBLISH                                                                          \
    " { allow 127.0.0.1; deny all;\n" REPAIR_TOLD                                        \
    "fastcgi_param FCGIWAIT_ACCESS publish;\n"
#define RESOURCE "fastcgi_param FCGIWAIT_RESOURCE $resource;"
#define CUT "if ($uri !~ ^/publish(?<resource>/.+)$) { return 404; }"

static void what_fcgiwait_is_told(void **state)
{
    static const struct repair rows[] = {
        {READ, "fastcgi_param FCGIWAIT_STREAM off;\n", "instead: include fastcgi_params;",
         "include fastcgi_params;\n", holds},
        {READ, "fastcgi_param QUERY_STRING a=b; include fastcgi_params;\n",
         "instead: fastcgi_param QUERY_STRING $query_string;",
         "fastcgi_param QUERY_STRING $query_string; include fastcgi_params;\n", holds},
        {READ, "fastcgi_param SCRIPT_NAME /index.php; include fastcgi_params;\n",
         "instead: fastcgi_param SCRIPT_NAME $fastcgi_script_name;",
         "fastcgi_param SCRIPT_NAME $fastcgi_script_name; include fastcgi_params;\n",
         wakes},
        {READ, "set $args a=b;\n", "instead: set $args a=b&$args;",
         "set $args a=b&$args;\n", holds},
        {READ, "rewrite ^(.*)$ $1? break;\n", "instead: rewrite ^(.*)$ $1 break;",
         "rewrite ^(.*)$ $1 break;\n", holds},
        {READ, "fastcgi_pass_request_headers off;\n",
         "instead: fastcgi_pass_request_headers on;",
         "fastcgi_pass_request_headers on;\n", holds_by_prefer},
        {RESOURCE "\n", "", "instead: " RESOURCE, NULL, wakes},
        {"location ~ ^/publish(?<resource>/.*)$" PUBLISH RESOURCE,
         "location ^~ /publish/" PUBLISH,
         "instead: " RESOURCE " (the path that clients read) and in location ^~ "
         "/publish/: " CUT,
         "location ^~ /publish/" PUBLISH RESOURCE CUT, wakes},
    };
    REPAIR_TRY(*state, rows);
}

#define OWN "location ~ ^/live/(own|mine)/ { deny all; }\n"

static void where_requests_go(void **state)
{
    static const struct repair rows[] = {
        {READ, "try_files $uri =404;\n", "take the line away", NULL, holds},
        {"location /live/ { #read\n",
         "location ~ ^/li.*\\.json$ { expires 1h; }\nlocation /live/ {\n",
         "instead: location ^~ /live/ {",
         "location ~ ^/li.*\\.json$ { expires 1h; }\nlocation ^~ /live/ {\n", holds},
        {"location /live/ { #read\n",
         "location ~ ^/li.*\\.json$ { expires 1h; }\n" OWN "location /live/ {\n",
         "instead: location ^~ /live/ { (and into it location ~ ^/live/(own|mine)/ of ",
         "location ~ ^/li.*\\.json$ { expires 1h; }\nlocation ^~ /live/ { " OWN,
         holds_but_what_is_kept_out},
    };
    REPAIR_TRY(*state, rows);
}

static void what_is_in_front(void **state)
{
    struct stack *stack = *state;
    char from[64], fault[160], repaired[160], line[160];
    snprintf(from, sizeof from, PASS "%d; } #front", stack->port);
    snprintf(fault, sizeof fault, PASS "%d$uri; }", stack->port);
    snprintf(line, sizeof line, "instead: proxy_pass http://127.0.0.1:%d$request_uri;",
             stack->port);
    snprintf(repaired, sizeof repaired, PASS "%d$request_uri; }", stack->port);
    repair_try(stack, &(struct repair){from, fault, line, repaired, holds_in_front}, 1);
    static const char other[] = "%.*s location /other/ { rewrite ^/other/(.*)$ /live/$1 "
                                "break; proxy_read_timeout %s; proxy_pass "
                                "http://127.0.0.1:%d; }";
    char start[64];
    snprintf(start, sizeof start, PASS "%d; }", stack->port);
    snprintf(fault, sizeof fault, other, (int)strlen(start), start, "2s", stack->port);
    snprintf(repaired, sizeof repaired, other, (int)strlen(start), start, "35s",
             stack->port);
    repair_try(stack,
               &(struct repair){from, fault, "instead: proxy_read_timeout 35s;", repaired,
                                holds_behind_a_rewrite},
               1);
}

static void what_is_kept(void **state)
{
    static const struct repair rows[] = {
        {READ, "fastcgi_cache live; fastcgi_cache_bypass $arg_index $http_prefer;\n",
         "instead: fastcgi_cache off;", "fastcgi_cache off;\n", forgets_who_goes},
    };
    REPAIR_TRY(*state, rows);
}

static void limits(void **state)
{
    static const struct repair rows[] = {
        {READ, "limit_conn all 1;\n", "instead: limit_conn all 500;",
         "limit_conn all 500;\n", holds_some_at_once},
        {READ, "limit_req zone=rate;\n",
         "instead: limit_req zone=rate burst=100 nodelay;",
         "limit_req zone=rate burst=100 nodelay;\n", holds_some_at_once},
        {"/socket; keepalive", "/socket max_conns=1; keepalive", "max_conns=500",
         "/socket max_conns=500; keepalive", holds_some_at_once},
        {"#main\n", "worker_shutdown_timeout 1s;\n",
         "instead: worker_shutdown_timeout 18s;", "worker_shutdown_timeout 18s;\n",
         holds_while_nginx_is_reloaded},
    };
    REPAIR_TRY(*state, rows);
}

#define EXPOSED "add_header Access-Control-Expose-Headers X-Polling-Index always;\n"

static void what_becomes_of_answers(void **state)
{
    static const struct repair rows[] = {
        {READ, "expires 1h;\n", "instead: expires off;", "expires off;\n", holds},
        {READ, "fastcgi_hide_header Cache-Control;\n", "take the line away", NULL, holds},
        {READ, "add_header Access-Control-Allow-Origin * always;\n",
         "instead: add_header Access-Control-Expose-Headers \"X-Polling-Index, ETag, "
         "Preference-Applied, Retry-After\" always;",
         "add_header Access-Control-Allow-Origin * always; add_header "
         "Access-Control-Expose-Headers \"X-Polling-Index, ETag, Preference-Applied, "
         "Retry-After\" always;\n",
         exposes_the_index},
        {READ, "add_header Access-Control-Allow-Origin *; " EXPOSED,
         "instead: add_header Access-Control-Allow-Origin * always;",
         "add_header Access-Control-Allow-Origin * always; " EXPOSED,
         lets_other_hosts_read_a_404},
        {READ, "fastcgi_intercept_errors on; error_page 404 405 = @later;\n",
         "instead: error_page 405 = @later;",
         "fastcgi_intercept_errors on; error_page 405 = @later;\n",
         keeps_its_404_and_the_page_for_another},
        {READ, "sub_filter a b; sub_filter_types *;\n",
         "instead: sub_filter_types text/html;",
         "sub_filter a b; sub_filter_types text/html;\n", gives_an_etag},
        {READ, "ssi on; ssi_types application/json;\n", "instead: ssi off;",
         "ssi off; ssi_types application/json;\n", gives_an_etag},
    };
    REPAIR_TRY(*state, rows);
}

static const struct stack_options options = {
    .config = "max_waiting = 500; wait = { default = \"1s\"; max = \"3s\"; };",
    .write_nginx_conf = write_first};

static void what_is_correct_has_no_finding(void **state)
{
    const struct stack *stack = *state;
    struct run run = repair_check(stack);
    run_must(&run, 0, "0 findings");
    assert_true(holds(stack));
    assert_true(holds_by_prefer(stack));
    assert_true(holds_in_front(stack));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(what_is_correct_has_no_finding, &options),
        stack_test(what_fcgiwait_is_told, &options),
        stack_test(where_requests_go, &options),
        stack_test(what_is_in_front, &options),
        stack_test(what_is_kept, &options),
        stack_test(limits, &options),
        stack_test(what_becomes_of_answers, &options),
    };
    return cmocka_run_group_tests_name("check_repairs_polls", tests, NULL, NULL);
}
