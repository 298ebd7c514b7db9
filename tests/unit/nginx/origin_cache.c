/* SPDX-License-Identifier: ISC */
/* The cache over an API: its key has to have all that an answer depends on. */
#include "planted.h"

#define KEY "$uri$is_args$args#$polling_index;"
#define KEYED_BY_CLIENT                                                                  \
    "$uri$is_args$args#$polling_index$http_authorization$http_cookie; "                  \
    "proxy_buffer_size 32k; "

#define PASSWORD " auth_basic users; auth_basic_user_file users;"
#define BY_TOKEN "proxy_set_header Authorization $http_authorization;"
#define SHARED "$uri$is_args$args#$polling_index"

#define KEYED_BY_MAP                                                                     \
    "$uri$is_args$args#$polling_index$who; proxy_cache_lock on; proxy_cache_valid "      \
    "200 1s; proxy_set_header X-Api-Key $http_x_api_key; proxy_pass "                    \
    "http://127.0.0.1:3000/; } }"

#define API "proxy_pass http://127.0.0.1:3000/;"
#define INTERCEPTED API " proxy_intercept_errors on; error_page 404 "
#define PAGE "location @no { add_header X-Polling-Index $polling_index; "

static void the_api_behind_it(void **state)
{
    static const struct row faults[] = {
        {"internal; # origin", "internal; proxy_intercept_errors on; error_page 404 /no;",
         "origin_error_page", NULL},
        {"proxy_pass http://127.0.0.1:3000/;", "root /srv; error_page 404 /no.html;",
         "origin_error_page", NULL},
        {API, INTERCEPTED "=200 @no;\n} " PAGE "return 404;", "origin_error_page",
         "proxy_intercept_errors"},
        {API, INTERCEPTED "@no;\n} " PAGE "return 200 [];", "origin_error_page",
         "proxy_intercept_errors"},
        {"internal; # origin", "internal; proxy_set_header Host $host;",
         "origin_cache_host", "proxy_cache_key $uri"},
        {KEY, "$uri$is_args$args#$polling_index$http_authorization;",
         "origin_cache_buffer", NULL},
        {KEY, "$uri$is_args$args#$polling_index$http_cookie; proxy_buffer_size 8k;",
         "origin_cache_buffer", NULL},
        {"proxy_set_header Cookie '';", "proxy_set_header Cookie $http_cookie;",
         "origin_cache_user", "proxy_cache_key $uri"},
        {"proxy_set_header Cookie '';",
         "proxy_set_header Cookie $http_cookie; proxy_no_cache $http_cookie; "
         "proxy_cache_bypass $http_pragma;",
         "origin_cache_user", "proxy_cache_key $uri"},
        {"proxy_set_header Cookie '';",
         "proxy_set_header Cookie $http_cookie; proxy_cache_bypass $http_cookie;",
         "origin_cache_user", "proxy_cache_key $uri"},
        {"proxy_set_header Cookie '';",
         "auth_request /who; auth_request_set $user $upstream_http_x_user; "
         "proxy_set_header X-User $user;",
         "origin_cache_user", "proxy_cache_key $uri"},
        {"proxy_set_header Cookie '';",
         "set $token \"Bearer $cookie_token\"; proxy_set_header X-Token $token;",
         "origin_cache_user", "proxy_cache_key $uri"},
        {KEY, KEYED_BY_CLIENT "proxy_set_header X-Api-Key $http_x_api_key;",
         "origin_cache_user", NULL},
        {KEY, KEYED_BY_CLIENT "proxy_set_header X-Client $ssl_client_s_dn;",
         "origin_cache_user", NULL},
        {KEY,
         KEYED_BY_CLIENT "auth_request /who; auth_request_set $user "
                         "$upstream_http_x_user; proxy_set_header X-User $user;",
         "origin_cache_user", NULL},
        {KEY, SHARED "$http_x_tenant; proxy_set_header X-User $remote_user;",
         "origin_cache_user", NULL},
        {KEY, SHARED "$http_x_api_key; " BY_TOKEN, "origin_cache_user", NULL},
        {KEY, SHARED "$http_x_app_version; " BY_TOKEN, "origin_cache_user", NULL},
        {KEY, SHARED "$remote_user; " BY_TOKEN, "origin_cache_user", NULL},
        {KEY, SHARED "$remote_user; auth_basic off; " BY_TOKEN, "origin_cache_user",
         NULL},
        {KEY, SHARED "; proxy_no_cache $http_x_api_key; " BY_TOKEN, "origin_cache_user",
         NULL},
        {KEY, SHARED "$http_x_api_key; proxy_set_header X-Auth-Token $http_x_auth_token;",
         "origin_cache_user", NULL},
        {KEY,
         "$uri$is_args$args#$polling_index$cookie_a; proxy_set_header Authorization "
         "$http_authorization;",
         "origin_cache_user", NULL},
        {KEY,
         "$uri$is_args$args#$polling_index; proxy_no_cache $http_pragma $http_cookie; "
         "proxy_set_header X-Api-Key $http_x_api_key;",
         "origin_cache_user", NULL},
        {KEY,
         "$uri$is_args$args#$polling_index$who; proxy_cache_lock on; proxy_cache_valid "
         "200 1s; proxy_pass http://127.0.0.1:3000/; } }\nmap \"\" $who { default "
         "\"$http_authorization\"; }\nserver { location /other/ {",
         "origin_cache_buffer", "proxy_cache_key $uri"},
        {KEY,
         KEYED_BY_MAP "\nmap $uri $who { default $http_x_api_key; }\n"
                      "map $uri $who { default ''; }\nserver { location /other/ {",
         "origin_cache_user", "proxy_cache_key $uri"},
        {"proxy_cache_lock on;", "proxy_cache_lock on; proxy_buffering off;",
         "origin_cache_buffering", NULL},
        {"fastcgi_keep_conn on;\n    fastcgi_read",
         "fastcgi_keep_conn on; "
         "proxy_buffering off;\n    fastcgi_read",
         "origin_cache_buffering", "proxy_buffering"},
    };
    static const struct row works[] = {
        {"internal; # origin", "internal; error_page 404 /no;", NULL, NULL},
        {"proxy_cache_lock on;",
         "proxy_cache_lock on; proxy_buffering on; fastcgi_buffering off;", NULL, NULL},
        {"proxy_pass http://127.0.0.1:3000/;",
         "proxy_pass http://127.0.0.1:3000/; proxy_intercept_errors on; error_page 404 "
         "@no;\n"
         "} location @no { add_header X-Polling-Index $polling_index always; return 404;",
         NULL, NULL},
        {API, INTERCEPTED "=200 @no;\n} " PAGE "return 200 [];", NULL, NULL},
        {API, INTERCEPTED "=200 @no;\n} " PAGE "root /srv;", NULL, NULL},
        {API, INTERCEPTED "= @no;\n} " PAGE "return 200 [];", NULL, NULL},
        {KEY, "$http_host$uri$is_args$args#$polling_index; proxy_set_header Host $host;",
         NULL, NULL},
        {KEY,
         "$uri$is_args$args#$polling_index$http_cookie; proxy_buffer_size 16k; "
         "proxy_buffers 8 16k;",
         NULL, NULL},
        {"proxy_set_header Cookie '';",
         "proxy_set_header Cookie $http_cookie; proxy_no_cache $http_cookie; "
         "proxy_cache_bypass $http_cookie;",
         NULL, NULL},
        {"proxy_set_header Cookie '';",
         "proxy_set_header Cookie $http_cookie; proxy_no_cache $http_upgrade; "
         "proxy_no_cache $http_cookie; proxy_cache_bypass $http_upgrade; "
         "proxy_cache_bypass $http_cookie;",
         NULL, NULL},
        {KEY,
         KEYED_BY_CLIENT "proxy_set_header X-User $remote_user; proxy_set_header "
                         "X-Token \"$cookie_token $jwt_claim_sub\";",
         NULL, NULL},
        {KEY,
         SHARED "$remote_user;" PASSWORD BY_TOKEN
                "proxy_set_header X-Api-Key $http_x_api_key;",
         NULL, NULL},
        {"fastcgi_param FCGIWAIT_ORIGIN /_origin;\n        fastcgi_pass fcgiwait;\n    "
         "}\n    location /_origin/ {\n        internal; # origin",
         "fastcgi_param FCGIWAIT_ORIGIN /_origin;" PASSWORD " fastcgi_pass fcgiwait; } "
         "location /_origin/ { internal; proxy_no_cache $remote_user; "
         "proxy_cache_bypass $remote_user; " BY_TOKEN,
         NULL, NULL},
        {KEY,
         SHARED "$remote_user$http_x_api_key; proxy_set_header X-User $remote_user; "
                "proxy_set_header X-Api-Key $http_x_api_key;",
         NULL, NULL},
        {KEY,
         "$uri$is_args$args#$polling_index$user; auth_request /who; auth_request_set "
         "$user $upstream_http_x_user; proxy_set_header X-Api-Key $http_x_api_key;",
         NULL, NULL},
        {KEY,
         KEYED_BY_MAP "\nmap $uri $who { default ''; }\n"
                      "map $uri $who { default $http_x_api_key; }\n"
                      "server { location /other/ {",
         NULL, NULL},
        {KEY,
         "$uri$is_args$args#$polling_index$cookie_a; proxy_set_header Cookie "
         "$http_cookie;",
         NULL, NULL},
        {"proxy_set_header Cookie '';",
         "proxy_set_header Cookie ''; proxy_set_header X-Request-Id "
         "$http_x_request_id; proxy_set_header X-Real-IP $remote_addr;",
         NULL, NULL},
    };
    (void)state;
    EACH(faults, only_this_is_found);
    EACH(works, nothing_is_found);
}

