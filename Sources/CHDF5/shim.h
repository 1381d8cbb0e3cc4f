// HDF5's identifiers and constants are macros over variables that open the library, so Swift cannot import them.
#pragma once
#include <hdf5.h>

static inline hid_t hdf5_native_float(void) { return H5T_NATIVE_FLOAT; }
