#define _GNU_SOURCE
#include "AllocationCounter.h"

#include <execinfo.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>

// glibc's own, under the names that it exports for those who replace them.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_int counting;
static atomic_long own_calls;
static atomic_long mpi_calls;

enum { LARGEST = 128, DEPTH = 24 };
static struct { uintptr_t start, end; } mpi_code[LARGEST];
static int mpi_count;

static int find_mpi(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    const char *names[] = {"libmpi",   "libopen-", "openmpi", "pmix",     "libhwloc",
                           "libevent", "libucp",   "libucs",  "libfabric"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!info->dlpi_name || !strstr(info->dlpi_name, names[i])) continue;
        for (int j = 0; j < info->dlpi_phnum && mpi_count < LARGEST; j++) {
            const ElfW(Phdr) *segment = &info->dlpi_phdr[j];
            if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X)) continue;
            mpi_code[mpi_count].start = info->dlpi_addr + segment->p_vaddr;
            mpi_code[mpi_count].end = mpi_code[mpi_count].start + segment->p_memsz;
            mpi_count++;
        }
        break;
    }
    return 0;
}

// The callers of the first own call.
static void *first_frames[DEPTH];
static int first_depth;

// Whether any caller lies in MPI's libraries; their calls come through libc too (strdup, qsort).
static int is_from_mpi(void *const *frames, int depth) {
    for (int i = 0; i < depth; i++)
        for (int j = 0; j < mpi_count; j++)
            if ((uintptr_t)frames[i] >= mpi_code[j].start && (uintptr_t)frames[i] < mpi_code[j].end) return 1;
    return 0;
}

static void count(void) {
    static _Thread_local int inside;
    if (!atomic_load_explicit(&counting, memory_order_relaxed) || inside) return;
    inside = 1;
    void *frames[DEPTH];
    int depth = backtrace(frames, DEPTH);
    if (is_from_mpi(frames, depth)) {
        atomic_fetch_add(&mpi_calls, 1);
    } else if (atomic_fetch_add(&own_calls, 1) == 0) {
        memcpy(first_frames, frames, sizeof frames);
        first_depth = depth;
    }
    inside = 0;
}

// A sanitizer replaces them itself: then nothing is counted.
#if !defined(__has_feature)
#define __has_feature(name) 0
#endif
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
void *malloc(size_t size) { count(); return __libc_malloc(size); }
void *calloc(size_t number, size_t size) { count(); return __libc_calloc(number, size); }
void *realloc(void *memory, size_t size) { count(); return __libc_realloc(memory, size); }
void *memalign(size_t alignment, size_t size) { count(); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { count(); return __libc_memalign(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
    count();
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : 12;
}
#endif

void allocation_counter_start(void) {
    void *frames[4];
    backtrace(frames, 4);  // loads what it needs
    mpi_count = 0;
    dl_iterate_phdr(find_mpi, NULL);
    atomic_store(&own_calls, 0);
    atomic_store(&mpi_calls, 0);
    atomic_store(&counting, 1);
}

long allocation_counter_stop(long *mpi) {
    atomic_store(&counting, 0);
    if (atomic_load(&own_calls) > 0) backtrace_symbols_fd(first_frames, first_depth, 2);
    *mpi = atomic_load(&mpi_calls);
    return atomic_load(&own_calls);
}
