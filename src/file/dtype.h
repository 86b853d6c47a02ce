/* dtype.h - the types of numbers in files, and how they become floats */
#ifndef NN_FILE_DTYPE_H
#define NN_FILE_DTYPE_H

#include "../config.h"

#ifdef NN_IMPLEMENTATION

/* X(name, bytes): those of the safetensors format. */
#define NNI_DTYPE_LIST(X) \
    X(F32, 4) X(F64, 8) X(F16, 2) X(BF16, 2) X(I64, 8) X(U64, 8) X(I32, 4) X(U32, 4) X(I16, 2) X(U16, 2) X(I8, 1) X(U8, 1) X(BOOL, 1) \
    X(F8_E4M3, 1) X(F8_E5M2, 1)

typedef enum nni_dtype {
#define NNI_DTYPE_ENUM(name, bytes) NNI_##name,
    NNI_DTYPE_LIST(NNI_DTYPE_ENUM)
#undef NNI_DTYPE_ENUM
    NNI_DTYPE_COUNT
} nni_dtype;

static const struct {
    const char *name;
    size_t bytes;
} nni_dtypes[] = {
#define NNI_DTYPE_ROW(name, bytes) {#name, bytes},
    NNI_DTYPE_LIST(NNI_DTYPE_ROW)
#undef NNI_DTYPE_ROW
};

/* The type of that name, or NNI_DTYPE_COUNT. */
static nni_dtype nni_dtype_named(const char *name) {
    int d = 0;
    while (d < NNI_DTYPE_COUNT && strcmp(nni_dtypes[d].name, name) != 0) d++;
    return (nni_dtype)d;
}

/* ---- numbers as bytes, the lowest first ---- */

static inline uint64_t nni_load_little(const unsigned char *bytes, size_t n) {
    uint64_t value = 0;
    for (size_t i = n; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}
static inline void nni_store_little(unsigned char *bytes, uint64_t value, size_t n) {
    for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(value >> 8 * i);
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define NNI_BIG_ENDIAN 1
#else
#define NNI_BIG_ENDIAN 0
#endif

/* ---- to floats ---- */

static inline float nni_float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Exact: every half is a float. */
static float nni_float_of_half(uint32_t half) {
    const uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 0) { /* 0 and subnormals, in units of 2^-24 */
        const float value = (float)fraction * nni_float_of_bits(0x33800000u);
        return sign ? -value : value;
    }
    return nni_float_of_bits(sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13);
}

static float nni_float_of_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

static inline int nni_dtype_is_float(nni_dtype dtype) {
    return dtype == NNI_F32 || dtype == NNI_F64 || dtype == NNI_F16 || dtype == NNI_BF16;
}

/* Number i of an array of floats of that type. */
static inline float nni_float_at(const unsigned char *bytes, nni_dtype dtype, size_t i) {
    switch (dtype) {
    case NNI_F32: return nni_float_of_bits((uint32_t)nni_load_little(bytes + 4 * i, 4));
    case NNI_F64: return nni_float_of_double(nni_load_little(bytes + 8 * i, 8));
    case NNI_F16: return nni_float_of_half((uint32_t)nni_load_little(bytes + 2 * i, 2));
    case NNI_BF16: return nni_float_of_bits((uint32_t)nni_load_little(bytes + 2 * i, 2) << 16);
    default: return 0.0f;
    }
}

static void nni_floats_from(float *y, const unsigned char *bytes, nni_dtype dtype, size_t n) {
    if (dtype == NNI_F32 && !NNI_BIG_ENDIAN) {
        if (n) memcpy(y, bytes, n * sizeof *y);
        return;
    }
    for (size_t i = 0; i < n; i++) y[i] = nni_float_at(bytes, dtype, i);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_DTYPE_H */
