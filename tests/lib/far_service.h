/* SPDX-License-Identifier: ISC */
/*
 * far_service: a service in a process of its own, over a store that others may share.
 * Requests go there, and answers come back, through a socket.
 *
 * The process is the test program itself, started once more: its main() begins with
 * far_service_main().
 */
#ifndef TESTS_FAR_SERVICE_H
#define TESTS_FAR_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct far_service {
    pid_t pid;
    int socket;
    uint32_t calls;
};

struct far_options {
    const char *type, *file; /* of the store */
    size_t resources;        /* its limit */
    size_t changes, answer;  /* that one answer tells, and its bytes */
};

enum far_what { FAR_REQUEST, FAR_SPAN, FAR_STOP };

struct far_call {
    uint32_t id;
    uint8_t what;
    bool publishes, below;
    char method[8], path[48], query[200], tags[32], type[40], body[96];
};

struct far_answer {
    uint32_t id;
    bool served;    /* no answer: the request was looked at, and may be held */
    int status;     /* 0: nobody was there to answer */
    uint64_t index; /* X-Polling-Index */
    uint64_t horizon, newest, born; /* of FAR_SPAN */
    char body[40960];
};

/* Does what such a process does, and does not return, where it is one. */
void far_service_main(int argc, char **argv);

void far_service_start(struct far_service *far, const struct far_options *options);

/* Ends it orderly: what is held is answered first, up to the end of all answers. */
void far_service_stop(struct far_service *far);
void far_service_kill(struct far_service *far);
/* After either, once far_service_receive() has said that it is over. */
void far_service_bury(struct far_service *far);

/* Its id is in the answer. */
uint32_t far_service_send(struct far_service *far, struct far_call *call);

/* The next answer, a minute at most; false: it is over. */
bool far_service_receive(struct far_service *far, struct far_answer *answer);

#endif
