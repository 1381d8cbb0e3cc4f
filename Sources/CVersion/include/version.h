/// The commit that the program was built from, as `git describe --always --dirty` names it; empty where it is not
/// known.
const char *steadfast_commit(void);
