#define _GNU_SOURCE
#include "FaultInjector.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc's own, under the names that it exports for those who replace them.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

// Smaller pieces come from what the process has; larger ones are asked of the system, which may refuse.
enum { SMALLEST = 65536 };

enum Call { OPEN, WRITE, FSYNC, RENAME, TRUNCATE, MEMORY, CALLS };
static const char *const names[CALLS] = {"open", "write", "fsync", "rename", "truncate", "memory"};
static atomic_long counts[CALLS];

static const struct { const char *name; int value, lasts; } errors[] = {
    {"EIO", EIO, 0},       {"EINTR", EINTR, 0},   {"ENOSPC", ENOSPC, 1}, {"EROFS", EROFS, 1},
    {"EACCES", EACCES, 1}, {"EMFILE", EMFILE, 1}, {"EDQUOT", EDQUOT, 1}, {"ENOMEM", ENOMEM, 1},
};

static char effect[16], under[PATH_MAX], mark[PATH_MAX];
static int call = CALLS, error, lasts;
static long number;
static atomic_int watches, acted;

static const char *variable(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value ? value : otherwise;
}

__attribute__((constructor)) static void begin(void) {
    if (strcmp(program_invocation_short_name, "steadfast") != 0) return;
    if (strcmp(variable("OMPI_COMM_WORLD_RANK", "0"), variable("STEADFAST_FAULT_RANK", "0")) != 0) return;
    snprintf(under, sizeof under, "%s", variable("STEADFAST_FAULT_UNDER", "/nowhere"));
    snprintf(mark, sizeof mark, "%s", variable("STEADFAST_FAULT_MARK", ""));
    char name[16] = "";
    if (sscanf(variable("STEADFAST_FAULT", ""), "%15[^:]:%ld:%15s", name, &number, effect) == 3)
        for (call = 0; call < CALLS && strcmp(name, names[call]); call++) {}
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (!strcmp(effect, errors[i].name)) error = errors[i].value, lasts = errors[i].lasts;
    atomic_store(&watches, 1);
}

static int make(const char *file) {
    return (int)syscall(SYS_openat, AT_FDCWD, file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

__attribute__((destructor)) static void end(void) {
    const char *path = variable("STEADFAST_FAULT_CALLS", "");
    if (!atomic_exchange(&watches, 0) || !path[0]) return;
    int file = make(path);
    for (int i = 0; i < CALLS; i++) dprintf(file, "%s %ld\n", names[i], atomic_load(&counts[i]));
    close(file);
}

// Counts a call; whether the fault is for it.
static int is_hit(enum Call one) {
    long count = atomic_fetch_add(&counts[one], 1) + 1;
    return (int)one == call && (count == number || (lasts && count > number));
}

// What happens at a call that is hit. Returns the error to report, or 0.
static int act(void) {
    if (!atomic_exchange(&acted, 1) && mark[0]) close(make(mark));
    if (!strcmp(effect, "kill")) syscall(SYS_kill, getpid(), SIGKILL);
    if (!strcmp(effect, "stop")) syscall(SYS_kill, getpid(), SIGSTOP);
    return error;
}

static void finish(void) {
    if (!strcmp(effect, "killed")) syscall(SYS_kill, getpid(), SIGKILL);
}

static int is_under(const char *path) {
    size_t length = strlen(under);
    return atomic_load(&watches) && !strncmp(path, under, length) && (path[length] == '/' || path[length] == 0);
}

static int is_file_under(int descriptor) {
    if (!atomic_load(&watches)) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return is_under(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// A call that fails with an error, or happens with what comes after it.
#define FAULTY(kind, is_ours, result_of_call)   \
    int hit = (is_ours) && is_hit(kind);        \
    if (hit && act()) {                         \
        errno = error;                          \
        return -1;                              \
    }                                           \
    __auto_type result = (result_of_call);      \
    if (hit) finish();                          \
    return result

ssize_t write(int descriptor, const void *bytes, size_t count) {
    static __typeof__(&write) real;
    if (!real) real = REAL(write);
    FAULTY(WRITE, is_file_under(descriptor),
        real(descriptor, bytes, hit && count > 1 && !strcmp(effect, "short") ? count / 2 : count));
}

int fsync(int descriptor) {
    static __typeof__(&fsync) real;
    if (!real) real = REAL(fsync);
    FAULTY(FSYNC, is_file_under(descriptor), real(descriptor));
}

int rename(const char *old, const char *new) {
    static __typeof__(&rename) real;
    if (!real) real = REAL(rename);
    FAULTY(RENAME, is_under(new), real(old, new));
}

int ftruncate(int descriptor, off_t size) {
    static __typeof__(&ftruncate) real;
    if (!real) real = REAL(ftruncate);
    FAULTY(TRUNCATE, is_file_under(descriptor), real(descriptor, size));
}

#define OPENING(name)                                                                 \
    int name(const char *path, int flags, ...) {                                      \
        static __typeof__(&name) real;                                                \
        if (!real) real = REAL(name);                                                 \
        va_list list;                                                                 \
        va_start(list, flags);                                                        \
        int mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, int) : 0; \
        va_end(list);                                                                 \
        FAULTY(OPEN, flags & O_CREAT && is_under(path), real(path, flags, mode));     \
    }
OPENING(open)
OPENING(open64)

// MARK: Memory

static int is_refused(size_t size) {
    return size >= SMALLEST && atomic_load(&watches) && is_hit(MEMORY) && (errno = act());
}

void *malloc(size_t size) { return is_refused(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return is_refused(count * size) ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return is_refused(size) ? NULL : __libc_realloc(memory, size); }
void *memalign(size_t alignment, size_t size) { return is_refused(size) ? NULL : __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
    *memory = memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}
