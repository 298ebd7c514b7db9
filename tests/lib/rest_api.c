/* SPDX-License-Identifier: ISC */
#include "rest_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "must.h"

#define PATIENCE 60.0 /* seconds */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    must(value != NULL, "%s is missing in the environment", name);
    return value;
}

/* --- nginx.conf --- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    must(file != NULL, "can't read %s", path);
    size_t capacity = 1 << 20;
    char *text = calloc(capacity, 1);
    must(fread(text, 1, capacity - 1, file) > 0, "%s is empty", path);
    fclose(file);
    return text;
}

/* Frees `text`. All of them are replaced; there has to be one. */
static char *replaced(char *text, const char *from, const char *to)
{
    char *result = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&result, &len);
    const char *at = text;
    must(strstr(at, from) != NULL, "the example does not have: %s", from);
    for (const char *next; (next = strstr(at, from)) != NULL; at = next + strlen(from))
        fprintf(out, "%.*s%s", (int)(next - at), at, to);
    fputs(at, out);
    fclose(out);
    free(text);
    return result;
}

static char *placed(const struct rest_api *api, char *text)
{
    const struct stack *stack = &api->stack;
    char value[256];
    text = replaced(text, "user www-data;", geteuid() == 0 ? "user root;" : "");
    text = replaced(text, "pid nginx.pid;", "pid nginx.pid; daemon off;");
    /* The options of a socket stand with one of its servers. */
    snprintf(value, sizeof value, "listen 127.0.0.1:%d;\n        server_name",
             stack->port);
    text = replaced(text, "listen 127.0.0.1:8080;\n        server_name", value);
    snprintf(value, sizeof value, "listen 127.0.0.1:%d backlog=8192;", stack->port);
    text = replaced(text, "listen 127.0.0.1:8080;", value);
    snprintf(value, sizeof value, "server 127.0.0.1:%d;", api->port);
    text = replaced(text, "server 127.0.0.1:3000;", value);
    snprintf(value, sizeof value, "unix:%s;", stack->socket);
    text = replaced(text, "unix:/run/fcgiwait/fcgiwait.sock;", value);
    snprintf(value, sizeof value, "server 127.0.0.1:%d;", api->php_port);
    text = replaced(text, "server unix:/run/php/php-fpm.sock;", value);
    snprintf(value, sizeof value, "%s/php/", stack->dir);
    text = replaced(text, "/srv/php-api/", value);
    snprintf(value, sizeof value, "%s/files/", stack->dir);
    return replaced(text, "/srv/files/", value);
}

/* The parts lie beside the example, as where it is installed. */
static void copy_parts(const struct stack *stack)
{
    char command[1024];
    snprintf(command, sizeof command, "cp -r '%s/nginx' '%s/'", environment("EXAMPLES"),
             stack->dir);
    must(system(command) == 0, "%s", command);
}

/* The lines of README from maps.conf to the end of the server, and what every nginx.conf
 * has around them. */
static void write_readme_conf(const struct stack *stack)
{
    const struct rest_api *api = (const struct rest_api *)stack;
    char command[2048];
    snprintf(
        command, sizeof command,
        "{ echo '%s worker_rlimit_nofile 32768; pid nginx.pid; daemon off; error_log "
        "error.log; events { worker_connections 20480; } http { client_body_temp_path "
        "b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; "
        "scgi_temp_path s;'; "
        "sed -n '/^    include .*maps.conf;$/,/^    }$/p' '%s/../README' | "
        "sed -e 's|/usr/share/fcgiwait/nginx/|%s/nginx/|' "
        "-e 's|/var/lib/nginx/fcgiwait|cache|' -e 's|listen 8080|listen "
        "127.0.0.1:%d|' -e 's|/run/fcgiwait/fcgiwait.sock|%s|' "
        "-e 's|127.0.0.1:3000|127.0.0.1:%d|'; echo '}'; } >%s/nginx.conf",
        geteuid() == 0 ? "user root;" : "", environment("EXAMPLES"), stack->dir,
        stack->port, stack->socket, api->port, stack->dir);
    must(system(command) == 0, "%s", command);
}

