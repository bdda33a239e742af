// A disk that fails: preloaded, it makes one call on matching files fail, and all after it.
//
//   FAIL_CALL    write, read, fsync, rename or reserve
//   FAIL_PATH    part of the path of the files meant
//   FAIL_AFTER   how many such calls succeed before
//   FAIL_ERRNO   what they fail with, a number
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int calls;

static int fails(const char *call, const char *path) {
  const char *wanted = getenv("FAIL_CALL"), *part = getenv("FAIL_PATH");
  if (!wanted || !part || strcmp(wanted, call) != 0 || !strstr(path, part)) return 0;
  return atomic_fetch_add(&calls, 1) >= atoi(getenv("FAIL_AFTER"));
}

static int fails_at(const char *call, int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(call, path);
}

#define FAIL return errno = atoi(getenv("FAIL_ERRNO")), -1
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
  if (fails_at("write", fd)) FAIL;
  return REAL(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  if (fails_at("write", fd)) FAIL;
  return REAL(pwrite)(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  if (fails_at("write", fd)) FAIL;
  return REAL(pwrite64)(fd, bytes, count, offset);
}

ssize_t read(int fd, void *bytes, size_t count) {
  if (fails_at("read", fd)) FAIL;
  return REAL(read)(fd, bytes, count);
}

ssize_t pread(int fd, void *bytes, size_t count, off_t offset) {
  if (fails_at("read", fd)) FAIL;
  return REAL(pread)(fd, bytes, count, offset);
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) {
  if (fails_at("read", fd)) FAIL;
  return REAL(pread64)(fd, bytes, count, offset);
}

int fsync(int fd) {
  if (fails_at("fsync", fd)) FAIL;
  return REAL(fsync)(fd);
}

int rename(const char *from, const char *to) {
  if (fails("rename", to)) FAIL;
  return REAL(rename)(from, to);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  if (fails_at("reserve", fd)) return atoi(getenv("FAIL_ERRNO"));
  return REAL(posix_fallocate)(fd, offset, length);
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  if (fails_at("reserve", fd)) return atoi(getenv("FAIL_ERRNO"));
  return REAL(posix_fallocate64)(fd, offset, length);
}
