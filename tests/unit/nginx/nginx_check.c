/* SPDX-License-Identifier: ISC */
#include "fcgiwait/nginx_check.h"

#include "planted.h"

/* --- the table --- */

#define BY_HAND                                                                          \
    "fastcgi_param FCGIWAIT_RESOURCE $resource;\n        include fastcgi_params;"
#define WITHOUT_TYPE                                                                     \
    "fastcgi_param FCGIWAIT_RESOURCE $resource; fastcgi_param REQUEST_METHOD "           \
    "$request_method; "

static void each_fault_is_found_and_only_it(void **state)
{
    static const struct row rows[] = {
        {"fastcgi_read_timeout 75s;", "fastcgi_read_timeout 60s;", "read_timeout", NULL},
        {"fastcgi_read_timeout 75s;", "fastcgi_read_timeout 1m;", "read_timeout", NULL},
        {"fastcgi_read_timeout 75s;", "fastcgi_read_timeout 59999ms;", "read_timeout",
         NULL},
        {"fastcgi_read_timeout 75s;", "", "read_timeout",
         "fastcgi_pass fcgiwait; # read"},
        {"fastcgi_read_timeout 26s;", "fastcgi_read_timeout 25s;", "read_timeout", NULL},
        {"proxy_read_timeout 75;", "proxy_read_timeout 60;", "read_timeout", NULL},
        {"proxy_read_timeout 75;", "", "read_timeout",
         "proxy_pass http://127.0.0.1:8080;"},
        {"fastcgi_ignore_client_abort off;", "fastcgi_ignore_client_abort on;",
         "client_abort", NULL},
        {"proxy_next_upstream off;",
         "proxy_ignore_client_abort on; proxy_next_upstream off;", "client_abort", NULL},
        {"fastcgi_next_upstream off;", "fastcgi_next_upstream error;", "next_upstream",
         NULL},
        {"fastcgi_next_upstream off;", "", "next_upstream",
         "fastcgi_pass fcgiwait; # read"},
        {"fastcgi_next_upstream off;", "fastcgi_next_upstream http_503 timeout;",
         "next_upstream", NULL},
        {"fastcgi_next_upstream off;",
         "fastcgi_next_upstream error; fastcgi_next_upstream_tries 1;", "next_upstream",
         NULL},
        {"worker_connections 20480;", "worker_connections 19999;", "worker_connections",
         NULL},
        {"worker_connections 20480;", "", "worker_connections", "events {"},
        {"worker_rlimit_nofile 32768;", "worker_rlimit_nofile 8192;",
         "worker_rlimit_nofile", NULL},
        {"worker_rlimit_nofile 32768;", "", "worker_rlimit_nofile", "worker_processes"},
        {"keepalive 10000;", "", "keepalive", "upstream fcgiwait {"},
        {"fastcgi_keep_conn on;", "", "keep_conn", "fastcgi_pass fcgiwait; # read"},
        {"fastcgi_keep_conn on;", "fastcgi_keep_conn off;", "keep_conn", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "fastcgi_pass unix:/run/fcgiwait/a.sock; # read", "direct", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "fastcgi_cache live; fastcgi_pass fcgiwait; # read", "cache", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "fastcgi_cache live; fastcgi_cache_bypass $cookie_session; fastcgi_pass "
         "fcgiwait;",
         "cache", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "fastcgi_cache live; fastcgi_cache_bypass $arg_index $http_prefer; "
         "fastcgi_cache_lock on; fastcgi_pass fcgiwait;",
         "cache", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "fastcgi_cache live; fastcgi_cache_bypass $cookie_session; "
         "fastcgi_cache_bypass $arg_index $http_prefer; fastcgi_cache_lock on; "
         "fastcgi_pass fcgiwait;",
         "cache", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "set $zone live; fastcgi_cache $zone; fastcgi_pass fcgiwait;", "cache", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "fastcgi_cache_lock on; fastcgi_pass fcgiwait; # read", "cache_lock", NULL},
        {"fastcgi_param QUERY_STRING $query_string; # slow", "", "lost_params",
         "fastcgi_param FCGIWAIT_WAIT_MAX"},
        {BY_HAND, WITHOUT_TYPE, "lost_params", "fastcgi_param FCGIWAIT_ACCESS publish;"},
        {BY_HAND, WITHOUT_TYPE "limit_except GET { allow 127.0.0.1; deny all; }",
         "lost_params", "fastcgi_param FCGIWAIT_ACCESS publish;"},
        {"deny all; # publish", "", "open_publish",
         "fastcgi_param FCGIWAIT_ACCESS publish;"},
        {"allow 127.0.0.1; # publish", "allow all;", "open_publish",
         "fastcgi_param FCGIWAIT_ACCESS publish;"},
        {"allow 127.0.0.1; # publish",
         "satisfy any; auth_basic x; auth_basic_user_file x; allow all;", "open_publish",
         "fastcgi_param FCGIWAIT_ACCESS publish;"},
        {"deny all; # publish", "if ($request_method = GET) { return 404; } # publish",
         "open_publish", "fastcgi_param FCGIWAIT_ACCESS publish;"},
        {"location /front/ { proxy_pass http://127.0.0.1:8080/assets/; }",
         "location /publish { proxy_read_timeout 75s; proxy_pass http://127.0.0.1:8080; "
         "}",
         "open_publish", NULL},
        {"fastcgi_param FCGIWAIT_ENDPOINT health;",
         "fastcgi_param FCGIWAIT_ENDPOINT page; fastcgi_param QUERY_STRING "
         "$query_string;",
         "open_page", NULL},
        {"location = /health {\n        fastcgi_param FCGIWAIT_ENDPOINT health;",
         "location ~ ^/(?<what>health|page)$ { fastcgi_param QUERY_STRING $query_string; "
         "fastcgi_param FCGIWAIT_ENDPOINT $what;",
         "open_page", NULL},
        {"fastcgi_param FCGIWAIT_ENDPOINT health;",
         "allow 127.0.0.1; deny all; fastcgi_param FCGIWAIT_ENDPOINT page;", "page_query",
         NULL},
        {"internal; # origin", "", "origin_internal", "location /_origin/ {"},
        {"add_header X-Polling-Index $polling_index always;", "", "origin_index",
         "location /_origin/ {"},
        {"add_header X-Polling-Index $polling_index always;",
         "add_header X-Polling-Index $polling_index;", "origin_index", NULL},
        {"add_header X-Polling-Index $polling_index always;",
         "add_header X-Polling-Index $upstream_http_x_polling_index always;",
         "origin_index", NULL},
        {"proxy_cache api;", "", "origin_cache", "proxy_pass http://127.0.0.1:3000/;"},
        {"proxy_cache api;", "proxy_cache off;", "origin_cache", NULL},
        {"proxy_cache_lock on;", "", "origin_cache_lock", "proxy_cache api;"},
        {"proxy_cache_lock on;", "proxy_cache_lock off;", "origin_cache_lock", NULL},
        {"proxy_cache_valid 200 404 1s;", "", "origin_cache_valid", "proxy_cache api;"},
        {"proxy_cache_key $uri$is_args$args#$polling_index;", "", "origin_cache_key",
         "proxy_cache api;"},
        {"$uri$is_args$args#$polling_index;", "$uri$is_args$args;", "origin_cache_key",
         NULL},
        {"$uri$is_args$args#$polling_index;", "$args#$polling_index;", "origin_cache_key",
         NULL},
        {"$uri$is_args$args#$polling_index;", "$uri#$polling_index;", "origin_cache_key",
         NULL},
        {"$uri$is_args$args#$polling_index;",
         "$uri$is_args$args#$upstream_http_x_polling_indexes;", "origin_cache_key", NULL},
        {"FCGIWAIT_ORIGIN /_origin;", "FCGIWAIT_ORIGIN /_other;", "origin_missing", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "fastcgi_hide_header x-polling-index; fastcgi_pass fcgiwait;", "hidden_index",
         NULL},
        {"listen 8080;", "listen 8080; fastcgi_ignore_headers Expires X-Accel-Redirect;",
         "ignored_redirect", NULL},
        {"fastcgi_pass fcgiwait; # read",
         "error_page 404 /no.html; fastcgi_intercept_errors on; fastcgi_pass fcgiwait;",
         "replaced_404", NULL},
    };
    (void)state;
    EACH(rows, only_this_is_found);
}

