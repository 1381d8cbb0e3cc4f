#include "version.h"

// The program replaces it by CCommit's: what all rooms import must not change with every commit.
__attribute__((weak)) const char *steadfast_commit(void) { return ""; }
