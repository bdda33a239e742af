#ifndef ZIGZAG_BUILD_H
#define ZIGZAG_BUILD_H

/* The commit that this program was built from, as Package.swift reads it from git: ten hexadecimal digits, with
   "+" behind them where files were changed since; empty outside a git repository. */
const char *zz_commit(void);

#endif
