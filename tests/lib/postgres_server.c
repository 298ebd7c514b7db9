/* SPDX-License-Identifier: ISC */
#include "postgres_server.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#ifdef WITH_POSTGRES

#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "must.h"
#include "shell.h"
#include "stack.h"

#define NOBODY 65534

static bool find_programs(char folder[256])
{
    glob_t found;
    const char *given = getenv("POSTGRES_BIN");
    folder[0] = '\0';
    if (given != NULL) {
        snprintf(folder, 256, "%s", given);
        return true;
    }
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0) {
        const char *newest = found.gl_pathv[found.gl_pathc - 1];
        snprintf(folder, 256, "%.*s", (int)(strlen(newest) - strlen("/initdb")), newest);
        globfree(&found);
    }
    return folder[0] != '\0';
}

bool postgres_server_can(void)
{
    char folder[256];
    return find_programs(folder);
}

/* A child of ours that is not root, and ends with us. */
static pid_t run(const struct postgres_server *server, const char *program,
                 const char *const arguments[])
{
    char folder[256], path[512];
    must(find_programs(folder), "PostgreSQL is not installed");
    snprintf(path, sizeof path, "%s/%s", folder, program);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    bool good = chdir(server->dir) == 0 && freopen("log", "ae", stdout) != NULL &&
                dup2(fileno(stdout), 2) >= 0;
    if (geteuid() == 0)
        good =
            good && setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    /* They look for each other where they were called, which is not on the path. */
    const char *called[24] = {path};
    for (size_t i = 1; i < sizeof called / sizeof *called - 1 && arguments[i] != NULL;
         i++)
        called[i] = arguments[i];
    if (good)
        execv(path, (char *const *)called);
    _exit(127);
}

static void run_to_end(const struct postgres_server *server, const char *program,
                       const char *const arguments[])
{
    int status;
    pid_t pid = run(server, program, arguments);
    must(waitpid(pid, &status, 0) == pid && status == 0, "%s fails; see %s/log", program,
         server->dir);
}

static void make_folder(struct postgres_server *server)
{
    *server = (struct postgres_server){.pid = 0};
    strcpy(server->dir, "/tmp/fcgiwait-test.XXXXXX");
    must(mkdtemp(server->dir) != NULL, "mkdtemp");
    snprintf(server->url, sizeof server->url,
             "postgresql:///postgres?host=%s&user=postgres", server->dir);
    shell("touch '%s/log'", server->dir);
    if (geteuid() == 0)
        shell("chown -R %d:%d '%s'", NOBODY, NOBODY, server->dir);
}

static void configure(const struct postgres_server *server, const char *settings)
{
    char path[96];
    snprintf(path, sizeof path, "%s/data/postgresql.auto.conf", server->dir);
    FILE *file = fopen(path, "a");
    must(file != NULL, "%s", path);
    fprintf(file, "%s\n", settings);
    fclose(file);
}

static bool answers(const struct postgres_server *server)
{
    return PQping(server->url) == PQPING_OK;
}

void postgres_server_launch(struct postgres_server *server)
{
    const char *const arguments[] = {"postgres", "-D", "data", "-k", server->dir, NULL};
    for (int i = 0; i < 6000 && !answers(server); i++) {
        /* What was killed may have left its children for a moment. */
        if (server->pid == 0 || waitpid(server->pid, NULL, WNOHANG) == server->pid)
            server->pid = run(server, "postgres", arguments);
        sleep_ms(10);
    }
    must(answers(server), "PostgreSQL does not answer; see %s/log", server->dir);
}

void postgres_server_start(struct postgres_server *server, const char *settings)
{
    const char *const arguments[] = {"initdb", "-D",   "data",       "-A",
                                     "trust",  "-U",   "postgres",   "--no-sync",
                                     "-E",     "UTF8", "--locale=C", NULL};
    make_folder(server);
    run_to_end(server, "initdb", arguments);
    configure(server, "listen_addresses = ''\n"
                      "wal_level = logical\n"
                      "fsync = off\n"
                      "shared_buffers = 16MB\n"
                      "max_wal_senders = 20\n"
                      "max_replication_slots = 20\n"
                      "max_prepared_transactions = 5");
    if (settings != NULL)
        configure(server, settings);
    postgres_server_launch(server);
}

