/* SPDX-License-Identifier: ISC */
#include "row_world.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#ifdef WITH_POSTGRES

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "http.h"
#include "must.h"

/* --- the database --- */

/* NULL: it is away. */
static PGresult *ask(PGconn **connection, const char *url, const char *command)
{
    if (*connection == NULL || PQstatus(*connection) != CONNECTION_OK) {
        PQfinish(*connection);
        *connection = PQconnectdb(url);
    }
    PGresult *result = PQexec(*connection, command);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        return result;
    PQclear(result);
    PQfinish(*connection);
    *connection = NULL;
    sleep_ms(20);
    return NULL;
}

static long version_of(PGconn **connection, const char *url, int row)
{
    char command[128];
    snprintf(command, sizeof command, "SELECT version FROM rows WHERE id = %d", row);
    PGresult *result = ask(connection, url, command);
    long version = result != NULL ? atol(PQgetvalue(result, 0, 0)) : -1;
    PQclear(result);
    return version;
}

/* --- the API --- */

static void answer(struct world *world, PGconn **connection, int fd)
{
    char request[4096], body[64], reply[256];
    int row, len = (int)read(fd, request, sizeof request - 1);
    request[len > 0 ? len : 0] = '\0';
    if (sscanf(request, "GET /rows/%d", &row) != 1) {
        close(fd);
        return;
    }
    long version = version_of(connection, world->url, row);
    int body_len = snprintf(body, sizeof body, "{\"version\":%ld}", version);
    len = snprintf(reply, sizeof reply,
                   "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: "
                   "%d\r\nConnection: close\r\n\r\n%s",
                   version >= 0 ? "200 OK" : "503 Service Unavailable", body_len, body);
    (void)!write(fd, reply, (size_t)len);
    close(fd);
}

static void *serve(void *context)
{
    struct world *world = context;
    PGconn *connection = NULL;
    while (atomic_load(&world->serving)) {
        int fd = accept(world->api, NULL, NULL);
        if (fd >= 0)
            answer(world, &connection, fd);
    }
    PQfinish(connection);
    return NULL;
}

static void start_api(struct world *world)
{
    world->api_port = free_port();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)world->api_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    world->api = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(world->api, (struct sockaddr *)&address, sizeof address) == 0 &&
             listen(world->api, 1000) == 0,
         "the API's port is taken");
    atomic_store(&world->serving, true);
    for (size_t i = 0; i < sizeof world->servants / sizeof *world->servants; i++)
        pthread_create(&world->servants[i], NULL, serve, world);
}

/* --- writers --- */

static void note(struct world *world, int row, long version, const char *place)
{
    uint32_t high = 0, low = 0; /* clang does not know that must() ends it */
    must(version < WORLD_VERSIONS && sscanf(place, "%X/%X", &high, &low) == 2,
         "version %ld at %s", version, place);
    struct world_row *one = &world->rows[row];
    atomic_store(&one->places[version], (uint64_t)high << 32 | low);
    long newest = atomic_load(&one->version);
    while (version > newest &&
           !atomic_compare_exchange_weak(&one->version, &newest, version))
        ;
}

static void *write_rows(void *context)
{
    struct world *world = context;
    PGconn *connection = NULL;
    unsigned seed = (unsigned)(uintptr_t)&connection;
    while (atomic_load(&world->writing)) {
        char command[128];
        if (atomic_load(&world->paused)) {
            sleep_ms(10);
            continue;
        }
        int row = (int)((unsigned)rand_r(&seed) % WORLD_ROWS);
        snprintf(command, sizeof command,
                 "UPDATE rows SET version = version + 1 WHERE id = %d RETURNING version",
                 row);
        PGresult *updated = ask(&connection, world->url, command);
        PGresult *place = updated != NULL ? ask(&connection, world->url,
                                                "SELECT pg_current_wal_insert_lsn()")
                                          : NULL;
        if (place != NULL)
            note(world, row, atol(PQgetvalue(updated, 0, 0)), PQgetvalue(place, 0, 0));
        PQclear(updated);
        PQclear(place);
        sleep_ms(1 + rand_r(&seed) % 300);
    }
    PQfinish(connection);
    return NULL;
}

/* --- clients --- */

/* The version that who has this index has to have, at least. */
static long least_version(const struct world *world, int row, uint64_t index)
{
    const struct world_row *one = &world->rows[row];
    uint64_t place = (index - (UINT64_C(1) << 36)) * 8; /* on the first timeline */
    long version = atomic_load(&one->version);
    while (version > 0 && (atomic_load(&one->places[version]) == 0 ||
                           atomic_load(&one->places[version]) > place))
        version--;
    return version;
}

static void take_answer(struct world_client *client, const struct answer *answer,
                        char index[256])
{
    const struct world *world = client->world;
    char next[256];
    long version;
    if (answer->status != 200 && answer->status != 304) {
        atomic_fetch_add(&client->refused, 1);
        sleep_ms(20);
        return;
    }
    answer_header(answer, "X-Polling-Index", next);
    must(next[0] != '\0', "an answer without an index");
    if (answer->status == 200) {
        must(sscanf(answer->body, "{\"version\":%ld", &version) == 1, "%s", answer->body);
        long least = world->checks
                         ? least_version(world, client->row, strtoull(next, NULL, 10))
                         : 0;
        must(version >= least, "row %d: version %ld with an index of %ld", client->row,
             version, least);
        atomic_store(&client->version, version);
        atomic_fetch_add(&client->answers, 1);
    }
    strcpy(index, next);
}

