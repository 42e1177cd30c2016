/*
 * Loaded before libc into a server under test (LD_PRELOAD). It notes every write to the data file and every sync of it in a log, so that a test can
 * make the file that a power cut at any moment would have left; and it makes a call on a file of the test's choice fail, or write less than asked.
 *
 *   SHIM_LOG         file that records are appended to: see disk.ts for their form
 *   SHIM_FAIL_PATH   end of the path of the files on which calls fail
 *   SHIM_FAIL_OP     write | sync | open
 *   SHIM_FAIL_AT     the first call that fails, counted from 1 in each process; until the file SHIM_FAIL_GO exists, none is counted
 *   SHIM_FAIL_COUNT  how many calls fail
 *   SHIM_FAIL_ERRNO  with which errno; 0: a write of half the bytes
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
enum { DATA = 1, DSYNC = 2, FAILING = 4 };
static unsigned char kinds[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -2, fail_at, fail_count, fail_errno, failed_calls;
static const char *fail_path, *fail_op, *fail_go;

static void set_up(void) {
  if (log_fd != -2) return;
  const char *log = getenv("SHIM_LOG");
  log_fd = log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
  fail_path = getenv("SHIM_FAIL_PATH");
  fail_op = getenv("SHIM_FAIL_OP");
  fail_go = getenv("SHIM_FAIL_GO");
  fail_at = getenv("SHIM_FAIL_AT") ? atoi(getenv("SHIM_FAIL_AT")) : 0;
  fail_count = getenv("SHIM_FAIL_COUNT") ? atoi(getenv("SHIM_FAIL_COUNT")) : 1;
  fail_errno = getenv("SHIM_FAIL_ERRNO") ? atoi(getenv("SHIM_FAIL_ERRNO")) : EIO;
}

static int ends_with(const char *path, const char *end) {
  size_t a = strlen(path), b = strlen(end);
  return a >= b && strcmp(path + a - b, end) == 0;
}

/* Whether this call is to fail: of one kind, on the files of one path, from one of them on. */
static int fails(const char *op, int is_meant) {
  if (!is_meant || !fail_path || !fail_op || strcmp(op, fail_op) != 0) return 0;
  if (fail_go && syscall(SYS_faccessat, AT_FDCWD, fail_go, F_OK) != 0) return 0;
  int now = __sync_add_and_fetch(&failed_calls, 1);
  return now >= fail_at && now < fail_at + fail_count;
}

struct record {
  uint32_t kind, fd_is_dsync;
  uint64_t offset, length;
} __attribute__((packed));

static void note(uint32_t kind, int dsync, uint64_t offset, const struct iovec *parts, int count, size_t length) {
  if (log_fd < 0) return;
  struct record head = {kind, dsync, offset, length};
  struct iovec all[1025];
  all[0].iov_base = &head;
  all[0].iov_len = sizeof head;
  int n = 1;
  size_t left = length;
  for (int i = 0; i < count && left > 0 && n < 1025; i++) {
    all[n] = parts[i];
    if (all[n].iov_len > left) all[n].iov_len = left;
    left -= all[n++].iov_len;
  }
  pthread_mutex_lock(&lock);
  syscall(SYS_writev, log_fd, all, n);
  pthread_mutex_unlock(&lock);
}

static int kind_of(int fd) { return fd >= 0 && fd < FDS ? kinds[fd] : 0; }

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= FDS) return fd;
  kinds[fd] = 0;
  if (ends_with(path, "/data.mdb")) kinds[fd] = DATA | ((flags & O_DSYNC) ? DSYNC : 0);
  if (fail_path && ends_with(path, fail_path)) kinds[fd] |= FAILING;
  return fd;
}