static void in_what_is_correct_nothing_is_found(void **state)
{
    static const struct row rows[] = {
        {NULL, NULL, NULL, NULL},
        {"fastcgi_read_timeout 75s;", "fastcgi_read_timeout \"1m 1s\";", NULL, NULL},
        {"fastcgi_read_timeout 75s;", "fastcgi_read_timeout 60001ms;", NULL, NULL},
        {"fastcgi_next_upstream off;",
         "fastcgi_next_upstream error; fastcgi_next_upstream_timeout 2s;", NULL, NULL},
        {"fastcgi_next_upstream off;", "fastcgi_next_upstream http_503;", NULL, NULL},
        {"server unix:/run/fcgiwait/b.sock;", "", NULL, NULL},
        {"fastcgi_pass fcgiwait; # read",
         "set $zone live; if ($args) { set $zone off; } fastcgi_cache $zone; "
         "fastcgi_cache_lock on; fastcgi_pass fcgiwait;",
         NULL, NULL},
        {"fastcgi_pass fcgiwait; # read",
         "set $zone live; fastcgi_cache $zone; location /live/a { set $zone off; "
         "fastcgi_pass fcgiwait; }",
         NULL, NULL},
        {"fastcgi_pass fcgiwait; # read", "fastcgi_cache off; fastcgi_pass fcgiwait;",
         NULL, NULL},
        {"deny all; # publish", "auth_basic \"who\"; auth_basic_user_file x;", NULL,
         NULL},
        {"deny all; # publish", "auth_request /who;", NULL, NULL},
        {"deny all; # publish", "internal;", NULL, NULL},
        {BY_HAND, WITHOUT_TYPE "fastcgi_param CONTENT_TYPE $content_type;", NULL, NULL},
        {BY_HAND, WITHOUT_TYPE "fastcgi_pass_request_body off;", NULL, NULL},
        {BY_HAND, WITHOUT_TYPE "limit_except POST DELETE { deny all; }", NULL, NULL},
        {BY_HAND,
         "fastcgi_param FCGIWAIT_RESOURCE $resource; fastcgi_param REQUEST_METHOD "
         "DELETE;",
         NULL, NULL},
        {"deny all; # publish", "if ($http_x_key != s) { return 403; }", NULL, NULL},
        {"deny all; # publish", "limit_except GET { deny all; }", NULL, NULL},
        {"deny all; # publish",
         "satisfy any; auth_basic who; auth_basic_user_file x; deny all;", NULL, NULL},
        {"deny all; # publish", "access_by_lua_block { if x then y(\"}\") end }", NULL,
         NULL},
        {"listen 8080;", "listen 127.0.0.1:8080; listen [::1]:8080;", NULL, NULL},
        {"listen 8080;",
         "listen 8080; fastcgi_intercept_errors on; error_page 500 /no.html;", NULL,
         NULL},
        {"set $polling_index $upstream_http_x_polling_index;",
         "set $i \"${upstream_http_x_polling_index}\"; set $polling_index $i;", NULL,
         NULL},
        {"proxy_pass http://127.0.0.1:3000/;", "root /srv/api;", NULL, NULL},
        {"worker_processes auto;",
         "init_by_lua_block { -- }\n a = '}' b = [[ } ]] c = {1} --[=[ } ]=]\n }", NULL,
         NULL},
        {"location /front/ {", "location /assets/ {", NULL, NULL},
    };
    (void)state;
    EACH(rows, nothing_is_found);
}