static void write_nginx_conf(const struct stack *stack)
{
    const struct rest_api *api = (const struct rest_api *)stack;
    char path[512];
    copy_parts(stack);
    if (api->options.readme) {
        write_readme_conf(stack);
        return;
    }
    snprintf(path, sizeof path, "%s/rest-api.conf", environment("EXAMPLES"));
    char *text = read_file(path);
    const char *const *pair = api->options.replace;
    for (; pair != NULL && pair[0] != NULL; pair += 2)
        text = replaced(text, pair[0], pair[1]);
    text = placed(api, text);
    stack_path(stack, "nginx.conf", path);
    FILE *file = fopen(path, "w");
    must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "%s", path);
    free(text);
}

/* --- the APIs --- */

static void write_database(const struct rest_api *api)
{
    char path[128];
    size_t posts = api->options.posts > 0 ? api->options.posts : 3;
    stack_path(&api->stack, "db.json", path);
    FILE *file = fopen(path, "w");
    must(file != NULL, "can't write %s", path);
    fputs("{\"posts\":[", file);
    for (size_t i = 1; i <= posts; i++)
        fprintf(file, "%s{\"id\":%zu,\"version\":0}", i > 1 ? "," : "", i);
    fputs("]}\n", file);
    must(fclose(file) == 0, "can't write %s", path);
}

static pid_t start_json_server(const struct rest_api *api, const char *port)
{
    char program[512], middleware[512], database[128];
    snprintf(program, sizeof program, "%s/node_modules/json-server/lib/cli/bin.js",
             environment("JSON_SERVER"));
    snprintf(middleware, sizeof middleware, "%s/middleware.js", environment("API"));
    stack_path(&api->stack, "db.json", database);
    return stack_run(&api->stack, "api.log",
                     (const char *[]){"node", program, database, "--host", "127.0.0.1",
                                      "--port", port, "--middlewares", middleware, NULL});
}

static pid_t start_habits(const struct rest_api *api, const char *port)
{
    char program[512];
    snprintf(program, sizeof program, "%s/habits.mjs", environment("API"));
    return stack_run(&api->stack, "api.log",
                     (const char *[]){"node", program, port, NULL});
}

static pid_t start_php_server(const struct rest_api *api)
{
    char command[1024], address[32], program[128];
    if (system("command -v php >/dev/null") != 0) {
        print_message("php is missing. On Debian: apt-get install php-cli\n");
        skip();
    }
    snprintf(command, sizeof command, "cp '%s/index.php' '%s/php/'", environment("API"),
             api->stack.dir);
    must(system(command) == 0, "%s", command);
    snprintf(address, sizeof address, "127.0.0.1:%d", api->port);
    snprintf(program, sizeof program, "%s/php/index.php", api->stack.dir);
    return stack_run(&api->stack, "api.log",
                     (const char *[]){"php", "-S", address, program, NULL});
}

void rest_start_server(struct rest_api *api)
{
    char port[16];
    snprintf(port, sizeof port, "%d", api->port);
    if (api->options.php)
        api->server = start_php_server(api);
    else
        api->server =
            api->options.habits ? start_habits(api, port) : start_json_server(api, port);
    for (double start = seconds_now(); !http_answers(api->port); sleep_ms(20))
        must(seconds_now() - start < PATIENCE && waitpid(api->server, NULL, WNOHANG) == 0,
             "the API does not start: see %s/api.log", api->stack.dir);
}

void rest_start_php(struct rest_api *api)
{
    char port[16], command[1024];
    if (system("command -v php-cgi >/dev/null") != 0) {
        print_message("php-cgi is missing. On Debian: apt-get install php-cgi\n");
        skip();
    }
    snprintf(command, sizeof command, "cp '%s/index.php' '%s/php/'", environment("API"),
             api->stack.dir);
    must(system(command) == 0, "%s", command);
    snprintf(port, sizeof port, "%d", api->php_port);
    api->php = stack_run(&api->stack, "php.log",
                         (const char *[]){"spawn-fcgi", "-a", "127.0.0.1", "-p", port,
                                          "-n", "-f", "php-cgi", NULL});
    for (double start = seconds_now(); !http_answers(api->php_port); sleep_ms(10))
        must(seconds_now() - start < PATIENCE && waitpid(api->php, NULL, WNOHANG) == 0,
             "php-cgi does not start: see %s/php.log", api->stack.dir);
}

