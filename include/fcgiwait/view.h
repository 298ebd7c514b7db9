/* SPDX-License-Identifier: ISC */
/*
 * view: the tree as the store's present state. Wiring: included by the roof, and by tests
 * that want a store with a tree behind it.
 */
#ifndef FCGIWAIT_VIEW_H
#define FCGIWAIT_VIEW_H

#include "fcgiwait/store.h"
#include "fcgiwait/tree.h"

/* The tree has to outlive the store. */
struct store_view view_of(struct tree *tree);

#endif
