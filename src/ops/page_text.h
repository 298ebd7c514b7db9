/* SPDX-License-Identifier: ISC */
/* page_text: the parts of page.html, as page.awk cuts it when it is built. Private to
 * ops. */
#ifndef FCGIWAIT_OPS_PAGE_TEXT_H
#define FCGIWAIT_OPS_PAGE_TEXT_H

#include <stddef.h>

extern const char page_document[], page_style[], page_script[];
extern const size_t page_document_len, page_style_len, page_script_len;

#endif
