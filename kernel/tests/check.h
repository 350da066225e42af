/* One line a check, and how many passed at the end. */
#ifndef HEADLAB_TESTS_CHECK_H
#define HEADLAB_TESTS_CHECK_H
#include <stdarg.h>
#include <stdio.h>

static int checks_passed, checks_failed;

static void check(int holds, const char *claim, ...) {
    va_list given;
    va_start(given, claim);
    fputs(holds ? "ok   " : "FAIL ", stdout);
    vprintf(claim, given);
    va_end(given);
    putchar('\n');
    fflush(stdout);
    *(holds ? &checks_passed : &checks_failed) += 1;
}

/* The exit status. */
static int checked(void) {
    printf("%d passed, %d failed\n", checks_passed, checks_failed);
    return checks_failed != 0;
}

#endif