/* --- what leads to fcgiwait --- */

#define GLOBAL "worker_rlimit_nofile 65536;\nevents { worker_connections 65536; }\n"

#define TOLD                                                                             \
    "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $args; "   \
    "fastcgi_param SCRIPT_NAME $uri; fastcgi_param CONTENT_TYPE $content_type; "

static void check_small(const char *http, const char *rules)
{
    char dump[2048], found[512] = "";
    snprintf(dump, sizeof dump, GLOBAL "http { proxy_http_version 1.1; " TOLD "\n%s\n}\n",
             http);
    struct nginx_check *check = check_text(dump);
    for (const struct finding *at = nginx_check_findings(check); at != NULL;
         at = at->next)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", at->rule);
    if (nginx_check_result(check) == NGINX_NOT_UNDERSTOOD || strcmp(found, rules) != 0) {
        nginx_check_report(check, stderr);
        fail_msg("%s\nfound: %s", http, found);
    }
    nginx_check_free(&check);
}

static void what_leads_to_fcgiwait_is_found(void **state)
{
    (void)state;
    check_small("server { location / { fastcgi_pass php; } }", "no_way ");
    check_small("server { location / { proxy_pass http://fcgiwait; } }", "read_timeout ");
    check_small("upstream a { server unix:/run/x; keepalive 9; }\n"
                "upstream b { server unix:/run/x; keepalive 9; }\n"
                "fastcgi_keep_conn on; fastcgi_next_upstream off;\n"
                "server { location / { fastcgi_pass a; }\n location /x {\n"
                "fastcgi_read_timeout 61; fastcgi_param FCGIWAIT_ACCESS read; " TOLD "\n"
                "fastcgi_pass b; } }",
                "read_timeout ");
    check_small("server { location / { fastcgi_param FCGIWAIT_ENDPOINT health;\n"
                "fastcgi_pass unix:/run/x; } }",
                "");
    check_small("upstream waits { server unix:/run/fcgiwait; }\n"
                "map $x $to { default waits; }\n"
                "server { set $back other; set $back \"127.0.0.1:80\"; location / { "
                "fastcgi_pass ${to}; }\n"
                "location /front/ { proxy_pass http://$back; } }\n"
                "server { location / { proxy_pass http://127.0.0.1:80$request_uri; } }\n",
                "read_timeout read_timeout read_timeout keepalive stream_front "
                "stream_front ");
    check_small(
        "upstream fcgiwait { server unix:/run/x; keepalive 9; }\n"
        "server { listen 81; fastcgi_read_timeout 61; fastcgi_keep_conn on;\n"
        "fastcgi_next_upstream off; location /live/ { fastcgi_pass fcgiwait; } }\n"
        "server { location /a/ { rewrite ^/a(/.*)$ $1 break;\n"
        "proxy_pass http://127.0.0.1:81; }\n"
        "location /b/ { rewrite ^/c(/.*)$ $1 break;\n"
        "proxy_pass http://127.0.0.1:81; } }\n"
        "server { location /c/ { rewrite ^/c(/.*)$ $scheme://other$1;\n"
        "proxy_pass http://127.0.0.1:81; } }",
        "read_timeout stream_front ");
    check_small("server { listen unix:/run/back; fastcgi_read_timeout 61;\n"
                "fastcgi_next_upstream off; fastcgi_keep_conn on;\n"
                "location / { fastcgi_pass fcgiwait; } }\n"
                "upstream fcgiwait { server unix:/run/x; keepalive 9; }\n"
                "upstream back { server unix:/run/back; }\n"
                "server { listen 81; location / { try_files $uri @back; }\n"
                "location @back { proxy_pass http://back; } }\n"
                "server { listen 82; location / { proxy_pass http://localhost:81; } }\n",
                "read_timeout read_timeout stream_front stream_front ");
    check_small("server { listen unix:/run/back; fastcgi_read_timeout 61;\n"
                "fastcgi_next_upstream off; fastcgi_keep_conn on;\n"
                "fastcgi_pass_header X-Accel-Buffering;\n"
                "location / { fastcgi_pass fcgiwait; } }\n"
                "upstream fcgiwait { server unix:/run/x; keepalive 9; }\n"
                "upstream back { server unix:/run/back; }\n"
                "proxy_read_timeout 61; proxy_next_upstream off;\n"
                "server { listen 81; location / { proxy_pass http://back; } }\n"
                "server { listen 82; location / { proxy_pass http://localhost:81; } }\n",
                "stream_front "); /* the one on 82 */
    static const char behind_bytes[] =
        "upstream fcgiwait { server unix:/run/x; keepalive 9; }\n"
        "server { listen 81; fastcgi_read_timeout 61; fastcgi_keep_conn on;\n"
        "fastcgi_next_upstream off; " TOLD "fastcgi_param FCGIWAIT_WAIT_MAX 10s;\n"
        "%s location / { fastcgi_pass fcgiwait; } } }\n"
        "stream { server { listen 82; proxy_timeout 15s; proxy_pass 127.0.0.1:81; }\n";
    char conf[1024]; /* a time-out between the wait and the heartbeat */
    snprintf(conf, sizeof conf, behind_bytes, "");
    check_small(conf, "stream_timeout ");
    snprintf(conf, sizeof conf, behind_bytes, "fastcgi_param FCGIWAIT_STREAM off;");
    check_small(conf, "");
}

