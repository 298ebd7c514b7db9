/* SPDX-License-Identifier: ISC */
/*
 * faults: memory that runs out. Sees what the program's own code asks for, not the
 * libraries: a test that wants it is linked with --wrap (FAULT_LDFLAGS,
 * tests/Makefile.am).
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <stdbool.h>

enum faults {
    FAULTS_ONCE,     /* the nth request fails */
    FAULTS_FROM_THEN /* and all that follow */
};

/* From now on, in all threads. The first request is 1. */
void faults_arm(long nth, enum faults faults);

/* All is well again. True where a request was refused. */
bool faults_disarm(void);

/* Runs `scenario` once with each request failing in turn, alone and with all that follow,
 * until one runs through without. The scenario arms and disarms; it returns what the
 * latter did. Fails the test where not a single request was made. */
void faults_sweep(bool (*scenario)(long nth, enum faults faults));

#endif
