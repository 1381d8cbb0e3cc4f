#include "version.h"

// `cluster/environment` gives it to Package.swift, which compiles this file alone with it.
#ifndef STEADFAST_COMMIT
#define STEADFAST_COMMIT ""
#endif

const char *steadfast_commit(void) { return STEADFAST_COMMIT; }