#define PUBLISHED(location)                                                              \
    "upstream fcgiwait { server unix:/run/x; keepalive 9; }\n"                           \
    "server { listen 81; fastcgi_read_timeout 75; fastcgi_keep_conn on;\n"               \
    "fastcgi_next_upstream off; location /live/ { fastcgi_pass fcgiwait; }\n" location   \
    " deny all; " TOLD                                                                   \
    "fastcgi_param FCGIWAIT_ACCESS publish; fastcgi_pass fcgiwait; } }"

static void what_is_published_elsewhere_needs_its_resource(void **state)
{
    (void)state;
    check_small(PUBLISHED("location /publish/ {"), "lost_resource ");
    check_small(PUBLISHED("location /publish/ { rewrite ^ /x redirect;"),
                "lost_resource ");
    check_small(PUBLISHED("location /publish/ { rewrite ^/publish(/.*)$ $1 break;"), "");
    check_small(PUBLISHED("location /publish/ { if ($http_a) { rewrite ^/publish(/.*)$ "
                          "$1 break; }"),
                "");
}

static void the_resource_that_is_proposed_is_known_there(void **state)
{
#define PATH                                                                             \
    "fastcgi_param FCGIWAIT_RESOURCE /PATH; (the one that clients read; it may be a "    \
    "capture of the location's regular expression)"
#define CUT(above, location, inside, path)                                               \
    "fastcgi_param FCGIWAIT_RESOURCE " above "$resource; (the path that clients read) "  \
    "and in location " location inside ": if ($uri !~ ^" path                            \
    "(?<resource>/.+)$) { return 404; }"
#define GET(location) "location " location " { fastcgi_pass fcgiwait; } "
#define PUT(location)                                                                    \
    "location " location " { deny all; fastcgi_param FCGIWAIT_RESOURCE $uri; " TOLD      \
    "fastcgi_param FCGIWAIT_ACCESS publish; fastcgi_pass fcgiwait; } "
    static const struct {
        const char *location, *instead;
    } rows[] = {
        {"location ~ ^/publish(?<resource>/.+)$ {",
         "fastcgi_param FCGIWAIT_RESOURCE $resource; (the path that clients read, a "
         "capture of the location's regular expression)"},
        {"location /publish/ {", CUT("", "/publish/", "", "/publish")},
        {"location ^~ /publish {", CUT("", "^~ /publish", "", "/publish")},
        {"location /live/publish/ {",
         CUT("/live", "/live/publish/", "", "/live/publish")},
        {"location /publish/ { location /publish/big/ { fastcgi_pass fcgiwait; }",
         CUT("", "/publish/", " and each location inside", "/publish")},
        /* one for large documents, after the first finding is mended */
        {PUT("/publish/") "location /publish/big/ {",
         CUT("", "/publish/big/", "", "/publish")},
        {PUT("/live/publish/") "location /live/publish/big {",
         CUT("/live", "/live/publish/big", "", "/live/publish")},
        /* nothing is cut off of what readers wait below */
        {PUT("/new/") GET("/new/list/") "location /new/list/publish/ {",
         CUT("/new/list", "/new/list/publish/", "", "/new/list/publish")},
        {"location /new/ { limit_except GET { deny all; } " TOLD
         "fastcgi_param FCGIWAIT_ACCESS publish; fastcgi_pass fcgiwait; } "
         "location /new/publish/ {",
         CUT("/new", "/new/publish/", "", "/new/publish")},
        /* readers who wait through a regular expression or a named location */
        {GET("~ ^/new/(.+)$") "location ^~ /new/publish/ {",
         CUT("/new", "^~ /new/publish/", "", "/new/publish")},
        {GET("~* ^/New") "location ^~ /new/publish/ {",
         CUT("/new", "^~ /new/publish/", "", "/new/publish")},
        {"location /new/ { try_files /no @w; } " GET("@w") "location /new/publish/ {",
         CUT("/new", "/new/publish/", "", "/new/publish")},
        {"location /new/ { " GET("~ [.]json$") "} location ^~ /new/publish/ {",
         CUT("/new", "^~ /new/publish/", "", "/new/publish")},
        {GET("~ ^/(new|old)/") "location ^~ /publish/ {",
         CUT("", "^~ /publish/", "", "/publish")},
        {GET("~ ^/(new|old)/") "location ^~ /new/publish/ {", PATH},
        {GET("~ ^/new/v[12]/") "location ^~ /new/v1/publish/ {", PATH},
        {"location /v1.0/ {", PATH},
        {"location ~ ^/publish/(a|b) {", PATH},
        {"location = /publish {", PATH},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char dump[2048];
        snprintf(dump, sizeof dump,
                 GLOBAL "http { proxy_http_version 1.1; " TOLD PUBLISHED("%s") " }",
                 rows[i].location);
        struct nginx_check *check = check_text(dump);
        const struct finding *at = nginx_check_findings(check);
        assert_non_null(at);
        assert_string_equal(at->rule, "lost_resource");
        assert_string_equal(at->instead, rows[i].instead);
        assert_null(at->next);
        nginx_check_free(&check);
    }
    check_small(PUBLISHED("location /live/publish/ { if ($uri !~ "
                          "^/live/publish(?<resource>/.+)$) { return 404; } "
                          "fastcgi_param FCGIWAIT_RESOURCE /live$resource;"),
                "");
    check_small(PUBLISHED("location ^~ /publish/ { location /publish/big/ { if ($uri !~ "
                          "^/publish(?<resource>/.+)$) { return 404; } fastcgi_pass "
                          "fcgiwait; } if ($uri !~ ^/publish(?<resource>/.+)$) { return "
                          "404; } fastcgi_param FCGIWAIT_RESOURCE $resource;"),
                "");
}

