/* SPDX-License-Identifier: ISC */
/* nginx-examples/many.sh, as it is: Redis, two nginx, three fcgiwait. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "http.h"
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

/* Of the machine's first fcgiwait: nobody else asks it anything meanwhile. */
static long requests_told(int port)
{
    static const char name[] = "\nfcgiwait_requests_total ";
    struct answer answer = http(&(struct http){.port = port, .path = "/metrics"});
    const char *at = answer.status == 200 ? strstr(answer.body, name) : NULL;
    must(at != NULL, "%ld: %s", answer.status, answer.body);
    long count = strtol(at + sizeof name - 1, NULL, 10);
    answer_free(&answer);
    return count;
}

static void metrics_are_of_one_process(int port)
{
    long first = requests_told(port);
    for (int i = 1; i <= 12; i++)
        assert_int_equal(requests_told(port), first + i);
}

static void a_change_goes_from_one_machine_to_another(void **state)
{
    char command[1024], output[8192] = "";
    int port = two_in_a_row(), pid = 0;
    size_t len = 0;
    (void)state;
    snprintf(command, sizeof command,
             "unset SUDO_USER; export PORT=%d QUICKSTART_SECONDS=60 FCGIWAIT='%s'; "
             "echo $$; exec bash '%s/many.sh' 2>&1",
             port, getenv("FCGIWAIT"), getenv("EXAMPLES"));
    FILE *in = popen(command, "r");
    must(in != NULL && fscanf(in, "%d", &pid) == 1, "popen");
    while (len < sizeof output - 1 &&
           fgets(output + len, (int)(sizeof output - len), in) != NULL) {
        bool runs = strncmp(output + len, "Running.", 8) == 0;
        len += strlen(output + len);
        if (!runs)
            continue;
        metrics_are_of_one_process(port);
        kill(pid, SIGTERM);
        pid = 0;
    }
    int status = pclose(in);
    must(pid == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM, "%s",
         output);
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