#define LINES                                                                            \
    "\n        proxy_cache_lock on;\n        proxy_cache_valid 200 404 1s;\n        "
#define PUBLIC                                                                           \
    "proxy_set_header Authorization ''; # public\n        proxy_set_header Cookie '';"

/* Whether the check notes that the cache's key has nothing of who asks. */
static bool is_noted(const struct row *row)
{
    char *dump = change(row);
    struct nginx_check *check = check_text(dump);
    const struct finding *note = nginx_check_notes(check);
    bool noted = note != NULL && strstr(note->what, "of who asks") != NULL;
    if (nginx_check_result(check) != NGINX_GOOD)
        fail_with_report(check, row);
    nginx_check_free(&check);
    free(dump);
    return noted;
}

static void a_key_for_everybody_is_noted(void **state)
{
    static const struct row shared = {"proxy_set_header Cookie '';", "", NULL, NULL},
                            public = {NULL, NULL, NULL, NULL},
                            silent = {"proxy_set_header Cookie '';",
                                      "proxy_pass_request_headers off;", NULL, NULL},
                            keyed = {"proxy_cache_key " KEY LINES PUBLIC,
                                     "proxy_cache_key " SHARED "$http_x_session;" LINES,
                                     NULL, NULL};
    (void)state;
    assert_true(is_noted(&shared));
    assert_false(is_noted(&public));
    assert_false(is_noted(&silent));
    assert_false(is_noted(&keyed));
}