/* A publish location in a server that listens so. */
static void check_listen(const char *listen, const char *rules)
{
    char http[1024];
    snprintf(http, sizeof http,
             "server { %s\nlocation / {\n" TOLD "fastcgi_param FCGIWAIT_ACCESS publish;\n"
             "fastcgi_param FCGIWAIT_WAIT_MAX 0; fastcgi_pass unix:/run/fcgiwait; } }",
             listen);
    check_small(http, rules);
}

#define TLS "listen 80; listen 443 ssl http2; ssl_verify_client on; "

static void where_a_server_listens_is_no_guard_but_a_unix_socket_is(void **state)
{
    (void)state;
    check_listen("", "open_publish ");
    check_listen("listen 80;", "open_publish ");
    check_listen("listen 127.0.0.1:80; listen [::1]:80;", "open_publish ");
    check_listen("listen unix:/run/publish;", "");
    check_listen("listen unix:/run/publish; listen 10.0.0.1:80;", "open_publish ");
    check_listen("ssl_verify_client on;", "open_publish ");
    check_listen("listen 80; ssl_verify_client on;", "open_publish ");
    check_listen("listen 80; listen 443 ssl; ssl_verify_client on;", "open_publish ");
    check_listen(TLS "if ($scheme = \"https\") { return 301 /; }", "open_publish ");
    check_listen(TLS "if ($server_port = 443) { return 301 /; }", "open_publish ");
    check_listen(TLS "if ($scheme != \"https\") { return 301 https://$host; }", "");
    check_listen(TLS "if ($https = \"\") { return 403; }", "");
    check_listen(TLS "if ($ssl_protocol = \"\") { return 403; }", "");
    check_listen(TLS "if ($server_port = 80) { return 301 https://$host; }", "");
    check_listen(TLS "if ($scheme = http) { rewrite ^ https://$host$request_uri? "
                     "permanent; }",
                 "");
    check_listen(TLS "if ($scheme = http) { rewrite ^/a https://$host permanent; }",
                 "open_publish ");
    check_listen(TLS "break; if ($scheme = http) { return 403; }", "open_publish ");
    check_listen(TLS "if ($request_uri ~ ^/\\.well-known/) { break; } "
                     "if ($scheme = http) { return 301 https://$host; }",
                 "open_publish ");
    check_listen(TLS "rewrite ^/pub/(.*)$ /$1 last; "
                     "if ($scheme = http) { return 301 https://$host; }",
                 "open_publish ");
    check_listen(TLS "if ($uri ~ ^/.well-known/) { break; } "
                     "if ($scheme = http) { return 301 https://$host; }",
                 "open_publish ");
    check_listen(TLS "if (-f /srv/down) { rewrite ^ /down.html break; } "
                     "location = /down.html { root /srv; } "
                     "if ($scheme = http) { return 301 https://$host; }",
                 "");
    check_listen(TLS "listen 81; if ($remote_addr = 10.0.0.1) { break; } "
                     "if ($scheme = http) { return 301 https://$host; }",
                 "");
    check_listen(TLS "if ($request_method = PUT) { break; } "
                     "if ($scheme = http) { return 301 https://$host; }",
                 "open_publish ");
    check_listen(TLS "if ($http_x_key = s3cret) { break; } "
                     "if ($scheme = http) { return 301 https://$host; }",
                 "");
    check_listen(TLS "listen 81; if ($server_port = 80) { return 403; }",
                 "open_publish ");
    check_listen("listen 443 ssl; listen 443 quic; ssl_verify_client on;", "");
    check_listen("listen 443; ssl on; ssl_verify_client on;", "");
    check_listen("listen 443 ssl; listen unix:/run/x; ssl_verify_client on;", "");
    check_listen("listen 443; ssl_verify_client on; location /x { return 204; } }\n"
                 "server { listen 443 ssl; ssl_verify_client on;",
                 "");
}

