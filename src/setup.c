/* SPDX-License-Identifier: ISC */
/*
 * The roof's side of a store that somebody else has to prepare: what it needs is printed,
 * what is there is compared. Neither opens the store.
 */
#include "setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct store_options setup_store(const struct config *config)
{
    return (struct store_options){.type = config->store_type,
                                  .file = config->store_file,
                                  .relaxed = strcmp(config->store_sync, "full") != 0,
                                  .url = config->store_url,
                                  .name = config->store_name,
                                  .replicas = (unsigned)config->store_replicas,
                                  .fenced = strcmp(config->store_reads, "fenced") == 0,
                                  .patience = config->store_patience,
                                  .history = (uint64_t)config->store_history,
                                  .publication = config->store_publication,
                                  .tables = config->store_tables,
                                  .table_count = config->store_table_count};
}

static void say(void *stream, const char *what)
{
    fprintf(stream, "fcgiwait: %s\n", what);
}

int setup_check(const struct config *config)
{
    const struct store_options options = setup_store(config);
    switch (store_check(&options, say, stderr)) {
    case STORE_WRONG:
        return EX_CONFIG;
    case STORE_UNREACHABLE:
        puts("fcgiwait: the configuration is good in itself; what it asks of the store "
             "was not compared with what is there");
        return EXIT_SUCCESS;
    default:
        puts("fcgiwait: the configuration is good");
        return EXIT_SUCCESS;
    }
}

int setup_print(const struct config *config)
{
    const struct store_options options = setup_store(config);
    char error[512];
    if (store_print_setup(&options, stdout, error, sizeof error) && fflush(stdout) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "fcgiwait: --postgres-setup: %s\n", error);
    return EX_CONFIG;
}
