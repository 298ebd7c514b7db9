/* SPDX-License-Identifier: ISC */
/* Each kind is a configuration, a command, and the name of its program. */
#include "chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "must.h"

struct place {
    int port, behind;  /* where it listens, and to whom it passes on */
    char dir[160];     /* of its own */
    const char *lines; /* of the test's */
};

static FILE *open_config(const struct place *place, char path[192])
{
    snprintf(path, 192, "%s/config", place->dir);
    FILE *file = fopen(path, "w");
    must(file != NULL, "can't write %s", path);
    return file;
}

/* What a location may say otherwise stands above it. */
static void configure_nginx(const struct place *place, const char *listen,
                            const char *in_server, const char *in_location, FILE *file)
{
    fprintf(file,
            "%s daemon off; pid nginx.pid; error_log error.log warn;\n"
            "events { worker_connections 1000; }\n"
            "http { access_log off; client_body_temp_path body;\n"
            "  proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n"
            "  uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"
            "  limit_req_zone $binary_remote_addr zone=few:1m rate=1r/m;\n"
            "  limit_conn_zone $binary_remote_addr zone=side:1m;\n"
            "  upstream behind { server 127.0.0.1:%d; keepalive 100; }\n"
            "  proxy_cache_path kept keys_zone=kept:1m;\n"
            "  proxy_cache_lock_timeout 60s; proxy_cache_lock_age 60s;\n"
            "  proxy_read_timeout 120s;\n"
            "  proxy_http_version 1.1; proxy_set_header Connection '';\n"
            "  proxy_buffering off;\n"
            "  server { listen 127.0.0.1:%d %s; %s\n"
            "    location /old/ { return 301 /a; }\n"
            "    location / { proxy_pass http://behind; %s }\n"
            "  } }\n",
            geteuid() == 0 ? "user root;" : "", place->behind, place->port, listen,
            in_server, in_location);
}

/* One certificate for all of a stack. */
static void certify(const struct stack *stack)
{
    char command[640], path[128];
    stack_path(stack, "cert.pem", path);
    setenv("CURL_CA_BUNDLE", path, 1);
    if (access(path, F_OK) == 0)
        return;
    snprintf(command, sizeof command,
             "exec openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
             "-nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
             "-keyout %s/key.pem -out %s/cert.pem 2>/dev/null",
             stack->dir, stack->dir);
    must(system(command) == 0, "openssl makes no certificate");
}

static void configure_haproxy(const struct place *place, const char *mode, FILE *file)
{
    fprintf(file,
            "defaults\n mode %s\n timeout connect 10s\n timeout client 120s\n"
            " timeout server 120s\n"
            "frontend front\n bind 127.0.0.1:%d\n default_backend behind\n"
            "backend behind\n server one 127.0.0.1:%d\n%s\n",
            mode, place->port, place->behind, place->lines);
}

static void configure_apache(const struct place *place, FILE *file)
{
    static const char *const modules[] = {"mpm_event",  "authz_core", "proxy",
                                          "proxy_http", "filter",     "deflate"};
    fprintf(file, "ServerRoot %s\nPidFile apache.pid\nErrorLog error.log\n", place->dir);
    fprintf(file, "ServerName localhost\nListen 127.0.0.1:%d\n", place->port);
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        fprintf(file, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n",
                modules[i], modules[i]);
    if (geteuid() == 0)
        fputs("User nobody\nGroup nogroup\n", file);
    fprintf(file,
            "DefaultRuntimeDir %s\nTimeout 120\nKeepAlive On\nMaxKeepAliveRequests 0\n"
            "ProxyPass / http://127.0.0.1:%d/ flushpackets=on\n%s\n",
            place->dir, place->behind, place->lines);
}

static void configure_lighttpd(const struct place *place, FILE *file)
{
    bool top = place->lines[0] == '\n';
    fprintf(
        file,
        "server.modules = (\"mod_proxy\")\nserver.bind = \"127.0.0.1\"\n"
        "server.port = %d\nserver.document-root = \"%s\"\n"
        "server.errorlog = \"%s/error.log\"\n%s"
        "%s\nproxy.server = (\"\" => ((\"host\" => \"127.0.0.1\", \"port\" => %d%s)))\n",
        place->port, place->dir, place->dir,
        top ? "" : "server.stream-response-body = 1\n", top ? place->lines : "",
        place->behind, top ? "" : place->lines);
}

