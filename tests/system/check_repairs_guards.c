/* SPDX-License-Identifier: ISC */
/*
 * Where --check-nginx says that anybody may publish, a stranger really does, and the line
 * that it proposes keeps him out. He comes from another address of this machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "http.h"
#include "must.h"
#include "repair.h"

#define STRANGER "127.0.0.2"
#define GUARD "allow 127.0.0.1; allow ::1; deny all;"
#define PUBLISHES                                                                        \
    REPAIR_TOLD "fastcgi_param FCGIWAIT_ACCESS publish;\n"                               \
                "fastcgi_param FCGIWAIT_RESOURCE /live/a;\n"                             \
                "fastcgi_pass fcgiwait; }\n"

/* The marks are where faults are planted. %1: the folder, %2: user, %3 and %4: ports. */
static const char correct[] = REPAIR_NGINX
    "ssl_certificate cert.pem; ssl_certificate_key key.pem;\n"
    "ssl_client_certificate cert.pem;\n"
    "upstream fcgiwait { server unix:%1$s/socket; keepalive 500; }\n"
    "fastcgi_keep_conn on; fastcgi_read_timeout 75s; fastcgi_next_upstream off;\n"
    "fastcgi_pass_header X-Accel-Buffering;\n"
    "server {\n"
    "listen 127.0.0.1:%3$d; root %1$s/none;\n" REPAIR_TOLD
    "location = /generation { return 200 \"GENERATION\"; }\n"
    "location /live/ { fastcgi_pass fcgiwait; }\n"
    "location ~ ^/publish/ { " GUARD "\n" PUBLISHES
    "location ~ ^/fcgiwait/(?<endpoint>.*)$ { " GUARD "\n" REPAIR_TOLD
    "fastcgi_param FCGIWAIT_ENDPOINT $endpoint; fastcgi_pass fcgiwait; }\n"
    "location /in/ { #in\n"
    "return 404; }\n"
    "location @publish { #named\n" PUBLISHES
    "location /pub/ { internal; #internal\n" PUBLISHES "}\n"
    "server { listen 127.0.0.1:%4$d ssl; ssl_verify_client on; #secure\n"
    "location /in/ {\n" PUBLISHES "}\n"
    "}\n";

static int plain_port;

static void write_first(const struct stack *stack)
{
    char *conf = NULL;
    plain_port = free_port();
    repair_certify(stack);
    must(asprintf(&conf, correct, stack->dir, geteuid() == 0 ? "user root;" : "",
                  stack->port, free_port()) > 0,
         "asprintf");
    repair_write(stack, conf);
    free(conf);
}

/* --- whether a stranger is kept out --- */

/* "000" where nobody listens. */
static bool is_kept_out_at(int port)
{
    char command[256], status[16] = "";
    snprintf(command, sizeof command,
             "exec curl -s --interface " STRANGER " -o /dev/null -w '%%{http_code}' "
             "-X PUT -H 'Content-Type: application/json' -d '{}' "
             "http://127.0.0.1:%d/in/a",
             port);
    FILE *pipe = popen(command, "r");
    must(pipe != NULL && fgets(status, sizeof status, pipe) != NULL, "no curl");
    pclose(pipe);
    return status[0] != '2';
}

static bool is_kept_out(const struct stack *stack)
{
    return is_kept_out_at(stack->port);
}

static bool is_kept_out_without_tls(const struct stack *stack)
{
    (void)stack;
    return is_kept_out_at(plain_port);
}

/* --- the faults --- */

#define IN "#in\nreturn 404; }\n"
#define NAMED IN "location @publish { #named\n"
#define INTERNAL "location /pub/ { internal; #internal\n"
#define OPEN "instead: " GUARD

static void named_locations(void **state)
{
#define BY_STATUS                                                                        \
    "\nerror_page 418 = @publish; if ($request_method = PUT) { return 418; }\n"          \
    "return 404; }\nlocation @publish {\n"
#define BY_FILES "\ntry_files $uri @publish; }\nlocation @publish {\n"
    static const struct repair rows[] = {
        {NAMED, BY_STATUS, OPEN, BY_STATUS GUARD, is_kept_out},
        {NAMED, BY_FILES, OPEN, BY_FILES GUARD, is_kept_out},
    };
    REPAIR_TRY(*state, rows);
}

static void internal_locations(void **state)
{
#define BY_REWRITE "location /pub/ { internal;\n"
    static const struct repair rows[] = {
        {INTERNAL, "rewrite ^/in/(.*)$ /pub/$1;\n" BY_REWRITE, OPEN,
         "rewrite ^/in/(.*)$ /pub/$1;\n" BY_REWRITE GUARD, is_kept_out},
    };
    REPAIR_TRY(*state, rows);
}

static void certificates(void **state)
{
    struct stack *stack = *state;
    char fault[128], repaired[192];
    snprintf(fault, sizeof fault, "listen 127.0.0.1:%d;\n", plain_port);
    snprintf(repaired, sizeof repaired, "%s" GUARD, fault);
    repair_try(
        stack,
        &(struct repair){"#secure\n", fault, OPEN, repaired, is_kept_out_without_tls}, 1);
}

static const struct stack_options options = {.config = "max_waiting = 500;",
                                             .write_nginx_conf = write_first};

static void what_is_correct_has_no_finding(void **state)
{
    const struct stack *stack = *state;
    struct run run = repair_check(stack);
    run_must(&run, 0, "0 findings");
    assert_true(is_kept_out(stack));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(what_is_correct_has_no_finding, &options),
        stack_test(named_locations, &options),
        stack_test(internal_locations, &options),
        stack_test(certificates, &options),
    };
    return cmocka_run_group_tests_name("check_repairs_guards", tests, NULL, NULL);
}