#define CLIENT "$http_authorization $http_cookie $http_x_api_key $http_x_auth_token"
#define SET "set $polling_index $upstream_http_x_polling_index;"
#define HEADER "add_header X-Polling-Index $polling_index always;"
#define BUFFERS                                                                          \
    " proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;"

static void the_key_that_is_proposed_has_all_that_an_answer_may_depend_on(void **state)
{
    (void)state;
    is_proposed(&(struct row){"proxy_cache api;\n        proxy_cache_key " KEY, "",
                              "origin_cache", NULL},
                "proxy_cache ZONE; proxy_cache_lock on; proxy_cache_valid 200 404 1s; "
                "proxy_cache_key \"$http_host $polling_index $args $uri " CLIENT
                "\";" BUFFERS);
    is_proposed(&(struct row){"proxy_cache_key " KEY, "", "origin_cache_key", NULL},
                "proxy_cache_key \"$http_host $polling_index $args $uri " CLIENT
                "\";" BUFFERS);
    is_proposed(&(struct row){KEY, "$http_x_tenant#$polling_index $cookie_a;",
                              "origin_cache_key", NULL},
                "proxy_cache_key \"$http_x_tenant#$polling_index $cookie_a $http_host "
                "$args $uri " CLIENT "\";" BUFFERS);
    is_proposed(
        &(struct row){SET "\n        " HEADER,
                      "set $mine $upstream_http_x_polling_index; add_header "
                      "X-Polling-Index $mine always;",
                      "origin_cache_key", NULL},
        "proxy_cache_key \"$uri$is_args$args#$polling_index $http_host $mine " CLIENT
        "\";" BUFFERS);
    is_proposed(
        &(struct row){SET "\n        " HEADER "\n        proxy_cache api;\n"
                          "        proxy_cache_key " KEY,
                      "", "origin_cache", NULL},
        "proxy_cache ZONE; proxy_cache_lock on; proxy_cache_valid 200 404 1s; " SET
        " proxy_cache_key \"$http_host $polling_index $args $uri " CLIENT "\";" BUFFERS);
}

