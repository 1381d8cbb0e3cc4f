// HDF5's identifiers and constants are macros over variables that open the library, so Swift cannot import them; and a
// few functions change their form between HDF5 1.10 and later. Both get a plain function here.
#pragma once
#include <hdf5.h>

static const hid_t hdf5_default = H5P_DEFAULT;
static const hid_t hdf5_all = H5S_ALL;
static const hid_t hdf5_current_errors = H5E_DEFAULT;

static inline hid_t hdf5_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t hdf5_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t hdf5_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t hdf5_dataset_create(void) { return H5P_DATASET_CREATE; }

static inline hid_t hdf5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t hdf5_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t hdf5_int8(void) { return H5T_STD_I8LE; }
static inline hid_t hdf5_int16(void) { return H5T_STD_I16LE; }
static inline hid_t hdf5_int32(void) { return H5T_STD_I32LE; }
static inline hid_t hdf5_int64(void) { return H5T_STD_I64LE; }
static inline hid_t hdf5_uint8(void) { return H5T_STD_U8LE; }
static inline hid_t hdf5_uint16(void) { return H5T_STD_U16LE; }
static inline hid_t hdf5_uint32(void) { return H5T_STD_U32LE; }
static inline hid_t hdf5_uint64(void) { return H5T_STD_U64LE; }
static inline hid_t hdf5_c_string(void) { return H5T_C_S1; }
static inline size_t hdf5_variable_length(void) { return H5T_VARIABLE; }

// The object's kind, the count of links that lead to it and the count of its attributes.
typedef struct {
    H5O_type_t type;
    unsigned links;
    hsize_t attributes;
} hdf5_object;

static inline herr_t hdf5_object_info(hid_t object, hdf5_object *out) {
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t info;
    herr_t status = H5Oget_info3(object, &info, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS);
#else
    H5O_info_t info;
    herr_t status = H5Oget_info2(object, &info, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS);
#endif
    if (status >= 0) *out = (hdf5_object){info.type, info.rc, info.num_attrs};
    return status;
}

// The kind of the link of that name.
static inline herr_t hdf5_link_type(hid_t group, const char *name, H5L_type_t *out) {
#if H5_VERSION_GE(1, 12, 0)
    H5L_info2_t info;
    herr_t status = H5Lget_info2(group, name, &info, H5P_DEFAULT);
#else
    H5L_info_t info;
    herr_t status = H5Lget_info(group, name, &info, H5P_DEFAULT);
#endif
    if (status >= 0) *out = info.type;
    return status;
}

static inline unsigned hdf5_truncate(void) { return H5F_ACC_TRUNC; }
static inline unsigned hdf5_read_only(void) { return H5F_ACC_RDONLY; }

static inline hid_t hdf5_float32_big(void) { return H5T_IEEE_F32BE; }
static inline hid_t hdf5_float64_big(void) { return H5T_IEEE_F64BE; }
