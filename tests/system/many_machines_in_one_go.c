/* SPDX-License-Identifier: ISC */
/* nginx-examples/many.sh, as it is: Redis, two nginx, three fcgiwait. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"
#include "redis_server.h"
#include "stack.h"

static bool is_free(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    must(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0,
         "socket");
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return bound;
}

/* Two in a row that nobody has, below those that the kernel gives to clients: one of them
 * would have the second before it is listened on. */
static int two_ports(void)
{
    int port = 16384 + getpid() % 8192 * 2;
    while (port > 1024 && !(is_free(port) && is_free(port + 1)))
        port -= 2;
    return port;
}

static void a_change_goes_from_one_machine_to_another(void **state)
{
    char command[1024], output[8192] = "";
    (void)state;
    snprintf(command, sizeof command,
             "PORT=%d QUICKSTART_SECONDS=1 FCGIWAIT='%s' bash '%s/many.sh' 2>&1",
             two_ports(), getenv("FCGIWAIT"), getenv("EXAMPLES"));
    FILE *in = popen(command, "r");
    must(in != NULL, "popen");
    size_t len = fread(output, 1, sizeof output - 1, in);
    output[len] = '\0';
    must(pclose(in) == 0, "%s", output);
    must(strstr(output, "\nHello\n") != NULL, "%s", output);
    must(strstr(output, "\nWritten meanwhile\n") != NULL, "%s", output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_goes_from_one_machine_to_another),
    };
    must(getenv("FCGIWAIT") != NULL && getenv("EXAMPLES") != NULL,
         "FCGIWAIT and EXAMPLES in the environment");
    if (!redis_server_can() || system("command -v redis-cli >/dev/null") != 0) {
        printf("this needs redis-server, redis-cli, and a build with hiredis\n");
        return 77; /* skipped */
    }
    return cmocka_run_group_tests_name("many_machines_in_one_go", tests, NULL, NULL);
}