static void configure_varnish(const struct place *place, FILE *file)
{
    fprintf(file,
            "vcl 4.1;\nbackend default { .host = \"127.0.0.1\"; .port = \"%d\";\n"
            ".first_byte_timeout = 120s; .between_bytes_timeout = 120s; }\n%s\n",
            place->behind,
            place->lines[0] != '\0' ? place->lines : "sub vcl_recv { return (pass); }");
}

static void configure(enum hop_kind kind, const struct place *place, char path[192])
{
    FILE *file = open_config(place, path);
    switch (kind) {
    case HOP_NGINX:
        configure_nginx(place, "", "", place->lines, file);
        break;
    case HOP_NGINX_TLS:
        configure_nginx(place,
                        "ssl http2; ssl_certificate ../cert.pem; ssl_certificate_key "
                        "../key.pem",
                        place->lines, "", file);
        break;
    case HOP_HAPROXY:
        configure_haproxy(place, "http", file);
        break;
    case HOP_HAPROXY_TCP:
        configure_haproxy(place, "tcp", file);
        break;
    case HOP_APACHE:
        configure_apache(place, file);
        break;
    case HOP_LIGHTTPD:
        configure_lighttpd(place, file);
        break;
    case HOP_VARNISH:
        configure_varnish(place, file);
        break;
    }
    must(fclose(file) == 0, "can't write %s", path);
}

static pid_t run(const struct stack *stack, enum hop_kind kind, const struct place *place,
                 const char *path)
{
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", place->port);
    const char *const nginx[] = {"nginx", "-p", place->dir,  "-c",
                                 path,    "-e", "error.log", NULL};
    const char *const haproxy[] = {"haproxy", "-db", "-f", path, NULL};
    const char *const apache[] = {"apache2", "-DFOREGROUND", "-f", path, NULL};
    const char *const lighttpd[] = {"lighttpd", "-D", "-f", path, NULL};
    const char *const varnish[] = {"varnishd", "-F",    "-j", "none", "-n", place->dir,
                                   "-a",       address, "-f", path,   NULL};
    const char *const *commands[] = {
        [HOP_NGINX] = nginx,         [HOP_NGINX_TLS] = nginx, [HOP_HAPROXY] = haproxy,
        [HOP_HAPROXY_TCP] = haproxy, [HOP_APACHE] = apache,   [HOP_LIGHTTPD] = lighttpd,
        [HOP_VARNISH] = varnish};
    return stack_run(stack, "hops.log", commands[kind]);
}

void chain_open(struct chain *chain, const struct stack *stack)
{
    *chain = (struct chain){.stack = stack, .port = stack->port};
}

void chain_add(struct chain *chain, enum hop_kind kind, const char *lines)
{
    static unsigned number;
    struct place place = {.port = free_port(), .behind = chain->port, .lines = lines};
    char path[192];
    must(chain->count < CHAIN_MOST, "the chain is too long");
    snprintf(place.dir, sizeof place.dir, "%s/hop%u", chain->stack->dir, number++);
    must(mkdir(place.dir, 0755) == 0, "can't make %s", place.dir);
    must(chmod(chain->stack->dir, 0755) == 0, "chmod"); /* some run as nobody */
    chain->is_secure = kind == HOP_NGINX_TLS;
    if (chain->is_secure)
        certify(chain->stack);
    configure(kind, &place, path);
    pid_t pid = chain->hops[chain->count++] = run(chain->stack, kind, &place, path);
    for (double start = seconds_now(); !http_answers(place.port); sleep_ms(10))
        must(seconds_now() - start < 60 && waitpid(pid, NULL, WNOHANG) == 0,
             "it does not start: see %s/hops.log, %s", chain->stack->dir, place.dir);
    chain->port = place.port;
}

void chain_close(struct chain *chain)
{
    while (chain->count > 0)
        stack_end(&chain->hops[--chain->count]);
}

bool chain_can(enum hop_kind kind)
{
    static const char *const names[] = {
        [HOP_NGINX] = "nginx",     [HOP_NGINX_TLS] = "nginx",
        [HOP_HAPROXY] = "haproxy", [HOP_HAPROXY_TCP] = "haproxy",
        [HOP_APACHE] = "apache2",  [HOP_LIGHTTPD] = "lighttpd",
        [HOP_VARNISH] = "varnishd"};
    char command[64];
    snprintf(command, sizeof command, "command -v %s >/dev/null", names[kind]);
    return system(command) == 0;
}
