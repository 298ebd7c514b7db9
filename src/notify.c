/* SPDX-License-Identifier: ISC */
/*
 * notify: one datagram to systemd for each thing to tell. The protocol is a few lines and
 * stable, so that libsystemd is not needed for it.
 */
#include "notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or with @ before it a name that is no file. */
static socklen_t read_address(const char *name, struct sockaddr_un *address)
{
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len >= sizeof address->sun_path)
        return 0;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, len);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static void tell(const char *words)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t len = name != NULL ? read_address(name, &address) : 0;
    int fd = len > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    (void)!sendto(fd, words, strlen(words), MSG_NOSIGNAL, (struct sockaddr *)&address,
                  len);
    close(fd);
}

void notify_serving(void)
{
    tell("READY=1");
}

void notify_stopping(nanos longest)
{
    char words[64];
    snprintf(words, sizeof words, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
             (long long)(longest / (NANOS_PER_SECOND / 1000000)));
    tell(words);
}
