/* SPDX-License-Identifier: ISC */
/*
 * main: does what the command line asks for. Serving is responder.c's; whatever else an
 * option asks for ends here with its exit status.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "arguments.h"
#include "check.h"
#include "fcgiwait/config.h"
#include "fcgiwait/pace.h"
#include "import.h"
#include "responder.h"
#include "setup.h"
#include "signals.h"
#include "start_probe.h"

/* Where an output is closed the next descriptor would take its number, a socket's say,
 * and what is said would go into that. The null device is what the log takes for closed.
 */
static void fill_outputs(void)
{
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        int null = fcntl(fd, F_GETFD) < 0 ? open("/dev/null", O_RDONLY) : fd;
        if (null >= 0 && null != fd) {
            dup2(null, fd);
            close(null);
        }
    }
}

static bool serves(const struct arguments *arguments)
{
    return arguments->probe.url == NULL && arguments->check_nginx == NULL &&
           arguments->import == NULL && !arguments->postgres_setup && !arguments->test;
}

static bool load(const struct arguments *arguments, struct config *config)
{
    char error[CONFIG_ERROR];
    if (config_load(config, arguments->file, arguments->options, arguments->count, error))
        return true;
    fprintf(stderr, "fcgiwait: %s\n", error);
    return false;
}

static int act(const struct arguments *arguments, struct config *config)
{
    if (arguments->check_nginx != NULL)
        return check_nginx(arguments->check_nginx, config);
    if (arguments->import != NULL)
        return import_run(arguments->import, config);
    if (arguments->postgres_setup)
        return setup_print(config);
    return arguments->test ? setup_check(config) : responder_run(arguments, config);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct config config;
    pace_keep_memory();
    fill_outputs();
    int status = arguments_read(&arguments, argc, argv);
    if (serves(&arguments)) /* others end with their terminal */
        signals_hold_reload();
    if (status < 0 && arguments.probe.url != NULL)
        status = start_probe(&arguments); /* has nothing to do with the configuration */
    if (status < 0 && !load(&arguments, &config))
        status = EX_CONFIG;
    if (status < 0) {
        status = act(&arguments, &config);
        config_free(&config);
    }
    arguments_free(&arguments);
    return status;
}
