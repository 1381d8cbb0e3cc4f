// A library that is loaded before a program (LD_PRELOAD) and lets one of its calls fail, or ends it there. What it does
// is told by the environment:
//
//   STEADFAST_FAULT        CALL:NUMBER:EFFECT, such as fsync:3:EIO: the third fsync fails
//       CALL    open (to create), write, fsync, rename, truncate: of files in the folder below; system: any of these,
//               and open (to read), close, unlink; memory: malloc and those like it, of 64 KiB or more; clock: the time
//               of day
//       EFFECT  an error's name (EIO and EINTR once, the others from then on), short (a write of half the bytes, once),
//               kill (before the call), killed (after it), stop (before it), slow (this call and the two behind it
//               take 5 s longer), forward and back (the process's time of day jumps by an hour)
//   STEADFAST_FAULT_UNDER  the folder, without links in its path
//   STEADFAST_FAULT_RANK   the rank that it happens to; 0 if not given
//   STEADFAST_FAULT_MARK   a file that is made at that instant
//   STEADFAST_FAULT_TRACE  a file that takes a line for each call that `system` counts: its number, name and file
//   STEADFAST_FAULT_CALLS  a file that takes the number of calls of each kind at the program's end, a line each
//
// It acts in the program `steadfast` alone, which it finds under mpirun too.
#ifndef FAULT_INJECTOR_H
#define FAULT_INJECTOR_H

#endif