/* --- what is not understood --- */

static void what_is_not_understood_is_named_with_its_line(void **state)
{
    static const struct {
        const char *dump, *wrong;
    } rows[] = {
        {"", "stdin:1: "},
        {"nginx: [emerg] bind() failed\n", "stdin:"},
        {"events {\n}\nhttp {\n", "stdin:3: "},
        {"events {}\n}\n", "stdin:2: "},
        {"events {}\nhttp { a b }\n", "stdin:2: "},
        {"events {}\nhttp { ; }\n", "stdin:2: "},
        {"events {}\nhttp { a 'b\n", "stdin:2: "},
        {"events {}\nhttp { a \"b\"c; }\n", "stdin:2: "},
        {"events {}\nhttp {\ninclude /etc/mime.types;\n}\n", "stdin:3: "},
        {"events {}\nhttp {\ncontent_by_lua_block { {\n}\n", "stdin:3: "},
        {"# configuration file /a/n:\nevents {}\ninclude b;\n# configuration file /a/b:\n"
         "x;\ny\n",
         "/a/b:3: "},
        {"# configuration file /a/n:\nevents {}\ninclude n;\n", "/a/n:2: "},
        {"# configuration file /a/n:\nevents {}\n# configuration file /a/b:\nx;\n",
         "/a/b:1: "},
        {GLOBAL "http { server { location / {\nfastcgi_read_timeout soon;\n"
                "fastcgi_pass fcgiwait; } } }",
         "stdin:4: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *said = NULL;
        size_t len;
        struct nginx_check *check = check_text(rows[i].dump);
        FILE *out = open_memstream(&said, &len);
        nginx_check_report(check, out);
        fclose(out);
        if (nginx_check_result(check) != NGINX_NOT_UNDERSTOOD ||
            strncmp(said, rows[i].wrong, strlen(rows[i].wrong)) != 0)
            fail_msg("%s\nis said to be: %s", rows[i].dump, said);
        nginx_check_free(&check);
        free(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_found_and_only_it),
        cmocka_unit_test(in_what_is_correct_nothing_is_found),
        cmocka_unit_test(what_leads_to_fcgiwait_is_found),
        cmocka_unit_test(what_is_published_elsewhere_needs_its_resource),
        cmocka_unit_test(the_resource_that_is_proposed_is_known_there),
        cmocka_unit_test(where_a_server_listens_is_no_guard_but_a_unix_socket_is),
        cmocka_unit_test(what_is_not_understood_is_named_with_its_line),
    };
    return cmocka_run_group_tests_name("nginx/nginx_check", tests, NULL, NULL);
}
