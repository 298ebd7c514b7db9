/* SPDX-License-Identifier: ISC */
#include "stack.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "must.h"

#define FIRST_PORT 10240
#define PORTS 20480
#define PORTS_EACH 64

#define PATIENCE 60.0 /* seconds */

void sleep_ms(long ms)
{
    struct timespec span = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&span, &span) != 0 && errno == EINTR)
        ;
}

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void stack_path(const struct stack *stack, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", stack->dir, name);
}

static void write_file(const struct stack *stack, const char *name, const char *format,
                       ...)
{
    char path[128];
    va_list args;
    stack_path(stack, name, path);
    FILE *file = fopen(path, "w");
    must(file != NULL, "can't write %s", path);
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    must(fclose(file) == 0, "can't write %s", path);
}

static bool is_free(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0, "socket");
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return bound;
}

/* Claims some ports for as long as the process lives: a name that nobody else can have
 * meanwhile, and that ends with it. */
static bool claim(unsigned block)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int len = snprintf(name.sun_path + 1, sizeof name.sun_path - 1,
                       "fcgiwait-test-ports.%u", block);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    if (bind(fd, (struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) == 0)
        return true;
    close(fd);
    return false;
}

/* Each process has some of its own, below those that the kernel gives to clients: nobody
 * else takes one before it is listened on, or while who listened there is started anew.
 */
int free_port(void)
{
    static unsigned block, left;
    for (;;) {
        for (unsigned tries = 0; left == 0; tries++) {
            must(tries < PORTS / PORTS_EACH, "all ports are claimed");
            block = (tries == 0 && block == 0 ? (unsigned)getpid() : block + 1) %
                    (PORTS / PORTS_EACH);
            left = claim(block) ? PORTS_EACH : 0;
        }
        int port = FIRST_PORT + (int)((block + 1) * PORTS_EACH - left--);
        if (is_free(port))
            return port;
    }
}

static void write_nginx_conf(const struct stack *stack)
{
    const struct stack_options *options = &stack->options;
    char server[128];
    static const char params[] = "fastcgi_param REQUEST_METHOD $request_method; "
                                 "fastcgi_param QUERY_STRING $query_string;"
                                 "fastcgi_param CONTENT_TYPE $content_type; "
                                 "fastcgi_param CONTENT_LENGTH $content_length;"
                                 "fastcgi_param SCRIPT_NAME $fastcgi_script_name;";
    if (stack->tcp_port != 0)
        snprintf(server, sizeof server, "127.0.0.1:%d", stack->tcp_port);
    else
        snprintf(server, sizeof server, "unix:%s", stack->socket);
    write_file(
        stack, "nginx.conf",
        "%s\nworker_processes 2; worker_rlimit_nofile 20000; daemon off; pid nginx.pid;\n"
        "error_log error.log warn;\n"
        "events { worker_connections 19900; }\n" /* one worker may get them all */
        "http {\n"
        "  access_log off; client_body_temp_path body; proxy_temp_path proxy;\n"
        "  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"
        "  keepalive_requests 100000; client_max_body_size 8m;\n"
        "  large_client_header_buffers 8 16k;\n"
        "  upstream waits { server %s; %s }\n"
        "  fastcgi_keep_conn %s; fastcgi_read_timeout 75s; fastcgi_next_upstream off;\n"
        "  fastcgi_force_ranges off; merge_slashes off;\n"
        "  server {\n"
        "    listen 127.0.0.1:%d backlog=8192;\n"
        "    location / { %s fastcgi_pass waits; %s }\n"
        "    location ~ ^/publish(?<resource>/.*)$ { %s fastcgi_pass waits;\n"
        "      fastcgi_param FCGIWAIT_ACCESS publish;\n"
        "      fastcgi_param FCGIWAIT_RESOURCE $resource; }\n"
        "    location ~ ^/fcgiwait/(?<endpoint>.*)$ { %s fastcgi_pass waits;\n"
        "      fastcgi_param FCGIWAIT_ENDPOINT $endpoint; }\n"
        "  }\n"
        "}\n",
        geteuid() == 0 ? "user root;" : "", server,
        options->no_keepalive ? "" : "keepalive 9000;",
        options->no_keepalive ? "off" : "on", stack->port, params,
        options->location != NULL ? options->location : "", params, params);
}

