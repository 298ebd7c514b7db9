/* SPDX-License-Identifier: ISC */
/* nginx is started anew for each configuration: a reload leaves the old worker a moment.
 */
#include "repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"

#define CONF_MOST 16384
#define MARK "GENERATION"

static char base[CONF_MOST];
static unsigned generation;

static void write_file(const struct stack *stack, const char *name, const char *content)
{
    char path[128];
    stack_path(stack, name, path);
    FILE *file = fopen(path, "w");
    must(file != NULL, "can't write %s", path);
    fputs(content, file);
    must(fclose(file) == 0, "can't write %s", path);
}

/* With `to` in the place of the first `from`; both may be empty. */
static void replace(char conf[CONF_MOST], const char *from, const char *to)
{
    char *found = strstr(conf, from), *rest;
    must(found != NULL, "\"%s\" is not there", from);
    must(strlen(conf) + strlen(to) < CONF_MOST, "no room for nginx.conf");
    rest = strdup(found + strlen(from));
    must(rest != NULL, "strdup");
    strcpy(stpcpy(found, to), rest);
    free(rest);
}

static void write_conf(const struct stack *stack, const char *from, const char *to)
{
    char conf[CONF_MOST], number[16];
    strcpy(conf, base);
    snprintf(number, sizeof number, "%u", ++generation);
    replace(conf, MARK, number);
    replace(conf, from, to);
    write_file(stack, "nginx.conf", conf);
}

void repair_write(const struct stack *stack, const char *correct)
{
    must(strlen(correct) < CONF_MOST, "no room for nginx.conf");
    strcpy(base, correct);
    write_file(stack, "fastcgi_params", REPAIR_TOLD);
    write_conf(stack, "", "");
}

void repair_certify(const struct stack *stack)
{
    char command[512];
    snprintf(command, sizeof command,
             "cd %s && exec openssl req -x509 -newkey ec -pkeyopt "
             "ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 "
             "-keyout key.pem -out cert.pem 2>/dev/null",
             stack->dir);
    must(system(command) == 0, "openssl makes no certificate");
}

unsigned repair_generation(void)
{
    return generation;
}

static bool is_served(const struct stack *stack)
{
    char expected[16];
    snprintf(expected, sizeof expected, "%u", generation);
    struct answer answer = http_get(stack->port, "/generation", NULL);
    bool served = answer.body != NULL && strcmp(answer.body, expected) == 0;
    answer_free(&answer);
    return served;
}

static void restart_nginx(struct stack *stack)
{
    const char *const command[] = {"nginx",      "-p", stack->dir,  "-c",
                                   "nginx.conf", "-e", "error.log", NULL};
    stack_end(&stack->nginx);
    stack->nginx = stack_run(stack, "nginx.log", command);
    for (double start = seconds_now(); !is_served(stack); sleep_ms(10))
        must(seconds_now() - start < 60, "nginx does not start: see %s", stack->dir);
}

static void load(struct stack *stack, const char *from, const char *to)
{
    write_conf(stack, from, to);
    restart_nginx(stack);
}

struct run repair_check(const struct stack *stack)
{
    char command[256];
    snprintf(command, sizeof command, "nginx -T -p %s/ -c nginx.conf >%s/dump 2>%s/why",
             stack->dir, stack->dir, stack->dir);
    must(system(command) == 0, "nginx refuses %s/nginx.conf: see %s/why", stack->dir,
         stack->dir);
    return program_run("-c %s/fcgiwait.conf --check-nginx %s/dump", stack->dir,
                       stack->dir);
}

/* Whatever a machine that stands still for some moments makes of one or the other try,
 * nginx as it is configured makes the rest of them. */
#define TRIES 3

static bool comes_to(const struct stack *stack, const struct repair *repair, bool right)
{
    for (int i = 0; i < TRIES; i++) {
        if (repair->is_right(stack) == right)
            return true;
        print_message("%s: %s\n", repair->fault, right ? "not right" : "all is right");
    }
    return false;
}

static void is_found_and_mended(struct stack *stack, const struct repair *repair)
{
    const char *from = repair->from;
    load(stack, from, repair->fault);
    struct run run = repair_check(stack);
    must(run.status == 1 && strstr(run.output, "1 finding\n") != NULL &&
             strstr(run.output, repair->line) != NULL,
         "%s: the check says %s", repair->fault, run.output);
    must(comes_to(stack, repair, false), "%s breaks nothing", repair->fault);
    load(stack, from, repair->repaired != NULL ? repair->repaired : from);
    run = repair_check(stack);
    must(run.status == 0, "%s is still found: %s", repair->line, run.output);
    must(comes_to(stack, repair, true), "%s does not mend it: see %s", repair->line,
         stack->dir);
}

void repair_try(struct stack *stack, const struct repair repairs[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        is_found_and_mended(stack, &repairs[i]);
}
