#ifndef ZIGZAG_BUILD_H
#define ZIGZAG_BUILD_H

/* The commit that this program was built from, as the Makefile says: ten hexadecimal digits, with "+"
   behind them where files were changed since; empty where make did not build it. */
const char *zz_commit(void);

#endif
