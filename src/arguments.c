/* SPDX-License-Identifier: ISC */
/*
 * The command line, read with getopt. A new option is a line of usage(), a case, and a
 * paragraph in fcgiwait.8: tests/structure/options compares the two.
 */
#include "arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "fcgiwait/duration.h"

/* What getopt_long() returns: no characters. */
enum {
    CHECK_NGINX = 256,
    POSTGRES_SETUP,
    IMPORT,
    PROBE,
    PROBE_WAIT,
    PROBE_ORIGIN,
    PROBE_PUBLISH,
    PROBE_HEADER,
    PROBE_JSON
};

#define WAIT_MOST (3600 * NANOS_PER_SECOND)

static void usage(FILE *out)
{
    fputs(
        "usage: fcgiwait [-c FILE] [-o key=value]... [-s SOCKET] [-t] [-V] [-h]\n"
        "                [--check-nginx FILE] [--postgres-setup] [--import FILE]\n"
        "       fcgiwait --probe URL [--wait SPAN] [--origin ORIGIN] [--header LINE]...\n"
        "                [--publish URL] [--json]\n"
        "Long polling for the REST APIs that nginx serves: a FastCGI responder.\n"
        "It serves the listening socket on descriptor 0:\n"
        "  spawn-fcgi -s /run/fcgiwait/fcgiwait.sock -u www-data -g www-data -n -- \\\n"
        "      /usr/bin/fcgiwait -c FILE\n"
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
        "                1 findings, 2 not understood\n"
        "  --import FILE move the SQLite store in FILE, or that of a Redis by its URL, "
        "into\n"
        "                the configured store, which has to be empty, and exit\n"
        "  --postgres-setup\n"
        "                print the SQL that the database of store.type postgres needs\n"
        "  --probe URL   ask as a client asks, through all that is on the way, and say "
        "who\n"
        "                breaks what; exit as above\n"
        "  --wait SPAN   the longest wait that the probe tries (60s)\n"
        "  --origin ORIGIN\n"
        "                look as well whether its pages may read, as in "
        "https://a.example\n"
        "  --header LINE send this header, as in 'Authorization: Bearer abc'\n"
        "  --publish URL touch this with POST, and look whether that ends a wait\n"
        "  --json        print what was found as JSON\n",
        out);
}

/* RFC 6454 section 6.2; what a browser's address bar shows has more. */
static bool is_origin(const char *value)
{
    const char *host = strstr(value, "://");
    return strcmp(value, "null") == 0 ||
           (host != NULL && host > value && host[3] != '\0' &&
            strpbrk(host + 3, "/?#@ ") == NULL);
}

static bool read_probe(struct probe_arguments *probe, int option, const char *value)
{
    nanos wait;
    switch (option) {
    case PROBE:
        probe->url = value;
        return true;
    case PROBE_WAIT:
        probe->stray = "--wait";
        probe->wait = value;
        if (duration_parse(text_of(value), &wait) && wait >= NANOS_PER_SECOND &&
            wait <= WAIT_MOST)
            return true;
        fprintf(stderr, "fcgiwait: --wait %s: allowed is a duration from 1s to 1h\n",
                value);
        return false;
    case PROBE_ORIGIN:
        probe->stray = "--origin";
        probe->origin = value;
        if (is_origin(value))
            return true;
        fprintf(stderr,
                "fcgiwait: --origin %s: allowed is SCHEME://HOST[:PORT] without a path, "
                "as in https://a.example\n",
                value);
        return false;
    case PROBE_PUBLISH:
        probe->stray = "--publish";
        probe->publish = value;
        return true;
    case PROBE_JSON:
        probe->stray = "--json";
        return probe->json = true;
    default:
        probe->stray = "--header";
        if (probe->header_count < PROBE_HEADERS_MOST && strchr(value, ':') != NULL) {
            probe->headers[probe->header_count++] = value;
            return true;
        }
        fprintf(stderr, "fcgiwait: --header %s: allowed are up to %d, as Name: value\n",
                value, PROBE_HEADERS_MOST);
        return false;
    }
}

/* The exit status; -1: go on. */
static int check_rest(const struct arguments *arguments, const char *rest)
{
    const struct probe_arguments *probe = &arguments->probe;
    if (rest != NULL)
        fprintf(stderr, "fcgiwait: %s: no such argument is known\n", rest);
    else if (probe->url == NULL && probe->stray != NULL)
        fprintf(stderr, "fcgiwait: %s goes with --probe URL\n", probe->stray);
    else
        return -1;
    usage(stderr);
    return EX_USAGE;
}

int arguments_read(struct arguments *arguments, int argc, char **argv)
{
    static const struct option longer[] = {
        {"check-nginx", required_argument, NULL, CHECK_NGINX},
        {"postgres-setup", no_argument, NULL, POSTGRES_SETUP},
        {"import", required_argument, NULL, IMPORT},
        {"probe", required_argument, NULL, PROBE},
        {"wait", required_argument, NULL, PROBE_WAIT},
        {"origin", required_argument, NULL, PROBE_ORIGIN},
        {"publish", required_argument, NULL, PROBE_PUBLISH},
        {"header", required_argument, NULL, PROBE_HEADER},
        {"json", no_argument, NULL, PROBE_JSON},
        {0}};
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
        case IMPORT:
            arguments->import = optarg;
            break;
        case POSTGRES_SETUP:
            arguments->postgres_setup = true;
            break;
        case PROBE:
        case PROBE_WAIT:
        case PROBE_ORIGIN:
        case PROBE_PUBLISH:
        case PROBE_HEADER:
        case PROBE_JSON:
            if (!read_probe(&arguments->probe, option, optarg))
                return EX_USAGE;
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
    return check_rest(arguments, argv[optind]);
}

void arguments_free(struct arguments *arguments)
{
    free(arguments->options);
    *arguments = (struct arguments){0};
}
