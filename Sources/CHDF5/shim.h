#include <hdf5.h>

// Swift does not import HDF5's constants, which are macros that first open the library.
static inline unsigned hdf5_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned hdf5_truncate(void) { return H5F_ACC_TRUNC; }

static inline hid_t hdf5_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t hdf5_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t hdf5_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t hdf5_dataset_create(void) { return H5P_DATASET_CREATE; }

static inline hid_t hdf5_c_string(void) { return H5T_C_S1; }
static inline hid_t hdf5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t hdf5_native_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t hdf5_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t hdf5_ieee_f32le(void) { return H5T_IEEE_F32LE; }
static inline hid_t hdf5_ieee_f64le(void) { return H5T_IEEE_F64LE; }
static inline hid_t hdf5_std_i64le(void) { return H5T_STD_I64LE; }
static inline hid_t hdf5_std_u8le(void) { return H5T_STD_U8LE; }
static inline hid_t hdf5_std_i8le(void) { return H5T_STD_I8LE; }
