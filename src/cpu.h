/* cpu.h - what the processor offers and the system saves across a task switch */
#ifndef NN_CPU_H
#define NN_CPU_H

#include "config.h"

#ifdef NN_IMPLEMENTATION

#define NNI_CPU_FMA 1u
#define NNI_CPU_AVX2 2u   /* AVX2 and FMA */
#define NNI_CPU_AVX512 4u /* F, VL, BW, DQ, and all of AVX2 */
#define NNI_CPU_LARGE_L2 8u /* 1 MiB or more */

#ifdef NNI_X86
#include <cpuid.h>

/* XCR0, the register states that the system saves. The instruction is spelled in bytes: it needs no target option so. */
static inline uint32_t nni_cpu_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static unsigned nni_cpu_detect(void) {
    const unsigned xmm_ymm = 0x6, zmm = 0xe6; /* SSE and AVX state; these, the masks and both halves of the zmm */
    unsigned a, b, c, d, found = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return 0;
    const uint32_t saved = nni_cpu_xcr0();
    if ((saved & xmm_ymm) != xmm_ymm || !(c & bit_FMA)) return 0;
    found |= NNI_CPU_FMA;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return found;
    found |= NNI_CPU_AVX2;
    const unsigned avx512 = bit_AVX512F | bit_AVX512VL | bit_AVX512BW | bit_AVX512DQ;
    if ((saved & zmm) == zmm && (b & avx512) == avx512) found |= NNI_CPU_AVX512;
    if (__get_cpuid(0x80000006, &a, &b, &c, &d) && c >> 16 >= 1024) found |= NNI_CPU_LARGE_L2;
    return found;
}

/* Detected once; the top bit marks that it was. */
static inline unsigned nni_cpu_features(void) {
    static unsigned known;
    unsigned features = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (NNI_UNLIKELY(!features)) {
        features = nni_cpu_detect() | 0x80000000u;
        __atomic_store_n(&known, features, __ATOMIC_RELAXED);
    }
    return features;
}
static inline int nni_cpu_has_fma(void) { return (nni_cpu_features() & NNI_CPU_FMA) != 0; }
static inline int nni_cpu_has_large_l2(void) { return (nni_cpu_features() & NNI_CPU_LARGE_L2) != 0; }
#else
static inline int nni_cpu_has_fma(void) { return 1; }
static inline int nni_cpu_has_large_l2(void) { return 0; } /* nobody says */
#endif

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CPU_H */
