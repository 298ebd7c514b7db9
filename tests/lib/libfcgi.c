/* SPDX-License-Identifier: ISC */
/*
 * A request whose descriptor is there already, and is to be kept, makes FCGX_Accept_r()
 * read from it instead of accepting; everything lies in the socket before it is called,
 * so that it never waits. Linked by fuzz targets too, which know nothing of cmocka.
 */
#include "libfcgi.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fastcgi.h>

#define RECORDS_MOST 64
#define REQUEST_MOST (FCGI_MAX_LENGTH + (RECORDS_MOST + 4) * FCGI_HEADER_LEN)

static void need(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    abort();
}

struct bytes {
    char at[REQUEST_MOST];
    size_t len;
};

static void add_record(struct bytes *bytes, unsigned char type, struct text content)
{
    char header[FCGI_HEADER_LEN] = {FCGI_VERSION_1,           (char)type,       0, 1,
                                    (char)(content.len >> 8), (char)content.len};
    memcpy(bytes->at + bytes->len, header, sizeof header);
    bytes->len += sizeof header;
    if (content.len > 0)
        memcpy(bytes->at + bytes->len, content.at, content.len);
    bytes->len += content.len;
}

static void send_request(int fd, struct text pairs, size_t record)
{
    static struct bytes bytes;
    bytes.len = 0;
    add_record(&bytes, FCGI_BEGIN_REQUEST, TEXT("\0\1\1\0\0\0\0\0"));
    while (pairs.len > 0) {
        size_t len = pairs.len < record ? pairs.len : record;
        add_record(&bytes, FCGI_PARAMS, (struct text){pairs.at, len});
        text_skip(&pairs, len);
    }
    add_record(&bytes, FCGI_PARAMS, TEXT(""));
    add_record(&bytes, FCGI_STDIN, TEXT(""));
    need(send(fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes.len,
         "send");
}

void libfcgi_decode(struct libfcgi *libfcgi, struct text pairs, size_t record)
{
    static bool is_open;
    int ends[2];
    size_t least = pairs.len / RECORDS_MOST + 1;
    if (!is_open)
        need(FCGX_Init() == 0, "FCGX_Init");
    is_open = true;
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    send_request(ends[0], pairs, record < least ? least : record);
    close(ends[0]);
    need(FCGX_InitRequest(&libfcgi->request, -1, 0) == 0, "FCGX_InitRequest");
    libfcgi->request.ipcFd = ends[1];
    libfcgi->request.keepConnection = 1;
    libfcgi->environment = NULL;
    if (FCGX_Accept_r(&libfcgi->request) != 0)
        return;
    libfcgi->environment = libfcgi->request.envp;
    need(strcmp(*libfcgi->environment++, "FCGI_ROLE=RESPONDER") == 0, "its own first");
}

void libfcgi_forget(struct libfcgi *libfcgi)
{
    FCGX_Free(&libfcgi->request, 1);
}
