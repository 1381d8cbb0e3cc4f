// Open MPI's constants are casts of addresses, which Swift cannot import.
#pragma once
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline MPI_Comm mpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Errhandler mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline MPI_Request mpi_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Status *mpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Info mpi_info_null(void) { return MPI_INFO_NULL; }
static inline const void *mpi_in_place(void) { return MPI_IN_PLACE; }

static inline MPI_Datatype mpi_byte(void) { return MPI_BYTE; }
static inline MPI_Datatype mpi_int32(void) { return MPI_INT32_T; }
static inline MPI_Datatype mpi_int64(void) { return MPI_INT64_T; }
static inline MPI_Datatype mpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype mpi_double(void) { return MPI_DOUBLE; }

static inline MPI_Op mpi_sum(void) { return MPI_SUM; }
static inline MPI_Op mpi_max(void) { return MPI_MAX; }
static inline MPI_Op mpi_min(void) { return MPI_MIN; }

// A descriptor of memory that has a name in no file system; programs started later do not inherit it. -1 and errno in
// vain.
static inline int memory_create(const char *label) { return (int)syscall(SYS_memfd_create, label, MFD_CLOEXEC); }

// A pipe, whose ends programs that are started later do not inherit. -1 and errno in vain.
static inline int pipe_create(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

// A count in memory that processes share: who reads what was written, or raised, sees all that was written before.
// Raising it and looking for sleepers, and noting a sleeper and looking at it, are in one order for all: no sleeper is
// missed.
typedef struct {
    unsigned long value;
    unsigned sleepers;
} shared_count;

static inline unsigned long count_read(const shared_count *count) {
    return __atomic_load_n(&count->value, __ATOMIC_SEQ_CST);
}
// For a count with one writer, of whom nobody sleeps.
static inline void count_write(shared_count *count, unsigned long value) {
    __atomic_store_n(&count->value, value, __ATOMIC_RELEASE);
}
// Returns the new value.
static inline unsigned long count_raise(shared_count *count) {
    return __atomic_add_fetch(&count->value, 1, __ATOMIC_SEQ_CST);
}
static inline void count_wake(shared_count *count) {
    if (__atomic_load_n(&count->sleepers, __ATOMIC_SEQ_CST) != 0)
        syscall(SYS_futex, &count->value, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
// Sleeps while the count's low 32 bits, which lie first, are those of `value`, until it is woken or so many
// nanoseconds, less than 1e9, have gone by.
static inline void count_sleep(shared_count *count, unsigned long value, long nanoseconds) {
    struct timespec limit = {0, nanoseconds};
    __atomic_add_fetch(&count->sleepers, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &count->value, FUTEX_WAIT, (unsigned)value, &limit, NULL, 0);
    __atomic_sub_fetch(&count->sleepers, 1, __ATOMIC_SEQ_CST);
}

// Leaves the core to its other thread for a moment, in a loop that looks for a change.
static inline void core_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Signals that ask the program to stop. The handler is C because it may only do what is safe at any instant: it sets a
// flag, and ends the process at the second interrupt from the keyboard.
static volatile sig_atomic_t stop_requested = 0;
static volatile sig_atomic_t stop_interrupts = 0;

static void stop_handler(int number) {
    if (number == SIGINT) {
        if (stop_interrupts) _exit(130);
        stop_interrupts = 1;
    }
    stop_requested = 1;
}

static inline int stop_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop_handler;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    // Whoever started the program may have blocked them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    // A lost terminal; nohup ignores the signal, and so it stays.
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
    return sigaction(SIGTERM, &action, NULL) | sigaction(SIGUSR1, &action, NULL) | sigaction(SIGINT, &action, NULL);
}

static inline int stop_is_requested(void) { return stop_requested; }

// What a program says when it is aborted: by the Swift runtime that gets no memory, or by a C library that gives up.
// Its own line stands before this one. (Defined here and now: a mere declaration of it would never be emitted.)
static char last_words[512] = "";

static void last_words_handler(int number) {
    (void)number;
    if (write(STDERR_FILENO, last_words, strlen(last_words)) < 0) _exit(71);
    _exit(70);
}

static inline void last_words_install(const char *text) {
    strncpy(last_words, text, sizeof last_words - 1);
    signal(SIGABRT, last_words_handler);
}
