/* SPDX-License-Identifier: ISC */
/* What really breaks polls: each fault planted alone, and what works beside it. */
#include "planted.h"

#define READ "fastcgi_pass fcgiwait; # read"
#define HTTP "include mime.types; # a comment with { and ;"
#define FIRST "location /live/ {\n        fastcgi_pass"

static void parameters(void **state)
{
    static const struct row faults[] = {
        {"fastcgi_ignore_client_abort off;\n    include fastcgi_params;",
         "fastcgi_ignore_client_abort off;", "lost_params", READ},
        {"fastcgi_param SCRIPT_NAME $fastcgi_script_name;", "", "lost_params",
         "fastcgi_param FCGIWAIT_WAIT_MAX"},
        {"fastcgi_param REQUEST_METHOD $request_method;\n        fastcgi_param "
         "SCRIPT_NAME $fastcgi_script_name;",
         "", "lost_params", "fastcgi_param FCGIWAIT_WAIT_MAX"},
        {READ, "fastcgi_param FCGIWAIT_STREAM off; fastcgi_pass fcgiwait;", "lost_params",
         NULL},
        {READ,
         "fastcgi_param QUERY_STRING \"\"; include fastcgi_params; fastcgi_pass "
         "fcgiwait;",
         "lost_params", NULL},
        {READ,
         "fastcgi_param QUERY_STRING q=$uri; include fastcgi_params; fastcgi_pass "
         "fcgiwait;",
         "lost_params", NULL},
        {READ,
         "fastcgi_param SCRIPT_NAME /index.php; include fastcgi_params; fastcgi_pass "
         "fcgiwait;",
         "lost_params", NULL},
        {READ,
         "include fastcgi_params; fastcgi_param PATH_INFO $uri; fastcgi_pass fcgiwait;",
         "lost_params", NULL},
        {READ,
         "fastcgi_split_path_info ^(/live)(/.*)$; include fastcgi_params; fastcgi_pass "
         "fcgiwait;",
         "lost_params", "fastcgi_param QUERY_STRING $query_string;\nfastcgi"},
        {"fastcgi_param FCGIWAIT_RESOURCE $resource;", "", "lost_resource",
         "fastcgi_param FCGIWAIT_ACCESS publish;"},
    };
    static const struct row works[] = {
        {READ, "include fastcgi_params; fastcgi_param SCRIPT_NAME /x; " READ, NULL, NULL},
        {READ, "include fastcgi_params; fastcgi_param QUERY_STRING a; " READ, NULL, NULL},
        {READ,
         "fastcgi_param QUERY_STRING a=1&$args; include fastcgi_params; fastcgi_pass "
         "fcgiwait;",
         NULL, NULL},
        {READ,
         "include fastcgi_params; fastcgi_param PATH_INFO $fastcgi_path_info; "
         "fastcgi_split_path_info ^(.+\\.php)(/.+)$; fastcgi_pass fcgiwait;",
         NULL, NULL},
        {READ,
         "fastcgi_param FCGIWAIT_RESOURCE /news; include fastcgi_params; fastcgi_pass "
         "fcgiwait;",
         NULL, NULL},
        {FIRST,
         "location = /one { fastcgi_param SCRIPT_NAME /one; include fastcgi_params; "
         "fastcgi_pass fcgiwait; }\n" FIRST,
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

static void habits_of_php(void **state)
{
    static const struct row faults[] = {
        {READ, "try_files $uri =404; fastcgi_pass fcgiwait;", "php", NULL},
        {READ, "try_files $fastcgi_script_name /index.php; fastcgi_pass fcgiwait;", "php",
         NULL},
        {READ, "fastcgi_index index.php; fastcgi_pass fcgiwait;", "php", NULL},
        {"listen 8080;", "listen 8080; fastcgi_index index.php;", "php", NULL},
        {READ, "try_files $uri =404; fastcgi_index x.php; fastcgi_pass fcgiwait;", "php",
         NULL},
    };
    static const struct row works[] = {
        {"fastcgi_pass php;",
         "fastcgi_index index.php; try_files $uri =404; "
         "fastcgi_pass php;",
         NULL, NULL},
        {READ,
         "try_files $uri @poll; fastcgi_pass fcgiwait; } location @poll { "
         "fastcgi_pass fcgiwait;",
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

static void locations_that_take_paths_away(void **state)
{
    static const struct row faults[] = {
        {"location ~ \\.php$ {",
         "location ~ \\.json$ { root /srv; }\nlocation ~ \\.php$ {", "takeover",
         "location /live/ {\n        fastcgi_pass"},
        {"location ~ \\.php$ {", "location ~ /\\. { deny all; }\nlocation ~ \\.php$ {",
         "takeover", "location /live/ {\n        fastcgi_pass"},
        {"location ~ \\.php$ {",
         "location ~* \\.(?:js|css|JSON)$ { expires 1h; }\nlocation ~ \\.php$ {",
         "takeover", "location /live/ {\n        fastcgi_pass"},
        {FIRST,
         "location ~ \\.json$ { root /srv; }\n    location ~ ^/live/ { fastcgi_pass",
         "takeover", "location ~ \\.json$"},
    };
    static const struct row works[] = {
        {"location ~ \\.php$ {",
         "location ~ ^/files/.*\\.json$ { root /srv; }\n"
         "location ~ /\\.ht { deny all; }\nlocation ~ \\.php$ {",
         NULL, NULL},
        {FIRST, "location ~ ^/live/ { fastcgi_pass", NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

#define JSON "location ~ \\.json$ { root /srv; }\n"
#define FIRST_JSON "location ^~ /live/ { (and into it"

static void what_keeps_out_stays_before_what_is_proposed(void **state)
{
    static const struct row rows[] = {
        {FIRST, JSON FIRST, "takeover", FIRST},
        {FIRST, JSON "location ~ ^/live/(a|b)/ { deny all; }\n" FIRST, "takeover", FIRST},
        {FIRST,
         JSON "location ~ /[.]x { allow 10.0.0.0/8; deny all; }\nlocation ~ "
              "^/live/(?<r>.+)/edit$ { deny all; fastcgi_param FCGIWAIT_ACCESS publish; "
              "fastcgi_param FCGIWAIT_RESOURCE $r; include fastcgi_params; fastcgi_pass "
              "fcgiwait; }\nlocation ~ ^/other/ { deny all; }\nlocation ~ /b$ { expires "
              "1h; }\n" FIRST,
         "takeover", FIRST},
        {FIRST, "location ~ /\\. { deny all; }\n" JSON FIRST, "takeover", FIRST},
        {FIRST, JSON "location ~ /\\. { deny all; }\n" FIRST, "takeover", FIRST},
        {FIRST, "location ~ \\.json$ { deny all; }\n" FIRST, "takeover", FIRST},
        {FIRST,
         "location ~ \\.json$ { return 404; }\nlocation ~ /[.]x { deny all; }\n" FIRST,
         "takeover", FIRST},
        {FIRST, "location ~ \\.json$ { deny all; }\nlocation ~ ^/live/ { fastcgi_pass",
         "takeover", FIRST},
        {FIRST, JSON "location ~ ^/live/ { fastcgi_pass", "takeover", FIRST},
    };
#define AT " of /etc/nginx/conf.d/live.conf:"
#define KEEPS " if it is to keep these documents from clients)"
    (void)state;
    is_proposed(&rows[0], "location ^~ /live/ {");
    is_proposed(&rows[1],
                FIRST_JSON " location ~ ^/live/(a|b)/" AT "10: it takes their paths)");
    is_proposed(&rows[2], FIRST_JSON " location ~ /[.]x" AT
                                     "10, location ~ ^/live/(?<r>.+)/edit$" AT
                                     "11: it takes their paths)");
    /* what takes the paths that are told of takes them within it, too */
    is_proposed(&rows[3], FIRST_JSON " location ~ /\\." AT "9" KEEPS);
    is_proposed(&rows[4], FIRST_JSON " location ~ /\\." AT "10: it takes their paths)");
    is_proposed(&rows[5], FIRST_JSON " location ~ \\.json$" AT "9" KEEPS);
    is_proposed(&rows[6], FIRST_JSON " location ~ /[.]x" AT
                                     "10: it takes their paths; location ~ \\.json$" AT
                                     "9, too," KEEPS);
    is_proposed(&rows[7],
                "(move location ~ ^/live/ before it, unless it is to keep these "
                "documents from clients)");
    is_proposed(&rows[8], "(move location ~ ^/live/ before it)");
}

static void what_becomes_of_the_answer(void **state)
{
    static const struct row faults[] = {
        {READ, "expires 1h; fastcgi_pass fcgiwait;", "expires", NULL},
        {READ, "expires -1; fastcgi_pass fcgiwait;", "expires", NULL},
        {"listen 80;", "listen 80; expires max;", "expires", NULL},
        {READ, "fastcgi_hide_header cache-control; fastcgi_pass fcgiwait;",
         "hidden_cache_control", NULL},
        {"proxy_read_timeout 75;",
         "proxy_read_timeout 75; proxy_hide_header Cache-Control;",
         "hidden_cache_control", NULL},
        {READ, "add_header Access-Control-Allow-Origin * always; fastcgi_pass fcgiwait;",
         "cors_index", NULL},
        {READ,
         "add_header Access-Control-Allow-Origin * always; add_header "
         "Access-Control-Expose-Headers \"Content-Length, ETag\"; fastcgi_pass fcgiwait;",
         "cors_index", NULL},
        {READ,
         "add_header Access-Control-Allow-Origin * always; add_header "
         "Access-Control-Expose-Headers \"\"; fastcgi_pass fcgiwait;",
         "cors_index", NULL},
        {READ,
         "if ($request_method = GET) { add_header Access-Control-Allow-Origin * always; "
         "} fastcgi_pass fcgiwait;",
         "cors_index", NULL},
        {READ,
         "add_header Access-Control-Allow-Origin *; add_header "
         "Access-Control-Expose-Headers x-polling-index always; fastcgi_pass fcgiwait;",
         "cors_always", NULL},
        {READ,
         "add_header Access-Control-Allow-Origin * always; add_header "
         "Access-Control-Expose-Headers \"ETag, X-Polling-Index\"; fastcgi_pass "
         "fcgiwait;",
         "cors_always", NULL},
        {"location /_origin/ {",
         "location /_origin/x/ { add_header X-Polling-Index $polling_index always; "
         "add_header Access-Control-Expose-Headers X-Polling-Index always; add_header "
         "Access-Control-Allow-Origin *; set $polling_index "
         "$upstream_http_x_polling_index; internal; root /srv; }\nlocation /_origin/ {",
         "cors_always", "location /_origin/x/"},
        {READ,
         "error_page 404 429 503 = @later; fastcgi_intercept_errors on; fastcgi_pass "
         "fcgiwait;",
         "replaced_404", NULL},
        {READ,
         "error_page 404 @no; fastcgi_intercept_errors on; fastcgi_pass fcgiwait; } "
         "location @no { add_header X-Polling-Index $upstream_http_x_polling_index; "
         "return 404;",
         "replaced_404", NULL},
        {READ, "sub_filter a b; sub_filter_types *; fastcgi_pass fcgiwait;", "sub_filter",
         NULL},
        {READ, "ssi on; ssi_types application/json; fastcgi_pass fcgiwait;", "ssi", NULL},
    };
    static const struct row works[] = {
        {READ, "expires off; " READ, NULL, NULL},
        {READ, "expires 1h; add_header Cache-Control no-store always; " READ, NULL, NULL},
        {"geo $near",
         "map $sent_http_content_type $keep { default off; text/css 1d; }\n"
         "    expires $keep;\n    geo $near",
         NULL, NULL},
        {"fastcgi_pass php;", "expires 1h; fastcgi_pass php;", NULL, NULL},
        {READ,
         "add_header Access-Control-Allow-Origin * always; add_header "
         "Access-Control-Expose-Headers x-polling-index always; " READ,
         NULL, NULL},
        {READ, "add_header Access-Control-Allow-Origin \"\"; " READ, NULL, NULL},
        {READ,
         "error_page 404 =200 @no; fastcgi_intercept_errors on; fastcgi_pass fcgiwait; } "
         "location @no { add_header X-Polling-Index $upstream_http_x_polling_index; "
         "return 200 [];",
         NULL, NULL},
        {"location ~ \\.php$ {", "sub_filter a b; ssi on; gzip on; location ~ \\.php$ {",
         NULL, NULL},
        {READ,
         "if ($request_method = OPTIONS) { add_header Access-Control-Allow-Origin *; "
         "return 204; } " READ,
         NULL, NULL},
        {READ, "error_page 403 =404 /404.html; fastcgi_intercept_errors on; " READ, NULL,
         NULL},
        {READ, "error_page 500 502 /errors/404.html; fastcgi_intercept_errors on; " READ,
         NULL, NULL},
        {READ,
         "error_page 404 @no; fastcgi_intercept_errors on; fastcgi_pass fcgiwait; } "
         "location @no { add_header X-Polling-Index $upstream_http_x_polling_index "
         "always; return 404;",
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

#define LONG                                                                             \
    "Link, X-Total-Count, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, " \
    "X-RateLimit-Used, X-RateLimit-Resource, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, "  \
    "X-Poll-Interval, X-Request-Id, X-Correlation-Id, X-Response-Time, Content-Length, " \
    "Content-Range, Server-Timing, Deprecation, Sunset, X-Deprecated-By, Location"
#define ALLOWED "add_header Access-Control-Allow-Origin * always; "
#define EXPOSED(list) "add_header Access-Control-Expose-Headers " list " always;"

static void what_pages_on_other_hosts_are_shown(void **state)
{
    static const struct row works[] = {
        {READ, ALLOWED EXPOSED("'" LONG ", x-polling-index'") READ, NULL, NULL},
        {READ, ALLOWED EXPOSED("Link") " " EXPOSED("X-Polling-Index") READ, NULL, NULL},
    };
    static const struct row faults[] = {
        {READ, ALLOWED EXPOSED("Link") " " EXPOSED("X-Polling-Index-Old") READ,
         "cors_index", NULL},
        {READ,
         ALLOWED EXPOSED("Link") "\nadd_header Access-Control-Expose-Headers "
                                 "X-Polling-Index;\n" READ,
         "cors_always", "add_header Access-Control-Expose-Headers X-Polling-Index;"},
    };
    (void)state;
    EACH(works, nothing_is_found);
    EACH(faults, only_this_is_found);
    is_proposed(&(struct row){READ, ALLOWED READ, "cors_index", NULL},
                EXPOSED("\"X-Polling-Index, ETag, Preference-Applied, Retry-After\""));
    is_proposed(
        &(struct row){READ, ALLOWED EXPOSED("'Link, etag'") READ, "cors_index", NULL},
        EXPOSED("\"Link, etag, X-Polling-Index, Preference-Applied, Retry-After\""));
    is_proposed(
        &(struct row){READ, ALLOWED EXPOSED("'" LONG "'") READ, "cors_index", NULL},
        EXPOSED("\"" LONG ", X-Polling-Index, ETag, Preference-Applied, Retry-After\""));
    is_proposed(
        &(struct row){
            HTTP,
            HTTP
            "\nmap $http_origin $e { default ''; https://a Link; }\n" ALLOWED EXPOSED(
                "$e"),
            "cors_index", NULL},
        EXPOSED("\"$e, X-Polling-Index, ETag, Preference-Applied, Retry-After\""));
}

#define ZONES                                                                            \
    HTTP "\nlimit_conn_zone $binary_remote_addr zone=each:1m;\n"                         \
         "limit_conn_zone $server_name zone=all:1m;\n"                                   \
         "limit_req_zone $binary_remote_addr zone=rate:1m rate=10r/s;\n"                 \
         "limit_req_zone $server_name zone=sum:1m rate=100r/s;\n"

static void limits_below_what_waits(void **state)
{
    static const struct row faults[] = {
        {HTTP, ZONES "limit_conn each 2;", "limit_conn", "limit_conn each"},
        {HTTP, ZONES "limit_conn all 100;", "limit_conn", "limit_conn all"},
        {HTTP, ZONES "limit_req zone=rate;", "limit_req", "limit_req zone=rate"},
        {HTTP, ZONES "limit_req zone=sum burst=50;", "limit_req", "limit_req zone=sum"},
        {"server unix:/run/fcgiwait/a.sock;",
         "server unix:/run/fcgiwait/a.sock "
         "max_conns=100;",
         "max_conns", NULL},
        {"worker_processes auto;", "worker_processes auto; worker_shutdown_timeout 60s;",
         "shutdown_timeout", NULL},
        {"worker_processes auto;", "worker_processes auto; worker_shutdown_timeout 5;",
         "shutdown_timeout", NULL},
    };
    static const struct row works[] = {
        {HTTP, ZONES "limit_conn each 20; limit_conn all 10000;", NULL, NULL},
        {HTTP, ZONES "limit_req zone=rate burst=20 nodelay;", NULL, NULL},
        {HTTP, ZONES "limit_conn each 1; limit_conn_dry_run on;", NULL, NULL},
        {"fastcgi_pass php;", "limit_conn each 1; fastcgi_pass php;", NULL, NULL},
        {"server unix:/run/fcgiwait/a.sock;",
         "server unix:/run/fcgiwait/a.sock max_conns=10000;", NULL, NULL},
        {"worker_processes auto;", "worker_processes auto; worker_shutdown_timeout 75s;",
         NULL, NULL},
        {"keepalive 10000;", "keepalive 2;", NULL, NULL},
        {"listen 8080;", "listen 8080; send_timeout 1s; reset_timedout_connection on;",
         NULL, NULL},
        {READ, "mirror /mirror; limit_except GET { deny all; } " READ, NULL, NULL},
        {READ, "if ($http_x_debug) { set $x 1; } " READ, NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

#define FRONT "proxy_pass http://127.0.0.1:8080;"

static void what_is_lost_on_the_way(void **state)
{
    static const struct row faults[] = {
        {FRONT, "proxy_pass http://127.0.0.1:8080$uri;", "lost_query", NULL},
        {FRONT, "set $to http://x; proxy_pass http://127.0.0.1:8080$document_uri;",
         "lost_query", NULL},
        {READ, "rewrite ^/live/(.*)$ /live/$1? break; fastcgi_pass fcgiwait;",
         "lost_query", NULL},
        {"listen 8080;", "listen 8080; rewrite ^/old/(.*)$ /live/$1? last;", "lost_query",
         NULL},
        {FIRST, "location /old/ { rewrite ^/old/(.*)$ /live/$1?; }\n" FIRST, "lost_query",
         "location /old/"},
        {"listen 8080;", "listen 8080; set $args a=b;", "lost_query", NULL},
        {READ, "if ($arg_x) { set $args x; } fastcgi_pass fcgiwait;", "lost_query", NULL},
        {READ, "fastcgi_pass_request_headers off; fastcgi_pass fcgiwait;", "lost_headers",
         NULL},
        {FRONT, "proxy_pass_request_headers off; proxy_pass http://127.0.0.1:8080/live/;",
         "lost_headers", NULL},
    };
    static const struct row works[] = {
        {FRONT, "proxy_pass http://127.0.0.1:8080$request_uri;", NULL, NULL},
        {FRONT, "proxy_pass http://127.0.0.1:8080$uri$is_args$args;", NULL, NULL},
        {FRONT, "set $port 8080; proxy_pass http://127.0.0.1:$port;", NULL, NULL},
        {READ, "rewrite ^/live/(.*)$ /live/$1 break; " READ, NULL, NULL},
        {READ, "rewrite ^/live/(.*)$ /live/$1?$args? break; " READ, NULL, NULL},
        {"listen 8080;", "listen 8080; rewrite ^/old/(.*)$ /new/$1? permanent;", NULL,
         NULL},
        {READ, "set $args $args&x=1; " READ, NULL, NULL},
        {READ,
         "fastcgi_pass_request_headers off; include fastcgi_params; fastcgi_param "
         "HTTP_PREFER $http_prefer; fastcgi_pass fcgiwait;",
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

#define STREAM(lines)                                                                    \
    "worker_processes auto;\nstream { upstream web { server 127.0.0.1:8080; }\n"         \
    "server { listen 9000; " lines " } }"

static void values_are_proposed_as_nginx_reads_them(void **state)
{
    (void)state;
    is_proposed(&(struct row){"listen 8080;", "listen 8080; set $args 'a=b c';",
                              "lost_query", NULL},
                "set $args \"a=b c&$args\";");
    is_proposed(
        &(struct row){"listen 8080;",
                      "listen 8080; rewrite \"^/old/(\\d{2};.*)$\" /live/$1? last;",
                      "lost_query", NULL},
        "rewrite \"^/old/(\\d{2};.*)$\" /live/$1 last;");
}

static void fronts_that_rewrite_or_see_bytes_alone(void **state)
{
    static const struct row faults[] = {
        {"location /front/ {",
         "location /api/ { rewrite ^/api/(.*)$ /live/$1 break; proxy_next_upstream off; "
         "proxy_pass http://127.0.0.1:8080; }\nlocation /front/ {",
         "read_timeout", "location /api/"},
        {"location /front/ {",
         "location ~ ^/api/(.*)$ { proxy_next_upstream off; proxy_pass "
         "http://127.0.0.1:8080/live/$1$is_args$args; }\nlocation /front/ {",
         "read_timeout", "location ~ ^/api/"},
        {"worker_processes auto;", STREAM("proxy_pass web; proxy_timeout 30s;"),
         "stream_timeout", "proxy_timeout"},
        {"worker_processes auto;", STREAM("proxy_timeout 1m; proxy_pass 127.0.0.1:8080;"),
         "stream_timeout", "proxy_timeout"},
    };
    static const struct row works[] = {
        {"worker_processes auto;", STREAM("proxy_pass web;"), NULL, NULL},
        {"worker_processes auto;", STREAM("proxy_pass web; proxy_timeout 75s;"), NULL,
         NULL},
        {"worker_processes auto;", STREAM("proxy_pass 127.0.0.1:25; proxy_timeout 5s;"),
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

#define TOLD "include fastcgi_params; "

static void names_that_fcgiwait_does_not_know(void **state)
{
    static const struct row faults[] = {
        {"fastcgi_param FCGIWAIT_WAIT_MAX 25s;",
         "fastcgi_param FCGIWAIT_WAIT_MAX 25s; fastcgi_param FCGIWAIT_STREEM off;",
         "unknown_param", NULL},
        {"FCGIWAIT_RESOURCE $resource", "FCGIWAIT_RESSOURCE $resource", "unknown_param",
         NULL},
        {READ, TOLD "fastcgi_param FcgiWait_Scope below; fastcgi_pass fcgiwait;",
         "unknown_param", NULL},
    };
    static const struct row works[] = {
        {READ,
         TOLD "fastcgi_param FCGIWAIT_QUERY since,wait; fastcgi_param FCGIWAIT_CLIENT "
              "$remote_addr; fastcgi_param FCGIWAIT_STREAM off; fastcgi_param "
              "FCGIWAIT_EXPIRES $exp; fastcgi_pass fcgiwait;",
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

static void the_name_that_was_meant_is_proposed(void **state)
{
#define NOTHING "(nothing: take the line away)"
    static const struct {
        const char *line, *instead;
    } rows[] = {
        {"STREEM off", "fastcgi_param FCGIWAIT_STREAM off;"},
        {"ressource $uri", "fastcgi_param FCGIWAIT_RESOURCE $uri;"},
        {"scope below", "fastcgi_param FCGIWAIT_SCOPE below;"},
        {"SCPOE below", "fastcgi_param FCGIWAIT_SCOPE below;"},
        {"QEURY off", "fastcgi_param FCGIWAIT_QUERY off;"},
        {"AGIAN $a", "fastcgi_param FCGIWAIT_AGAIN $a;"},
        {"aslo $a", "fastcgi_param FCGIWAIT_ALSO $a;"},
        {"LAOS $a", NOTHING},
        {"EXPIRE $x if_not_empty", "fastcgi_param FCGIWAIT_EXPIRES $x if_not_empty;"},
        {"ALLSO \"$a $b\" if_not_empty",
         "fastcgi_param FCGIWAIT_ALSO \"$a $b\" if_not_empty;"},
        {"ALLSO ''", "fastcgi_param FCGIWAIT_ALSO \"\";"},
        {"ALLSO ${a}/b", "fastcgi_param FCGIWAIT_ALSO ${a}/b;"},
        {"ALLSO 'a\"\\\\n;'", "fastcgi_param FCGIWAIT_ALSO \"a\\\"\\\\n;\";"},
        {"ALLSO a\\d", "fastcgi_param FCGIWAIT_ALSO a\\d;"},
        {"PATH x", NOTHING},
        {"TENANT x", NOTHING},
        {"STATUS x", NOTHING},
        {"ROLE x", NOTHING},
        {"MODE x", NOTHING},
        {"TYPE x", NOTHING},
        {"NAME x", NOTHING},
        {"URL x", NOTHING},
        {"METHOD x", NOTHING},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char to[256];
        snprintf(to, sizeof to, TOLD "fastcgi_param FCGIWAIT_%s; " READ, rows[i].line);
        is_proposed(&(struct row){READ, to, "unknown_param", NULL}, rows[i].instead);
    }
}

static void what_holds_streams_back(void **state)
{
    static const struct row faults[] = {
        {READ, "fastcgi_ignore_headers X-Accel-Buffering; fastcgi_pass fcgiwait;",
         "stream_buffering", NULL},
        {"fastcgi_pass_header X-Accel-Buffering;", "", "stream_front",
         "proxy_pass http://127.0.0.1:8080;"},
        {FRONT, "proxy_ignore_headers X-Accel-Buffering; " FRONT, "stream_front", NULL},
        {"listen 8080;", "listen 8080; listen 443 ssl;", "http1", NULL},
        {"listen 80;", "listen 80; listen 443 ssl default_server;", "http1", NULL},
        {"listen 8080;",
         "listen 8080; listen 443 ssl; } server { listen 8443 ssl http2; }\nserver { "
         "listen 444 ssl;",
         "http1", "listen 444"},
        {READ, "gzip on; gzip_types text/event-stream; fastcgi_pass fcgiwait;",
         "stream_gzip", NULL},
        {READ,
         TOLD "fastcgi_param FCGIWAIT_WAIT_MAX 10s; fastcgi_read_timeout 20s; "
              "fastcgi_pass fcgiwait;",
         "heartbeat", NULL},
    };
    static const struct row works[] = {
        {READ,
         "fastcgi_buffering off; fastcgi_ignore_headers X-Accel-Buffering; "
         "fastcgi_pass fcgiwait;",
         NULL, NULL},
        {READ,
         TOLD "fastcgi_param FCGIWAIT_STREAM off; gzip on; gzip_types *; "
              "fastcgi_ignore_headers X-Accel-Buffering; fastcgi_pass fcgiwait;",
         NULL, NULL},
        {READ, "gzip on; gzip_types application/json; fastcgi_pass fcgiwait;", NULL,
         NULL},
        {"proxy_http_version 1.1; # front", "", NULL, NULL},
        {FRONT, "proxy_buffering off; proxy_ignore_headers X-Accel-Buffering; " FRONT,
         NULL, NULL},
        {"listen 8080;", "listen 8080; listen 443 ssl http2;", NULL, NULL},
        {"listen 8080;", "listen 8080; listen 443 ssl; http2 on;", NULL, NULL},
        {"listen 8080;",
         "listen 8080; listen 443 ssl; } server { listen 443 ssl http2; }\nserver {",
         NULL, NULL},
        {"listen 8080;",
         "listen 444 ssl; location / { return 204; } } server { listen 8080;", NULL,
         NULL},
        {"proxy_http_version 1.1; # front",
         "} server { listen 8099; location / { return 204; } } server { listen 80; "
         "proxy_http_version 1.1;",
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

static void the_upstream_that_is_there_is_proposed(void **state)
{
    (void)state;
    is_proposed(
        &(struct row){READ, "fastcgi_pass unix:/run/fcgiwait/b.sock;", "direct", NULL},
        "fastcgi_pass fcgiwait;");
    is_proposed(
        &(struct row){READ, "fastcgi_pass unix:/run/fcgiwait/c.sock;", "direct", NULL},
        "upstream fcgiwait_2 { server unix:/run/fcgiwait/c.sock; keepalive 10000; } and "
        "here: fastcgi_pass fcgiwait_2;");
}

/* In a container a host has the service's name. */
static void no_upstream_is_named_as_a_host_that_is_passed_to(void **state)
{
    static const struct {
        const char *pass, *other, *instead;
    } rows[] = {
        {"fcgiwait:9000", "return 204",
         "upstream fcgiwait_2 { server fcgiwait:9000; keepalive 10000; } and here: "
         "fastcgi_pass fcgiwait_2;"},
        {"unix:/run/fcgiwait", "proxy_pass http://FcgiWait/x",
         "upstream fcgiwait_2 { server unix:/run/fcgiwait; keepalive 10000; } and here: "
         "fastcgi_pass fcgiwait_2;"},
        {"unix:/run/fcgiwait", "proxy_pass http://x/fcgiwait",
         "upstream fcgiwait { server unix:/run/fcgiwait; keepalive 10000; } and here: "
         "fastcgi_pass fcgiwait;"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char dump[1024];
        snprintf(dump, sizeof dump,
                 "events {}\nhttp { server { location / { fastcgi_pass %s; }\n"
                 "location /other/ { %s; } } }\n",
                 rows[i].pass, rows[i].other);
        struct nginx_check *check = check_text(dump);
        const struct finding *at = nginx_check_findings(check);
        while (at != NULL && strcmp(at->rule, "direct") != 0)
            at = at->next;
        assert_non_null(at);
        assert_string_equal(at->instead, rows[i].instead);
        nginx_check_free(&check);
    }
}

static void an_upstream_is_proposed_once(void **state)
{
    static const char dump[] =
        "worker_rlimit_nofile 65536;\nevents { worker_connections 65536; }\n"
        "http { upstream fcgiwait_2 { server unix:/run/other; keepalive 9; }\n"
        "fastcgi_keep_conn on; fastcgi_next_upstream off; fastcgi_read_timeout 75s;\n"
        "fastcgi_param REQUEST_METHOD $request_method;\n"
        "fastcgi_param QUERY_STRING $args; fastcgi_param SCRIPT_NAME $uri;\n"
        "server { location / { fastcgi_pass unix:/run/fcgiwait/a; }\n"
        "location /more/ { fastcgi_pass unix:/run/fcgiwait/c; } }\n"
        "server { location / { fastcgi_pass unix:/run/fcgiwait/a; } }\n"
        "server { location / { fastcgi_pass unix:/run/fcgiwait/b; } }\n"
        "server { location / { fastcgi_pass unix:/run/fcgiwait/b; } } }\n";
    static const char *const proposed[] = {
        "upstream fcgiwait { server unix:/run/fcgiwait/a; keepalive 10000; } and here: "
        "fastcgi_pass fcgiwait;",
        "fastcgi_pass fcgiwait; (the upstream that is proposed above)",
        "upstream fcgiwait_3 { server unix:/run/fcgiwait/b; keepalive 10000; } and "
        "here: fastcgi_pass fcgiwait_3;",
        "fastcgi_pass fcgiwait_3; (the upstream that is proposed above)",
    };
    (void)state;
    struct nginx_check *check = check_text(dump);
    const struct finding *at = nginx_check_findings(check);
    for (size_t i = 0; i < sizeof proposed / sizeof *proposed; i++, at = at->next) {
        assert_non_null(at);
        assert_string_equal(at->rule, "direct");
        assert_string_equal(at->instead, proposed[i]);
    }
    assert_null(at);
    nginx_check_free(&check);
}

/* A location and a server of a stream block that say nothing of time. */
static void timeouts_that_are_not_set_count_as_nginx_has_them(void **state)
{
    static const char dump[] =
        "worker_rlimit_nofile 65536;\nevents { worker_connections 65536; }\n"
        "http { upstream fcgiwait { server unix:/run/x; keepalive 9; }\n"
        "fastcgi_keep_conn on; fastcgi_next_upstream off; server { listen 81;\n"
        "fastcgi_param REQUEST_METHOD $request_method;\n"
        "fastcgi_param QUERY_STRING $args; fastcgi_param SCRIPT_NAME $uri;\n"
        "location / {\nfastcgi_pass fcgiwait; } } }\n"
        "stream { server { listen 82;\nproxy_pass 127.0.0.1:81; } }\n";
    static const struct {
        nanos heartbeat;
        const char *found;
    } rows[] = {{59, ""},
                {60, "heartbeat:8 "},
                {599, "heartbeat:8 "},
                {600, "stream_timeout:10 heartbeat:8 "}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct nginx_needs slow = {30 * NANOS_PER_SECOND, 10000,
                                         rows[i].heartbeat * NANOS_PER_SECOND};
        char found[128] = "";
        struct nginx_check *check = nginx_check_read(text_of(dump), "stdin", &slow);
        must(check != NULL, "out of memory");
        const struct finding *at = nginx_check_findings(check);
        for (; at != NULL; at = at->next)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s:%u ",
                     at->rule, at->line);
        assert_string_equal(found, rows[i].found);
        nginx_check_free(&check);
    }
}

static void nobody_is_told_more_than_he_may_read(void **state)
{
    static const struct row faults[] = {
        {READ,
         TOLD "fastcgi_param FCGIWAIT_SCOPE below; fastcgi_pass fcgiwait; }\nlocation "
              "/live/own/ { deny all; fastcgi_pass fcgiwait;",
         "below", "FCGIWAIT_SCOPE"},
        {READ,
         TOLD "fastcgi_param FCGIWAIT_SCOPE below; fastcgi_param FCGIWAIT_RESOURCE /; "
              "fastcgi_pass fcgiwait;",
         "below", NULL},
    };
    static const struct row works[] = {
        {READ, TOLD "fastcgi_param FCGIWAIT_SCOPE below; fastcgi_pass fcgiwait;", NULL,
         NULL},
        {READ,
         TOLD "fastcgi_param FCGIWAIT_SCOPE below; deny all; fastcgi_pass fcgiwait; "
              "}\nlocation /live/own/ { deny all; fastcgi_pass fcgiwait;",
         NULL, NULL},
        {READ,
         TOLD "fastcgi_param FCGIWAIT_SCOPE below; fastcgi_param FCGIWAIT_RESOURCE "
              "/tenants/$host$uri; fastcgi_pass fcgiwait;",
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

static void an_empty_input_says_where_nginx_says_why(void **state)
{
    static const char failed[] = "nginx: [emerg] unknown directive \"x\"\n"
                                 "nginx: configuration file x test failed\n";
    static const char *const dumps[] = {"", "\n\r\n", failed};
    (void)state;
    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        char *said = NULL;
        size_t len;
        struct nginx_check *check = check_text(dumps[i]);
        FILE *out = open_memstream(&said, &len);
        nginx_check_report(check, out);
        fclose(out);
        assert_int_equal(nginx_check_result(check), NGINX_NOT_UNDERSTOOD);
        assert_string_equal(said,
                            "stdin:1: no configuration is here: nginx -T has failed; "
                            "nginx -t says why\n");
        nginx_check_free(&check);
        free(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters),
        cmocka_unit_test(habits_of_php),
        cmocka_unit_test(locations_that_take_paths_away),
        cmocka_unit_test(what_keeps_out_stays_before_what_is_proposed),
        cmocka_unit_test(what_becomes_of_the_answer),
        cmocka_unit_test(what_pages_on_other_hosts_are_shown),
        cmocka_unit_test(limits_below_what_waits),
        cmocka_unit_test(what_is_lost_on_the_way),
        cmocka_unit_test(values_are_proposed_as_nginx_reads_them),
        cmocka_unit_test(fronts_that_rewrite_or_see_bytes_alone),
        cmocka_unit_test(names_that_fcgiwait_does_not_know),
        cmocka_unit_test(the_name_that_was_meant_is_proposed),
        cmocka_unit_test(what_holds_streams_back),
        cmocka_unit_test(the_upstream_that_is_there_is_proposed),
        cmocka_unit_test(no_upstream_is_named_as_a_host_that_is_passed_to),
        cmocka_unit_test(an_upstream_is_proposed_once),
        cmocka_unit_test(timeouts_that_are_not_set_count_as_nginx_has_them),
        cmocka_unit_test(nobody_is_told_more_than_he_may_read),
        cmocka_unit_test(an_empty_input_says_where_nginx_says_why),
    };
    return cmocka_run_group_tests_name("nginx/rules", tests, NULL, NULL);
}
