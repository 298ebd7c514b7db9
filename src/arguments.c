/* SPDX-License-Identifier: ISC */
/*
 * The command line, read with getopt. A new option is a line of usage(), a case, and a
 * paragraph in fcgiwait.8: tests/structure/options compares the two.
 */
#include "arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#define CHECK_NGINX 256 /* what getopt_long() returns: no character */

static void usage(FILE *out)
{
    fputs(
        "usage: fcgiwait [-c FILE] [-o key=value]... [-s SOCKET] [-t] [-V] [-h]\n"
        "                [--check-nginx FILE]\n"
        "Long polling for the REST APIs that nginx serves: a FastCGI responder.\n"
        "It serves the listening socket on descriptor 0:\n"
        "  spawn-fcgi -s /run/fcgiwait/fcgiwait.sock -n -- /usr/bin/fcgiwait -c FILE\n"
        "\n"
        "  -c FILE       configuration (fcgiwait.conf(5))\n"
        "  -o key=value  override one key of it, as in -o wait.max=90s\n"
        "  -s SOCKET     open this socket instead: PATH, PATH:BACKLOG, HOST:PORT or "
        ":PORT\n"
        "  -t            check the configuration and exit\n"
        "  -V            print the version and exit\n"
        "  -h            print this and exit\n"
        "  --check-nginx FILE\n"
        "                read what nginx -T prints (-: standard input), name what would\n"
        "                cut a wait short or lose an answer, and exit: 0 nothing,\n"
        "                1 findings, 2 not understood\n",
        out);
}

int arguments_read(struct arguments *arguments, int argc, char **argv)
{
    static const struct option longer[] = {
        {"check-nginx", required_argument, NULL, CHECK_NGINX}, {0}};
    int option;
    arguments->options = calloc((size_t)argc, sizeof(char *));
    if (arguments->options == NULL)
        return EX_OSERR;
    while ((option = getopt_long(argc, argv, "c:o:s:tVh", longer, NULL)) != -1)
        switch (option) {
        case 'c':
            arguments->file = optarg;
            break;
        case 'o':
            arguments->options[arguments->count++] = optarg;
            break;
        case 's':
            arguments->socket = optarg;
            break;
        case 't':
            arguments->test = true;
            break;
        case CHECK_NGINX:
            arguments->check_nginx = optarg;
            break;
        case 'V':
            puts("fcgiwait " PACKAGE_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return EX_USAGE;
        }
    if (optind == argc)
        return -1;
    fprintf(stderr, "fcgiwait: %s: no such argument is known\n", argv[optind]);
    usage(stderr);
    return EX_USAGE;
}

void arguments_free(struct arguments *arguments)
{
    free(arguments->options);
    *arguments = (struct arguments){0};
}
