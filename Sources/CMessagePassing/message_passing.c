#include "message_passing.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

/* A message on its way, with the bytes that MPI still reads. */
struct sent {
  MPI_Request request;
  struct sent *next;
  char bytes[];
};

static struct sent *on_their_way;

/* Forgets the messages that have arrived, or waits for all. */
static int settle(int waits) {
  for (struct sent **place = &on_their_way; *place;) {
    struct sent *message = *place;
    int done = 1;
    int code = waits ? MPI_Wait(&message->request, MPI_STATUS_IGNORE)
                     : MPI_Test(&message->request, &done, MPI_STATUS_IGNORE);
    if (code) return code;
    if (done) {
      *place = message->next;
      free(message);
    } else {
      place = &message->next;
    }
  }
  return 0;
}

int zz_mpi_join(int *rank, int *size, int *on_host) {
  int code, level;
  MPI_Comm host;
  if ((code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level))) return code;
  if ((code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN))) return code;
  if ((code = MPI_Comm_rank(MPI_COMM_WORLD, rank))) return code;
  if ((code = MPI_Comm_size(MPI_COMM_WORLD, size))) return code;
  if ((code = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, *rank, MPI_INFO_NULL, &host)))
    return code;
  if ((code = MPI_Comm_size(host, on_host))) return code;
  return MPI_Comm_free(&host);
}

int zz_mpi_send(const void *bytes, size_t count, int to) {
  int code = settle(0);
  if (code) return code;
  if (count > INT_MAX) return MPI_ERR_COUNT;
  struct sent *message = malloc(sizeof *message + count);
  if (!message) return MPI_ERR_NO_MEM;
  memcpy(message->bytes, bytes, count);
  code = MPI_Isend(message->bytes, (int)count, MPI_BYTE, to, 0, MPI_COMM_WORLD, &message->request);
  if (code) {
    free(message);
    return code;
  }
  message->next = on_their_way;
  on_their_way = message;
  return 0;
}

int zz_mpi_waiting(int *is_there, int *from, size_t *count) {
  MPI_Status status;
  int bytes = 0, code = settle(0);
  if (code) return code;
  if ((code = MPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, is_there, &status))) return code;
  if (!*is_there) return 0;
  code = MPI_Get_count(&status, MPI_BYTE, &bytes);
  *from = status.MPI_SOURCE;
  *count = (size_t)bytes;
  return code;
}

int zz_mpi_receive(void *bytes, size_t count, int from) {
  return MPI_Recv(bytes, (int)count, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

int zz_mpi_leave(void) {
  int code = settle(1);
  return code ? code : MPI_Finalize();
}

void zz_mpi_describe(int code, char *text, size_t count) {
  char whole[MPI_MAX_ERROR_STRING] = "";
  int length;
  if (MPI_Error_string(code, whole, &length)) strcpy(whole, "an error that MPI does not name");
  whole[sizeof whole - 1] = 0;
  strncpy(text, whole, count - 1);
  text[count - 1] = 0;
}
