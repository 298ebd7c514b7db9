/* SPDX-License-Identifier: ISC */
/*
 * postgres_bytes: what a PostgreSQL 15.20 sent, protocol version 1, in hexadecimal:
 *
 *   create table posts (id int primary key, author_id int, slug text, body text)
 *       with (toast_tuple_target = 128);             -- body: storage external
 *   create table notes (id int primary key, author_id int, body text)
 *       with (toast_tuple_target = 128);             -- replica identity full
 *   create table "Odd.Schema"."My ""Table" ("Id" int primary key, "a}b" text);
 *   create table parted (id int, k text, primary key (id, k)) partition by list (k);
 *
 *   insert into posts values (1, 7, 'a b/c', 'x');
 *   update posts set author_id = 8 where id = 1;
 *   update posts set id = 2, slug = null;
 *   update posts set body = repeat('0123456789', 13);
 *   update posts set author_id = 9;
 *   delete from posts; ...
 */
#ifndef TESTS_POSTGRES_BYTES_H
#define TESTS_POSTGRES_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "fcgiwait/text.h"

#define BYTES_BEGIN_1 "42000000000158faf800030423ff4169cd00000301"
#define BYTES_POSTS                                                                      \
    "52000040397075626c696300706f737473006400040169640000000017ffffffff00617574686f725f" \
    "69640000000017ffffffff00736c75670000000019ffffffff00626f64790000000019ffffffff"
#define BYTES_INSERT                                                                     \
    "49000040394e000474000000013174000000013774000000056120622f63740000000178"
#define BYTES_COMMIT_1 "4300000000000158faf8000000000158fb2800030423ff4169cd"
#define BYTES_UPDATE_AUTHOR                                                              \
    "55000040394e000474000000013174000000013874000000056120622f63740000000178"
#define BYTES_UPDATE_KEY                                                                 \
    "55000040394b00047400000001316e6e6e4e00047400000001327400000001386e740000000178"
#define BYTES_UPDATE_BODY                                                                \
    "55000040394e00047400000001327400000001386e7400000082303132333435363738393031323334" \
    "3536373839303132333435363738393031323334353637383930313233343536373839303132333435" \
    "3637383930313233343536373839303132333435363738393031323334353637383930313233343536" \
    "373839303132333435363738393031323334353637383930313233343536373839"
#define BYTES_UPDATE_UNCHANGED                                                           \
    "55000040394e00047400000001327400000001396e7400000082303132333435363738393031323334" \
    "3536373839303132333435363738393031323334353637383930313233343536373839303132333435" \
    "3637383930313233343536373839303132333435363738393031323334353637383930313233343536" \
    "373839303132333435363738393031323334353637383930313233343536373839"
#define BYTES_DELETE "44000040394b00047400000001326e6e6e"
#define BYTES_NOTES                                                                      \
    "52000040407075626c6963006e6f746573006600030169640000000017ffffffff01617574686f725f" \
    "69640000000017ffffffff01626f64790000000019ffffffff"
#define BYTES_NOTES_UPDATE                                                               \
    "55000040404f000374000000013174000000013174000000827a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a4e0003740000000131" \
    "74000000013274000000827a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"
#define BYTES_NOTES_DELETE                                                               \
    "44000040404f000374000000013174000000013274000000827a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a" \
    "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"
#define BYTES_ODD                                                                        \
    "52000040484f64642e536368656d61004d7920225461626c65006400020149640000000017ffffffff" \
    "00617d620000000019ffffffff"
#define BYTES_ODD_INSERT "49000040484e0002740000000131740000000178"
#define BYTES_TYPE "59000040507075626c6963006d6f6f6400"
#define BYTES_TYPED                                                                      \
    "52000040557075626c6963007479706564006400020169640000000017ffffffff006d0000004050ff" \
    "ffffff"
#define BYTES_PARTITION                                                                  \
    "520000405f7075626c6963007061727465645f61006400020169640000000017ffffffff016b000000" \
    "0019ffffffff"
#define BYTES_PARTITION_INSERT "490000405f4e0002740000000131740000000161"
#define BYTES_MESSAGE                                                                    \
    "4d0100000000015908186663676977616974000000000f2f696e2f7472616e73616374696f6e"
#define BYTES_MESSAGE_OUTSIDE                                                            \
    "4d0000000000015908986663676977616974000000000a2f6f7574736964652f2a"
#define BYTES_TRUNCATE "5400000002010000403900004040"
#define BYTES_ORIGIN "4f00000000000012346f7468657200"

/* malloc'd, exactly as large: a reader that goes too far is seen. */
static inline struct text bytes_of(const char *hex)
{
    size_t len = strlen(hex) / 2;
    char *bytes = malloc(len + 1);
    for (size_t i = 0; bytes != NULL && i < len; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (char)strtoul(pair, NULL, 16);
    }
    char *tight = bytes != NULL ? realloc(bytes, len > 0 ? len : 1) : NULL;
    return (struct text){tight != NULL ? tight : bytes, tight != NULL ? len : 0};
}

#endif
