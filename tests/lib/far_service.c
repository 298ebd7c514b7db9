/* SPDX-License-Identifier: ISC */
#include "far_service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "must.h"
#include "service_rig.h"

#define NAME "far-service"

/* --- over there --- */

struct guest {
    struct request request; /* first: it comes back */
    uint32_t id;
};

static int home = -1;

static void tell(const struct far_answer *answer)
{
    while (send(home, answer, sizeof *answer, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            _exit(0); /* nobody is there any more */
}

static uint64_t index_in(const struct reply *reply)
{
    char head[REPLY_HEAD + 1];
    memcpy(head, reply->head, reply->head_len);
    head[reply->head_len] = '\0';
    const char *line = strstr(head, "X-Polling-Index: ");
    return line != NULL ? strtoull(strchr(line, ' '), NULL, 10) : 0;
}

static void answer_guest(struct request *request, struct reply *reply)
{
    struct guest *guest = (struct guest *)request;
    struct far_answer answer = {.id = guest->id};
    if (reply != NULL) {
        must(reply->body.len < sizeof answer.body, "an answer of %zu bytes",
             reply->body.len);
        answer.status = reply->status;
        answer.index = index_in(reply);
        if (reply->body.len > 0)
            memcpy(answer.body, reply->body.at, reply->body.len);
        reply_dispose(reply);
    }
    tell(&answer);
    free(guest);
}

static const struct exchange_ops exchange = {.reply = answer_guest};

static void serve(struct service_rig *rig, const struct far_call *call)
{
    struct guest *guest = calloc(1, sizeof *guest);
    must(guest != NULL, "no memory");
    guest->id = call->id;
    guest->request.exchange = &exchange;
    struct cgi cgi = {.method = text_of(call->method),
                      .script_name = text_of(call->path),
                      .query = text_of(call->query),
                      .scope = call->below ? TEXT("below") : TEXT("resource"),
                      .access = call->publishes ? TEXT("publish") : TEXT("read"),
                      .content_type = text_of(call->type),
                      .body = text_of(call->body),
                      .body_length = strlen(call->body)};
    if (call->tags[0] != '\0')
        cgi.if_none_match = text_of(call->tags);
    service_serve(rig->service, &guest->request, &cgi);
    tell(&(struct far_answer){.id = call->id, .served = true});
}

static void tell_span(struct service_rig *rig, const struct far_call *call)
{
    struct far_answer answer = {.id = call->id};
    struct tree_span span;
    tree_span(rig->tree, &span);
    answer.horizon = span.horizon;
    answer.newest = span.newest;
    answer.born = store_born(rig->store);
    tell(&answer);
}

void far_service_main(int argc, char **argv)
{
    struct service_rig rig;
    struct far_call call;
    struct service_rules rules = service_rig_rules;
    if (argc != 7 || strcmp(argv[0], NAME) != 0)
        return;
    home = atoi(argv[1]);
    rules.limit_changes = strtoul(argv[5], NULL, 10);
    rules.limit_answer = strtoul(argv[6], NULL, 10);
    rules.wait_max = 3600 * NANOS_PER_SECOND; /* longer than any test runs */
    service_rig_open_over(&rig, &rules,
                          &(struct store_options){.type = argv[2], .file = argv[3]});
    store_set_limit(rig.store, strtoul(argv[4], NULL, 10));
    tell(&(struct far_answer){.served = true});
    while (recv(home, &call, sizeof call, 0) == sizeof call && call.what != FAR_STOP)
        if (call.what == FAR_SPAN)
            tell_span(&rig, &call);
        else
            serve(&rig, &call);
    service_rig_close(&rig);
    exit(0);
}

/* --- here --- */

void far_service_start(struct far_service *far, const struct far_options *options)
{
    int pair[2];
    char fd[16], resources[24], changes[24], answer[24];
    struct far_answer ready;
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "no socket");
    *far = (struct far_service){.socket = pair[0]};
    snprintf(fd, sizeof fd, "%d", pair[1]);
    snprintf(resources, sizeof resources, "%zu", options->resources);
    snprintf(changes, sizeof changes, "%zu", options->changes);
    snprintf(answer, sizeof answer, "%zu", options->answer);
    char *arguments[] = {NAME,
                         fd,
                         (char *)(uintptr_t)options->type,
                         (char *)(uintptr_t)(options->file != NULL ? options->file : ""),
                         resources,
                         changes,
                         answer,
                         NULL};
    far->pid = fork();
    must(far->pid >= 0, "no process");
    if (far->pid == 0) {
        int mine = dup(pair[1]); /* without CLOEXEC */
        snprintf(fd, sizeof fd, "%d", mine);
        execv("/proc/self/exe", arguments);
        _exit(127);
    }
    close(pair[1]);
    must(far_service_receive(far, &ready), "it does not start");
}

uint32_t far_service_send(struct far_service *far, struct far_call *call)
{
    call->id = ++far->calls;
    must(send(far->socket, call, sizeof *call, MSG_NOSIGNAL) == sizeof *call,
         "nobody is there");
    return call->id;
}

bool far_service_receive(struct far_service *far, struct far_answer *answer)
{
    struct pollfd ready = {.fd = far->socket, .events = POLLIN};
    ssize_t got;
    must(poll(&ready, 1, 60000) == 1, "no answer");
    while ((got = recv(far->socket, answer, sizeof *answer, 0)) < 0 && errno == EINTR)
        ;
    return got == sizeof *answer;
}

void far_service_stop(struct far_service *far)
{
    struct far_call call = {.what = FAR_STOP};
    far_service_send(far, &call);
}

void far_service_kill(struct far_service *far)
{
    kill(far->pid, SIGKILL);
}

void far_service_bury(struct far_service *far)
{
    int status;
    must(waitpid(far->pid, &status, 0) == far->pid, "no such process");
    must(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0,
         "it ended with %#x", (unsigned)status);
    close(far->socket);
}