#define WHOLE "proxy_cache_key \"$http_host $polling_index $args $uri " CLIENT

static void the_key_that_is_proposed_tells_all_users_apart_that_are_named(void **state)
{
    static const char keys[] =
        "proxy_set_header X-Api-Key $http_x_api_key; proxy_set_header X-Client \"dn "
        "${ssl_client_s_dn}\"; proxy_set_header X-User $remote_user; proxy_set_header "
        "X-Again $http_x_api_key;";
    char cached[512];
    (void)state;
    is_proposed(&(struct row){"proxy_cache_key " KEY, keys, "origin_cache_key", NULL},
                WHOLE " $ssl_client_s_dn\";" BUFFERS);
    is_proposed(&(struct row){"proxy_cache api;\n        proxy_cache_key " KEY, keys,
                              "origin_cache", NULL},
                "proxy_cache ZONE; proxy_cache_lock on; proxy_cache_valid 200 404 "
                "1s; " WHOLE " $ssl_client_s_dn\";" BUFFERS);
    snprintf(cached, sizeof cached, "$polling_index $remote_user; %s", keys);
    is_proposed(
        &(struct row){KEY, cached, "origin_cache_key", NULL},
        "proxy_cache_key \"$polling_index $remote_user $http_host $args $uri " CLIENT
        " $ssl_client_s_dn\";" BUFFERS);
    snprintf(cached, sizeof cached, "$polling_index $remote_user; %s" PASSWORD, keys);
    is_proposed(
        &(struct row){KEY, cached, "origin_cache_key", NULL},
        "proxy_cache_key \"$polling_index $remote_user $http_host $args $uri " CLIENT
        "\";" BUFFERS);
}

#define LIVE_CONF "/etc/nginx/conf.d/live.conf:"

/* nginx does not start with the same line twice. */
static void buffers_that_are_there_are_not_proposed_again(void **state)
{
    (void)state;
    is_proposed(&(struct row){"proxy_cache_key " KEY,
                              "proxy_buffer_size 16k; proxy_buffers 8 16k;",
                              "origin_cache_key", NULL},
                WHOLE "\";");
    is_proposed(&(struct row){"proxy_cache_key " KEY, "proxy_buffers 8 8k;",
                              "origin_cache_key", NULL},
                WHOLE "\";" BUFFERS " (in place of those of " LIVE_CONF "43)");
    is_proposed(&(struct row){KEY,
                              "$uri$is_args$args#$polling_index$http_cookie;\n"
                              "proxy_busy_buffers_size 8k; proxy_buffer_size 8k;",
                              "origin_cache_buffer", NULL},
                "proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size "
                "64k; (in place of those of " LIVE_CONF "44)");
}

/* nginx inherits lines of add_header only where a location has none. */
static void
headers_that_would_be_lost_are_named_with_the_one_that_is_proposed(void **state)
{
    (void)state;
    is_proposed(&(struct row){HEADER,
                              API "\n}\nadd_header X-Frame-Options DENY always;\n"
                                  "location /other/ {",
                              "origin_index", NULL},
                SET " " HEADER " (and the add_header lines of " LIVE_CONF
                    "43 once more: beside one of its own a location inherits none)");
    is_proposed(&(struct row){HEADER,
                              "add_header X-Own 1;" API
                              "\n}\nadd_header X-Frame-Options DENY always;\n"
                              "location /other/ {",
                              "origin_index", NULL},
                SET " " HEADER);
    is_proposed(&(struct row){HEADER,
                              API "\n}\nadd_header X-Polling-Index $polling_index;\n"
                                  "location /other/ {",
                              "origin_index", NULL},
                SET " " HEADER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_that_is_proposed_tells_all_users_apart_that_are_named),
        cmocka_unit_test(buffers_that_are_there_are_not_proposed_again),
        cmocka_unit_test(
            headers_that_would_be_lost_are_named_with_the_one_that_is_proposed),
        cmocka_unit_test(the_api_behind_it),
        cmocka_unit_test(a_key_for_everybody_is_noted),
        cmocka_unit_test(the_key_that_is_proposed_has_all_that_an_answer_may_depend_on),
    };
    return cmocka_run_group_tests_name("nginx/origin_cache", tests, NULL, NULL);
}
