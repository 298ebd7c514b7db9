/* SPDX-License-Identifier: ISC */
/* One file on the disk, three for browsers: a page that has its style and script inside
 * needs a Content-Security-Policy that knows them, and the web server's own does not. */
#include "fcgiwait/page.h"

#include "page_text.h"

bool page_file(struct text query, struct page_file *file)
{
    if (query.len == 0)
        *file = (struct page_file){"text/html; charset=utf-8",
                                   {page_document, page_document_len}};
    else if (text_is(query, TEXT("style")))
        *file =
            (struct page_file){"text/css; charset=utf-8", {page_style, page_style_len}};
    else if (text_is(query, TEXT("script")))
        *file = (struct page_file){"text/javascript; charset=utf-8",
                                   {page_script, page_script_len}};
    else
        return false;
    return true;
}