#define OPEN(name)                                                              \
  int name(const char *path, int flags, ...) {                                  \
    REAL(name);                                                                 \
    set_up();                                                                   \
    va_list args;                                                               \
    va_start(args, flags);                                                      \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(args, mode_t) : 0;   \
    va_end(args);                                                               \
    if (fails("open", fail_path && ends_with(path, fail_path))) {               \
      errno = fail_errno;                                                       \
      return -1;                                                                \
    }                                                                           \
    return opened(real(path, flags, mode), path, flags);                        \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  REAL(close);
  if (fd >= 0 && fd < FDS) kinds[fd] = 0;
  return real(fd);
}

static size_t sum(const struct iovec *parts, int count) {
  size_t all = 0;
  for (int i = 0; i < count; i++) all += parts[i].iov_len;
  return all;
}

/* A write is in the log before it is done; one that is synced by itself has a second record when it is. A short one is done by the caller again. */
static ssize_t writes(int fd, const struct iovec *parts, int count, off_t offset) {
  int kind = kind_of(fd);
  size_t length = sum(parts, count);
  if (fails("write", kind & FAILING)) {
    if (fail_errno != 0) {
      errno = fail_errno;
      return -1;
    }
    length = length > 1 ? length / 2 : length;
  }
  uint64_t at = offset >= 0 ? (uint64_t)offset : (uint64_t)lseek(fd, 0, SEEK_CUR);
  struct iovec some[1024];
  int n = 0;
  size_t left = length;
  for (int i = 0; i < count && left > 0 && n < 1024; i++) {
    some[n] = parts[i];
    if (some[n].iov_len > left) some[n].iov_len = left;
    left -= some[n++].iov_len;
  }
  if (kind & DATA) note('W', (kind & DSYNC) != 0, at, some, n, length);
  ssize_t done = offset >= 0 ? syscall(SYS_pwritev, fd, some, n, (unsigned long)offset, 0UL) : syscall(SYS_writev, fd, some, n);
  if ((kind & DATA) && (kind & DSYNC) && done == (ssize_t)length) note('F', 1, at, NULL, 0, 0);
  return done;
}

static int is_plain(int fd) {
  set_up();
  return kind_of(fd) == 0;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  REAL(pwrite);
  if (is_plain(fd)) return real(fd, bytes, length, offset);
  struct iovec part = {(void *)bytes, length};
  return writes(fd, &part, 1, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  REAL(pwrite64);
  if (is_plain(fd)) return real(fd, bytes, length, offset);
  struct iovec part = {(void *)bytes, length};
  return writes(fd, &part, 1, offset);
}
ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  if (is_plain(fd)) return real(fd, bytes, length);
  struct iovec part = {(void *)bytes, length};
  return writes(fd, &part, 1, -1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  return is_plain(fd) ? real(fd, parts, count) : writes(fd, parts, count, -1);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  REAL(pwritev);
  return is_plain(fd) ? real(fd, parts, count, offset) : writes(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  REAL(pwritev64);
  return is_plain(fd) ? real(fd, parts, count, offset) : writes(fd, parts, count, offset);
}

/* Durable is what was in the log when a sync began, once it has ended. */
#define SYNC(name)                                       \
  int name(int fd) {                                     \
    REAL(name);                                          \
    set_up();                                            \
    int kind = kind_of(fd);                              \
    if (fails("sync", kind & FAILING)) {                 \
      errno = fail_errno;                                \
      return -1;                                         \
    }                                                    \
    if (kind & DATA) note('B', 0, fd, NULL, 0, 0);       \
    int result = real(fd);                               \
    if ((kind & DATA) && result == 0) note('E', 0, fd, NULL, 0, 0); \
    return result;                                       \
  }
SYNC(fdatasync)
SYNC(fsync)

int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  if (!is_plain(fd) && (kind_of(fd) & DATA)) note('T', 0, (uint64_t)length, NULL, 0, 0);
  return real(fd, length);
}
int ftruncate(int fd, off_t length) {
  REAL(ftruncate);
  if (!is_plain(fd) && (kind_of(fd) & DATA)) note('T', 0, (uint64_t)length, NULL, 0, 0);
  return real(fd, length);
}