void postgres_server_start_standby(struct postgres_server *standby,
                                   const struct postgres_server *primary)
{
    const char *const arguments[] = {
        "pg_basebackup", "-D",        "data", "-R",         "-c",
        "fast",          "--no-sync", "-d",   primary->url, NULL};
    if (standby->dir[0] == '\0')
        make_folder(standby);
    else
        shell("rm -rf '%s/data'", standby->dir);
    run_to_end(standby, "pg_basebackup", arguments);
    postgres_server_launch(standby);
}

void postgres_server_cut_off(const struct postgres_server *standby)
{
    postgres_server_say(standby, "ALTER SYSTEM SET primary_conninfo = ''");
    postgres_server_say(standby, "SELECT pg_reload_conf()");
    for (int i = 0; i < 6000 && postgres_server_ask(
                                    standby, "SELECT count(*) FROM pg_stat_wal_receiver");
         i++)
        sleep_ms(10);
}

void postgres_server_promote(const struct postgres_server *standby)
{
    postgres_server_say(standby, "SELECT pg_promote()");
}

void postgres_server_stop_gently(struct postgres_server *server)
{
    kill(server->pid, SIGINT);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

/* To the server and its children, each of which has a process group of its own. */
static void signal_all(const struct postgres_server *server, int number)
{
    kill(server->pid, number);
    shell("pkill -%d -P %d || true", number, (int)server->pid);
}

void postgres_server_kill(struct postgres_server *server)
{
    if (server->pid > 0) {
        signal_all(server, SIGKILL);
        waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

void postgres_server_freeze(const struct postgres_server *server, bool freeze)
{
    signal_all(server, freeze ? SIGSTOP : SIGCONT);
}

void postgres_server_stop(struct postgres_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGQUIT);
        kill(server->pid, SIGCONT);
        waitpid(server->pid, NULL, 0);
    }
    shell("rm -rf '%s'", server->dir);
}

/* --- SQL --- */

struct pg_conn *postgres_server_connect(const struct postgres_server *server)
{
    /* One that the test has to wait for a processor with is idle, too. */
    static const char *const names[] = {"dbname", "options", NULL};
    const char *const values[] = {server->url, "-c idle_session_timeout=0", NULL};
    PGconn *connection = PQconnectdbParams(names, values, 1);
    must(PQstatus(connection) == CONNECTION_OK, "%s", PQerrorMessage(connection));
    return connection;
}

static PGresult *query(PGconn *connection, const char *command)
{
    PGresult *result = PQexec(connection, command);
    ExecStatusType status = PQresultStatus(result);
    must(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", command,
         PQresultErrorMessage(result));
    return result;
}

static void say(PGconn *connection, const char *format, va_list arguments)
{
    char command[4096];
    int len = vsnprintf(command, sizeof command, format, arguments);
    must(len >= 0 && (size_t)len < sizeof command, "a command that is too long");
    PQclear(query(connection, command));
}

void postgres_say(struct pg_conn *connection, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(connection, format, arguments);
    va_end(arguments);
}

void postgres_server_say(const struct postgres_server *server, const char *format, ...)
{
    va_list arguments;
    PGconn *connection = postgres_server_connect(server);
    va_start(arguments, format);
    say(connection, format, arguments);
    va_end(arguments);
    PQfinish(connection);
}

long long postgres_server_ask(const struct postgres_server *server, const char *command)
{
    PGconn *connection = postgres_server_connect(server);
    PGresult *result = query(connection, command);
    long long value = PQntuples(result) > 0 ? atoll(PQgetvalue(result, 0, 0)) : 0;
    PQclear(result);
    PQfinish(connection);
    return value;
}

void postgres_server_must_be_clean(const struct postgres_server *server)
{
    static const char left[] =
        "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM "
        "pg_stat_activity WHERE application_name = 'fcgiwait')";
    for (int i = 0; i < 6000 && postgres_server_ask(server, left) > 0; i++)
        sleep_ms(10);
    must(postgres_server_ask(server, left) == 0, "slots or connections are left");
}

#else

bool postgres_server_can(void)
{
    return false;
}

#endif
