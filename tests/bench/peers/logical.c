/* SPDX-License-Identifier: ISC */
/*
 * The least that somebody can do who follows PostgreSQL: the stream that fcgiwait asks
 * for, thrown away unread. What the server still has less than nobody following is the
 * price of its own decoding and sending.
 *
 *     logical CONNINFO PUBLICATION [MICROSECONDS]
 *
 * With MICROSECONDS it rests for so long between reads, so that it is woken less often.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define ROOM (1 << 18)

static void must(PGconn *server, int good)
{
    if (good)
        return;
    fprintf(stderr, "logical: %s", PQerrorMessage(server));
    exit(1);
}

static void say(PGconn *server, const char *command, ExecStatusType expected)
{
    PGresult *result = PQexec(server, command);
    must(server, PQresultStatus(result) == expected);
    PQclear(result);
}

/* That we are here; the slot ends with us, so how far we are is nobody's business. */
static void tell(PGconn *server)
{
    static const char status[34] = "r";
    must(server,
         PQputCopyData(server, status, sizeof status) > 0 && PQflush(server) == 0);
}

int main(int argc, char **argv)
{
    static char bytes[ROOM];
    char command[256];
    if (argc < 3)
        return 64;
    const struct timespec rest = {.tv_nsec = argc > 3 ? atol(argv[3]) * 1000 : 0};
    snprintf(command, sizeof command, "%s replication=database", argv[1]);
    PGconn *server = PQconnectdb(command);
    must(server, PQstatus(server) == CONNECTION_OK);
    say(server, "CREATE_REPLICATION_SLOT logical TEMPORARY LOGICAL pgoutput",
        PGRES_TUPLES_OK);
    snprintf(command, sizeof command,
             "START_REPLICATION SLOT logical LOGICAL 0/0 (proto_version '%d', "
             "publication_names '%s', messages 'true')",
             PQserverVersion(server) >= 150000 ? 3 : 2, argv[2]);
    say(server, command, PGRES_COPY_BOTH);
    puts("follows");
    fflush(stdout);
    struct pollfd fd = {PQsocket(server), POLLIN, 0};
    for (time_t told = 0;;) {
        if (time(NULL) - told >= 5) {
            tell(server);
            told = time(NULL);
        }
        if (poll(&fd, 1, 1000) > 0 && read(fd.fd, bytes, sizeof bytes) <= 0)
            return 1;
        if (rest.tv_nsec > 0)
            nanosleep(&rest, NULL);
    }
}
