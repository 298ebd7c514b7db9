/* SPDX-License-Identifier: ISC */
/* Nodes and their waitlists, as memory. What they mean together is tree.c's. */
#include "node.h"

#include <stdlib.h>

#include "fcgiwait/path.h"

struct node *node_find(struct tree *tree, struct text path)
{
    struct node *node;
    HASH_FIND(hh, tree->nodes, path.at, path.len, node);
    return node;
}

static struct node *node_add(struct tree *tree, struct text path)
{
    struct node *node = calloc(1, sizeof *node + path.len);
    if (node == NULL)
        return NULL;
    memcpy(node->path, path.at, path.len);
    node->path_len = path.len;
    HASH_ADD_KEYPTR(hh, tree->nodes, node->path, node->path_len, node);
    if (node->hh.tbl == NULL) { /* how uthash says that it had no memory */
        free(node);
        return NULL;
    }
    return node;
}

struct node *node_make(struct tree *tree, struct text path)
{
    struct node *first = NULL, *child = NULL;
    while (path.len > 0) {
        struct node *found = node_find(tree, path);
        struct node *node = found != NULL ? found : node_add(tree, path);
        if (node == NULL) {
            if (first != NULL)
                node_prune(tree, first);
            return NULL;
        }
        if (first == NULL)
            first = node;
        if (child != NULL) {
            child->parent = node;
            node->children++;
        }
        if (found != NULL)
            break;
        child = node;
        path = path_parent(path);
    }
    return first;
}

void node_prune(struct tree *tree, struct node *node)
{
    while (node != NULL && node->children == 0 && node->self.index == 0 &&
           node->below == 0 && node->waitlists[SCOPE_SELF] == NULL &&
           node->waitlists[SCOPE_BELOW] == NULL) {
        struct node *parent = node->parent;
        HASH_DEL(tree->nodes, node);
        document_unref(&node->self.document);
        free(node);
        if (parent != NULL)
            parent->children--;
        node = parent;
    }
}
