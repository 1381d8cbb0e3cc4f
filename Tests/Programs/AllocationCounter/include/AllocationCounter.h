// Counts this process's calls of malloc, calloc, realloc and aligned_alloc, by defining them over glibc's.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

// Starts to count from 0, on all threads.
void allocation_counter_start(void);

// Stops. Returns the calls that came from anywhere but the libraries of MPI and OpenBLAS; writes the callers of the first to
// standard error. `libraries` takes the calls of those libraries.
long allocation_counter_stop(long *libraries);

#endif
