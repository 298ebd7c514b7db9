/* SPDX-License-Identifier: ISC */
/* shell: a command line. Ends the test where it fails. */
#ifndef TESTS_SHELL_H
#define TESTS_SHELL_H

void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