static void *follow(void *context)
{
    struct world_client *client = context;
    struct world *world = client->world;
    char index[256] = "";
    while (atomic_load(&world->asking)) {
        char path[400];
        client->machine = (client->machine + 1) % WORLD_MACHINES;
        snprintf(path, sizeof path, "/rows/%d?wait=3s%s%s", client->row,
                 index[0] != '\0' ? "&index=" : "", index);
        struct answer answer = http_get(world->stacks[client->machine].port, path, NULL);
        take_answer(client, &answer, index);
        answer_free(&answer);
    }
    return NULL;
}

/* --- all of it --- */

static void start_database(struct world *world, bool with_standby)
{
    postgres_server_start(&world->primary, NULL);
    postgres_server_say(&world->primary,
                        "CREATE TABLE rows (id int PRIMARY KEY, version bigint NOT NULL);"
                        "INSERT INTO rows SELECT n, 0 FROM generate_series(0, %d) n;"
                        "CREATE PUBLICATION fcgiwait FOR TABLE rows;",
                        WORLD_ROWS - 1);
    if (with_standby)
        postgres_server_start_standby(&world->standby, &world->primary);
    snprintf(world->url, sizeof world->url,
             "postgresql:///postgres?host=%s%s%s&user=postgres&target_session_attrs="
             "read-write&connect_timeout=5",
             world->primary.dir, with_standby ? "," : "", world->standby.dir);
}

static void start_machines(struct world *world)
{
    snprintf(world->config, sizeof world->config,
             "store = { type = \"postgres\"; url = \"%s\"; tables = ( { name = "
             "\"public.rows\"; path = \"/rows/{id}\"; } ); };",
             world->url);
    snprintf(world->location, sizeof world->location,
             "fastcgi_param FCGIWAIT_ORIGIN /_origin; }\n"
             "location /_origin/ { internal; set $index $upstream_http_x_polling_index;\n"
             "proxy_pass http://127.0.0.1:%d/; add_header X-Polling-Index $index always;",
             world->api_port);
    for (int i = 0; i < WORLD_MACHINES; i++)
        stack_start(&world->stacks[i],
                    &(struct stack_options){.config = world->config,
                                            .location = world->location,
                                            .logs_errors = true});
}

void world_start(struct world *world, bool with_standby)
{
    memset(world, 0, sizeof *world);
    world->checks = !with_standby;
    world->rows = calloc(WORLD_ROWS, sizeof *world->rows);
    must(world->rows != NULL, "no memory");
    start_database(world, with_standby);
    start_api(world);
    start_machines(world);
    atomic_store(&world->writing, true);
    atomic_store(&world->asking, true);
    for (int i = 0; i < WORLD_CLIENTS; i++) {
        struct world_client *client = &world->clients[i];
        client->world = world;
        client->row = i % WORLD_ROWS;
        client->machine = i;
        pthread_create(&client->thread, NULL, follow, client);
    }
    for (int i = 0; i < WORLD_WRITERS; i++)
        pthread_create(&world->writers[i], NULL, write_rows, world);
}

void world_settle(struct world *world)
{
    PGconn *connection = NULL;
    for (int i = 0; i < WORLD_CLIENTS; i++) {
        struct world_client *client = &world->clients[i];
        /* Looked at again: a slow writer may have been under way. */
        for (int tries = 0;; tries++) {
            long version = version_of(&connection, world->url, client->row);
            if (atomic_load(&client->version) == version)
                break;
            must(tries < 6000, "a client of row %d has version %ld, not %ld", client->row,
                 atomic_load(&client->version), version);
            sleep_ms(10);
        }
    }
    PQfinish(connection);
}

void world_rest(struct world *world)
{
    atomic_store(&world->writing, false);
    for (int i = 0; i < WORLD_WRITERS; i++)
        pthread_join(world->writers[i], NULL);
    world_settle(world);
}

void world_stop(struct world *world)
{
    atomic_store(&world->asking, false);
    for (int i = 0; i < WORLD_CLIENTS; i++)
        pthread_join(world->clients[i].thread, NULL);
    for (int i = 0; i < WORLD_MACHINES; i++)
        stack_stop(&world->stacks[i]);
    atomic_store(&world->serving, false);
    shutdown(world->api, SHUT_RDWR);
    for (size_t i = 0; i < sizeof world->servants / sizeof *world->servants; i++)
        pthread_join(world->servants[i], NULL);
    close(world->api);
    if (world->primary.pid > 0)
        postgres_server_must_be_clean(&world->primary);
    postgres_server_stop(&world->primary);
    if (world->standby.dir[0] != '\0')
        postgres_server_stop(&world->standby);
    free(world->rows);
}

#endif
