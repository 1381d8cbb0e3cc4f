// zlib's initialisers are macros that pass the library's version, so Swift cannot import them.
#pragma once
#include <zlib.h>

// Raw deflate (zip) for negative bits, a zlib stream (HDF5, MAT) for positive ones.
static inline int zlib_inflate_start(z_stream *stream, int bits) { return inflateInit2(stream, bits); }
