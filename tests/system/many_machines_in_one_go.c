/* SPDX-License-Identifier: ISC */
/* nginx-examples/many.sh, as it is: Redis, two nginx, three fcgiwait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "redis_server.h"
#include "stack.h"

static int two_in_a_row(void)
{
    int port = free_port(), next = free_port();
    while (next != port + 1) {
        port = next;
        next = free_port();
    }
    return port;
}

static void a_change_goes_from_one_machine_to_another(void **state)
{
    char command[1024], output[8192] = "";
    (void)state;
    snprintf(command, sizeof command,
             "unset SUDO_USER; PORT=%d QUICKSTART_SECONDS=1 FCGIWAIT='%s' bash "
             "'%s/many.sh' 2>&1",
             two_in_a_row(), getenv("FCGIWAIT"), getenv("EXAMPLES"));
    FILE *in = popen(command, "r");
    must(in != NULL, "popen");
    size_t len = fread(output, 1, sizeof output - 1, in);
    output[len] = '\0';
    must(pclose(in) == 0, "%s", output);
    must(strstr(output, "\nHello\n") != NULL, "%s", output);
    must(strstr(output, "\nWritten meanwhile\n") != NULL, "%s", output);
    must(strstr(output, "\n  redis-cli -s ") != NULL, "%s", output);
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