/* In a child: its output goes to a file, and it ends with the test, whatever ends that.
 */
static void become_child(const struct stack *stack, const char *log)
{
    char path[128];
    stack_path(stack, log, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    close_range(3, ~0U, 0); /* of whoever started the test, too */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void limit_files(long files)
{
    struct rlimit limit = {(rlim_t)files, (rlim_t)files};
    if (files > 0)
        setrlimit(RLIMIT_NOFILE, &limit);
}

static void exec_fcgiwait(const struct stack *stack, const char *program)
{
    const char *option = stack->options.option;
    const char *at = stack->socket;
    char config[128], port[16];
    stack_path(stack, "fcgiwait.conf", config);
    limit_files(stack->options.files);
    if (stack->tcp_port != 0) {
        snprintf(port, sizeof port, "%d", stack->tcp_port);
        at = port;
        setenv("FCGI_WEB_SERVER_ADDRS", stack->options.web_servers, 1);
    }
    /* an option given twice counts once */
    execlp("spawn-fcgi", "spawn-fcgi", "-a", "127.0.0.1", stack->tcp_port ? "-p" : "-s",
           at, "-n", "-b", "4096", "--", program, "-c", config, option ? "-o" : "-c",
           option ? option : config, (char *)NULL);
    _exit(127);
}

static long log_size(const struct stack *stack)
{
    char path[128];
    struct stat stat_of;
    stack_path(stack, "fcgiwait.log", path);
    return stat(path, &stat_of) == 0 ? (long)stat_of.st_size : 0;
}

void stack_start_fcgiwait(struct stack *stack)
{
    const char *program = getenv("FCGIWAIT");
    must(program != NULL, "FCGIWAIT in the environment has to name the program");
    unlink(stack->socket);
    stack->log_start = log_size(stack);
    stack->fcgiwait = fork();
    if (stack->fcgiwait == 0) {
        become_child(stack, "fcgiwait.log");
        exec_fcgiwait(stack, program);
    }
    for (double start = seconds_now(); !stack_logged(stack, " serves,"); sleep_ms(10))
        must(seconds_now() - start < PATIENCE &&
                 waitpid(stack->fcgiwait, NULL, WNOHANG) == 0,
             "fcgiwait does not start: see %s/fcgiwait.log", stack->dir);
}

static void start_nginx(struct stack *stack)
{
    char prefix[128];
    stack_path(stack, "", prefix);
    stack->nginx = fork();
    if (stack->nginx == 0) {
        become_child(stack, "nginx.log");
        execlp("nginx", "nginx", "-p", prefix, "-c", "nginx.conf", "-e", "error.log",
               (char *)NULL);
        _exit(127);
    }
    for (double start = seconds_now(); !http_answers(stack->port); sleep_ms(10))
        must(seconds_now() - start < PATIENCE &&
                 waitpid(stack->nginx, NULL, WNOHANG) == 0,
             "nginx does not start: see %s", stack->dir);
}

void stack_configure(const struct stack *stack, const char *config)
{
    const char *lines = config != NULL ? config : "";
    if (stack->options.sqlite)
        write_file(stack, "fcgiwait.conf",
                   "store = { type = \"sqlite\"; file = \"%s/store.db\"; };\n%s\n",
                   stack->dir, lines);
    else
        write_file(stack, "fcgiwait.conf", "%s%s\n",
                   strncmp(lines, "store", 5) == 0 ? ""
                                                   : "store = { type = \"memory\"; };\n",
                   lines);
}

void stack_start(struct stack *stack, const struct stack_options *given)
{
    *stack = (struct stack){.dir = "/tmp/fcgiwait-test.XXXXXX"};
    if (given != NULL)
        stack->options = *given;
    must(mkdtemp(stack->dir) != NULL, "mkdtemp");
    snprintf(stack->socket, sizeof stack->socket, "%s/socket", stack->dir);
    stack->port = free_port();
    if (stack->options.web_servers != NULL)
        stack->tcp_port = free_port();
    stack_configure(stack, stack->options.config);
    if (stack->options.write_nginx_conf != NULL)
        stack->options.write_nginx_conf(stack);
    else
        write_nginx_conf(stack);
    stack_start_fcgiwait(stack);
    start_nginx(stack);
}

static int wait_for(pid_t *pid)
{
    int status = 0;
    for (double start = seconds_now(); waitpid(*pid, &status, WNOHANG) == 0; sleep_ms(5))
        if (seconds_now() - start > PATIENCE) {
            kill(*pid, SIGKILL);
            start = seconds_now();
        }
    *pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

pid_t stack_run(const struct stack *stack, const char *log, const char *const argv[])
{
    pid_t pid = fork();
    if (pid == 0) {
        become_child(stack, log);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    return pid;
}

int stack_end(pid_t *pid)
{
    if (*pid == 0)
        return 0;
    kill(*pid, SIGTERM);
    return wait_for(pid);
}

int stack_wait_fcgiwait(struct stack *stack)
{
    return wait_for(&stack->fcgiwait);
}

int stack_end_fcgiwait(struct stack *stack)
{
    kill(stack->fcgiwait, SIGTERM);
    return stack_wait_fcgiwait(stack);
}

static void remove_folder(const struct stack *stack)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", stack->dir);
    must(system(command) == 0, "%s", command);
}

void stack_stop(struct stack *stack)
{
    int status = stack->fcgiwait != 0 ? stack_end_fcgiwait(stack) : 0;
    kill(stack->nginx, SIGTERM);
    wait_for(&stack->nginx);
    must(status == 0, "fcgiwait exited with %d: see %s/fcgiwait.log", status, stack->dir);
    stack->log_start = 0;
    must(stack->options.logs_errors || !stack_logged(stack, "error:"),
         "see %s/fcgiwait.log", stack->dir);
    remove_folder(stack);
}

int stack_setup(void **state)
{
    static struct stack stack;
    const struct stack_options *options = *state;
    stack_start(&stack, options);
    *state = &stack;
    return 0;
}

int stack_setup_sqlite(void **state)
{
    static const struct stack_options sqlite = {.sqlite = true};
    *state = (void *)&sqlite;
    return stack_setup(state);
}

int stack_teardown(void **state)
{
    stack_stop(*state);
    return 0;
}

size_t stack_logged(const struct stack *stack, const char *what)
{
    char path[128], line[2048];
    size_t count = 0;
    stack_path(stack, "fcgiwait.log", path);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    fseek(file, stack->log_start, SEEK_SET);
    while (fgets(line, sizeof line, file) != NULL)
        count += strstr(line, what) != NULL;
    fclose(file);
    return count;
}

void await_logged(const struct stack *stack, const char *what)
{
    for (double start = seconds_now(); !stack_logged(stack, what); sleep_ms(5))
        must(seconds_now() - start < PATIENCE, "never logged: %s", what);
}

size_t stack_descriptors(const struct stack *stack)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)stack->fcgiwait);
    DIR *dir = opendir(path);
    must(dir != NULL, "%s", path);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count - 2;
}

long long stack_status(const struct stack *stack, const char *name)
{
    char key[64];
    struct answer answer = http_get(stack->port, "/fcgiwait/status", NULL);
    must(answer.status == 200, "the status says %ld", answer.status);
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(answer.body, key);
    must(at != NULL, "no %s in the status", name);
    long long value = atoll(at + strlen(key));
    answer_free(&answer);
    return value;
}

void await_status(const struct stack *stack, const char *name, long long value)
{
    long long now;
    for (double start = seconds_now(); (now = stack_status(stack, name)) != value;
         sleep_ms(5))
        must(seconds_now() - start < PATIENCE, "%s is %lld, and never %lld", name, now,
             value);
}

void await_asked(const struct stack *stack, long long before, long long count)
{
    double start = seconds_now();
    for (long long own = 1; stack_status(stack, "requests") - before - own < count; own++)
        must(seconds_now() - start < PATIENCE, "they never ask");
}

void await_waiting(const struct stack *stack, long long count)
{
    await_status(stack, "waiting", count);
}
