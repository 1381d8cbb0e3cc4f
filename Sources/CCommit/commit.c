// `cluster/build` writes it.
#if __has_include("commit.h")
#include "commit.h"
#else
#define STEADFAST_COMMIT ""
#endif

const char *steadfast_commit(void) { return STEADFAST_COMMIT; }
