/* Preloaded into a server under test: writes and fsyncs of files below a path fail as a control file says.
   The harness writes the control file; this library maps it and counts what it made fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
  atomic_int write_error; /* errno of writes; 0: they go through */
  atomic_int sync_error;  /* errno of fsync and fdatasync */
  atomic_int left;        /* how many calls fail from now on; then all go through again */
  atomic_int failed;      /* how many calls have failed */
};

static struct control *control;
static const char *below;

__attribute__((constructor)) static void map(void) {
  const char *path = getenv("CRASH_FAULT_CONTROL");
  below = getenv("CRASH_FAULT_BELOW");
  int file = path && below ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) control = mapped;
  close(file);
}

static int is_below(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strstr(path, below) != NULL;
}

/* The errno that this call gets; 0: it goes through. */
static int fault(int file, atomic_int *error) {
  int number = atomic_load(error);
  if (!number || !is_below(file)) return 0;
  if (atomic_fetch_sub(&control->left, 1) <= 0) {
    atomic_store(&control->left, 0);
    return 0;
  }
  atomic_fetch_add(&control->failed, 1);
  return number;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(error)                                   \
  do {                                                \
    int number = control ? fault(file, &control->error) : 0; \
    if (number) {                                     \
      errno = number;                                 \
      return -1;                                      \
    }                                                 \
  } while (0)

ssize_t write(int file, const void *bytes, size_t count) {
  static __typeof__(&write) next;
  if (!next) next = NEXT(write);
  int number = control ? fault(file, &control->write_error) : 0;
  if (number) {
    /* A disk that gets full takes a part first. */
    if (number == ENOSPC && count > 1 && atomic_load(&control->failed) == 1) return next(file, bytes, count / 2);
    errno = number;
    return -1;
  }
  return next(file, bytes, count);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  static __typeof__(&writev) next;
  if (!next) next = NEXT(writev);
  FAIL(write_error);
  return next(file, parts, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
  static __typeof__(&pwrite64) next;
  if (!next) next = NEXT(pwrite64);
  FAIL(write_error);
  return next(file, bytes, count, at);
}

int fsync(int file) {
  static __typeof__(&fsync) next;
  if (!next) next = NEXT(fsync);
  FAIL(sync_error);
  return next(file);
}

int fdatasync(int file) {
  static __typeof__(&fdatasync) next;
  if (!next) next = NEXT(fdatasync);
  FAIL(sync_error);
  return next(file);
}
