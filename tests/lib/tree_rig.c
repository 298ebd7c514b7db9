/* SPDX-License-Identifier: ISC */
#include "tree_rig.h"

#include "must.h"

int tree_rig_setup(void **state)
{
    *state = tree_new(1);
    return *state == NULL;
}

int tree_rig_teardown(void **state)
{
    struct tree *tree = *state;
    tree_free(&tree);
    return 0;
}

void tree_rig_change(struct tree *tree, enum change_kind kind, const char *path,
                     uint64_t index)
{
    struct document *document =
        kind == CHANGE_PUT ? document_new(TEXT("text/plain"), text_of(path)) : NULL;
    struct change change = {kind, index, (nanos)index, text_of(path), document};
    assert_true(tree_apply(tree, &change));
    document_unref(&document);
}

uint64_t tree_rig_index(struct tree *tree, const char *path, enum scope scope)
{
    struct present present;
    tree_look(tree, text_of(path), scope, &present);
    present_dispose(&present);
    return present.index;
}
