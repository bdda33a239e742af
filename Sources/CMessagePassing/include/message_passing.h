#pragma once
#include <stddef.h>

/* MPI for whoever may not see its macros: bytes from one rank to another. One thread calls all of these. What returns an
   int returns 0, or MPI's code of what went wrong. */

/* Joins the ranks that were started together. */
int zz_mpi_join(int *rank, int *size, int *on_host);

/* Sends a copy of the bytes; does not wait for whoever receives them. */
int zz_mpi_send(const void *bytes, size_t count, int to);

/* Whether a message waits, and if so from whom and of how many bytes; messages on their way move on. */
int zz_mpi_waiting(int *is_there, int *from, size_t *count);

/* Takes the first message of that rank, of as many bytes. */
int zz_mpi_receive(void *bytes, size_t count, int from);

/* Waits for what was sent, then leaves. */
int zz_mpi_leave(void);

/* What a code means; at most `count` bytes with the zero. */
void zz_mpi_describe(int code, char *text, size_t count);
