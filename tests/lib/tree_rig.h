/* SPDX-License-Identifier: ISC */
/* tree_rig: a tree that is changed and looked at in one line. */
#ifndef TESTS_TREE_RIG_H
#define TESTS_TREE_RIG_H

#include "fcgiwait/tree.h"

/* As fixtures of cmocka: the state is a tree for one worker, without a bell. */
int tree_rig_setup(void **state);
int tree_rig_teardown(void **state);

/* At the time `index`; a document is a text that holds its path. Fails the test where the
 * tree has no memory. */
void tree_rig_change(struct tree *tree, enum change_kind kind, const char *path,
                     uint64_t index);

uint64_t tree_rig_index(struct tree *tree, const char *path, enum scope scope);

#endif
