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
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// glibc's own, under the names that it exports for those who replace them.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

// Smaller pieces come from what the process has; larger ones are asked of the system, which may refuse.
enum { SMALLEST = 65536 };

// SYSTEM counts all that concern files, and those that open one to read, close or remove it besides.
enum Call { OPEN, WRITE, FSYNC, RENAME, TRUNCATE, SYSTEM, MEMORY, CLOCK, CALLS };
static const char *const names[CALLS] = {"open", "write", "fsync", "rename", "truncate", "system", "memory", "clock"};
static atomic_long counts[CALLS];

static const struct { const char *name; int value, lasts; } errors[] = {
    {"EIO", EIO, 0},       {"EINTR", EINTR, 0},   {"ENOSPC", ENOSPC, 1}, {"EROFS", EROFS, 1},
    {"EACCES", EACCES, 1}, {"EMFILE", EMFILE, 1}, {"EDQUOT", EDQUOT, 1}, {"ENOMEM", ENOMEM, 1},
};

static char effect[16], under[PATH_MAX], mark[PATH_MAX];
static int call = CALLS, error, lasts;
static long number;
static atomic_int watches, acted;
static int trace = -1;
// Seconds that this process's clock is off.
static atomic_long leap;
// A slow disk is slow for so many calls, and so many seconds each.
enum { SLOW_CALLS = 3, SLOW_SECONDS = 5 };

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
    const char *file = variable("STEADFAST_FAULT_TRACE", "");
    if (file[0]) trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
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
    int continues = lasts || (!strcmp(effect, "slow") && count < number + SLOW_CALLS);
    return (int)one == call && (count == number || (continues && count > number));
}

// Counts a call that concerns a file.
static int is_file_hit(enum Call one, const char *path) {
    int hit = one != SYSTEM && is_hit(one);
    hit |= is_hit(SYSTEM);
    if (trace >= 0) dprintf(trace, "%ld %s %s\n", atomic_load(&counts[SYSTEM]), names[one], path);
    return hit;
}

// What happens at a call that is hit. Returns the error to report, or 0.
static int act(void) {
    if (!atomic_exchange(&acted, 1) && mark[0]) close(make(mark));
    if (!strcmp(effect, "kill")) syscall(SYS_kill, getpid(), SIGKILL);
    if (!strcmp(effect, "stop")) syscall(SYS_kill, getpid(), SIGSTOP);
    if (!strcmp(effect, "slow")) sleep(SLOW_SECONDS);
    if (!strcmp(effect, "forward")) atomic_store(&leap, 3600);
    if (!strcmp(effect, "back")) atomic_store(&leap, -3600);
    return error;
}

static void finish(void) {
    if (!strcmp(effect, "killed")) syscall(SYS_kill, getpid(), SIGKILL);
}

static int is_under(const char *path) {
    size_t length = strlen(under);
    return atomic_load(&watches) && !strncmp(path, under, length) && (path[length] == '/' || path[length] == 0);
}

// The path of an open file.
static const char *path_of(int descriptor) {
    static _Thread_local char path[PATH_MAX];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = atomic_load(&watches) ? readlink(link, path, sizeof path - 1) : -1;
    path[length < 0 ? 0 : length] = 0;
    return path;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// A call that fails with an error, or happens with what comes after it.
#define FAULTY(kind, file, result_of_call)                      \
    const char *name = (file);                                  \
    int hit = is_under(name) && is_file_hit(kind, name);        \
    if (hit && act()) {                                         \
        errno = error;                                          \
        return -1;                                              \
    }                                                           \
    __auto_type result = (result_of_call);                      \
    if (hit) finish();                                          \
    return result

ssize_t write(int descriptor, const void *bytes, size_t count) {
    static __typeof__(&write) real;
    if (!real) real = REAL(write);
    FAULTY(WRITE, path_of(descriptor),
        real(descriptor, bytes, hit && count > 1 && !strcmp(effect, "short") ? count / 2 : count));
}

int fsync(int descriptor) {
    static __typeof__(&fsync) real;
    if (!real) real = REAL(fsync);
    FAULTY(FSYNC, path_of(descriptor), real(descriptor));
}

int rename(const char *old, const char *new) {
    static __typeof__(&rename) real;
    if (!real) real = REAL(rename);
    FAULTY(RENAME, new, real(old, new));
}

int ftruncate(int descriptor, off_t size) {
    static __typeof__(&ftruncate) real;
    if (!real) real = REAL(ftruncate);
    FAULTY(TRUNCATE, path_of(descriptor), real(descriptor, size));
}

#define OPENING(name)                                                                 \
    int name(const char *path, int flags, ...) {                                      \
        static __typeof__(&name) real;                                                \
        if (!real) real = REAL(name);                                                 \
        va_list list;                                                                 \
        va_start(list, flags);                                                        \
        int mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, int) : 0; \
        va_end(list);                                                                 \
        FAULTY(flags & O_CREAT ? OPEN : SYSTEM, path, real(path, flags, mode));       \
    }
OPENING(open)
OPENING(open64)

int close(int descriptor) {
    static __typeof__(&close) real;
    if (!real) real = REAL(close);
    FAULTY(SYSTEM, path_of(descriptor), real(descriptor));
}

int unlink(const char *path) {
    static __typeof__(&unlink) real;
    if (!real) real = REAL(unlink);
    FAULTY(SYSTEM, path, real(path));
}

// MARK: The clock

// The seconds to add to this call's answer. (CLOCK_MONOTONIC jumps nowhere.)
static long leap_now(void) {
    if (atomic_load(&watches) && is_hit(CLOCK)) act();
    return atomic_load(&leap);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += leap_now();
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    static __typeof__(&gettimeofday) real;
    if (!real) real = REAL(gettimeofday);
    int result = real(now, zone);
    if (result == 0) now->tv_sec += leap_now();
    return result;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}

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
