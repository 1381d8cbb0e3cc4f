// Counts this process's calls of malloc, calloc, realloc and aligned_alloc, by defining them over glibc's.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

// Starts to count from 0, on all threads.
void allocation_counter_start(void);

// Stops. Returns the calls that came from anywhere but MPI's own libraries, of the first of which it writes the callers
// to standard error; `mpi` takes those that did.
long allocation_counter_stop(long *mpi);

#endif