static void make_folder(const struct stack *stack, const char *name)
{
    char path[128];
    stack_path(stack, name, path);
    must(mkdir(path, 0755) == 0, "mkdir %s", path);
}

int rest_setup(void **state)
{
    static struct rest_api api;
    static const struct stack_options options = {.write_nginx_conf = write_nginx_conf};
    const struct rest_options *given = *state;
    api = (struct rest_api){.port = free_port(), .php_port = free_port()};
    if (given != NULL)
        api.options = *given;
    stack_start(&api.stack, &options);
    make_folder(&api.stack, "php");
    make_folder(&api.stack, "files");
    write_database(&api);
    rest_start_server(&api);
    *state = &api;
    return 0;
}

int rest_teardown(void **state)
{
    struct rest_api *api = *state;
    stack_end(&api->server);
    stack_end(&api->php);
    stack_stop(&api->stack);
    return 0;
}

size_t rest_requests(const struct rest_api *api, const char *line)
{
    char path[128], text[4096];
    size_t count = 0;
    stack_path(&api->stack, "api.log", path);
    FILE *file = fopen(path, "r");
    must(file != NULL, "can't read %s", path);
    while (fgets(text, sizeof text, file) != NULL) {
        char *start = text + strcspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); /* colours */
        count += strncmp(start, line, strlen(line)) == 0;
    }
    fclose(file);
    return count;
}

void await_requests(const struct rest_api *api, const char *line, size_t count)
{
    for (double start = seconds_now(); rest_requests(api, line) != count; sleep_ms(5))
        must(seconds_now() - start < PATIENCE, "the API was asked %zu times, not %zu: %s",
             rest_requests(api, line), count, line);
}

/* --- clients --- */

long rest_write(const struct rest_api *api, const char *method, const char *path,
                const char *json)
{
    struct answer answer =
        http(&(struct http){.port = api->stack.port,
                            .method = method,
                            .path = path,
                            .headers = {"Content-Type: application/json"},
                            .body = json});
    long status = answer.status;
    answer_free(&answer);
    return status;
}

struct answer rest_ask(const struct rest_api *api, const char *method, const char *path,
                       const char *header, const char *body)
{
    return http(&(struct http){.port = api->stack.port,
                               .method = method,
                               .path = path,
                               .headers = {header},
                               .body = body});
}

void rest_must_write(const struct rest_api *api, const char *method, const char *path,
                     const char *header)
{
    struct answer answer = rest_ask(api, method, path, header, NULL);
    must(answer.status < 400, "%s %s is answered with %ld", method, path, answer.status);
    answer_free(&answer);
}

void rest_must_pass_check(const struct rest_api *api)
{
    char command[512];
    snprintf(command, sizeof command,
             "nginx -p '%s' -c nginx.conf -T 2>/dev/null | \"$FCGIWAIT\" --check-nginx -",
             api->stack.dir);
    assert_int_equal(system(command), 0);
}

void rest_index(const struct rest_api *api, const char *path, char index[24])
{
    char value[256];
    struct answer answer = http_get(api->stack.port, path, NULL);
    snprintf(index, 24, "%.23s", answer_header(&answer, "X-Polling-Index", value));
    must(index[0] != '\0', "%s is answered with %ld, without an index", path,
         answer.status);
    answer_free(&answer);
}

struct call *rest_wait(const struct rest_api *api, const char *path, long long waiting)
{
    char index[24], url[1024];
    rest_index(api, path, index);
    snprintf(url, sizeof url, "%s%sindex=%s&wait=50", path,
             strchr(path, '?') != NULL ? "&" : "?", index);
    struct call *call = call_start(&(struct http){.port = api->stack.port, .path = url});
    await_waiting(&api->stack, waiting);
    return call;
}
