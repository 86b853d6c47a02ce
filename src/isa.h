/* isa.h - which instruction set runs: found once, forced by NN_ISA or by a call */
#ifndef NN_ISA_H
#define NN_ISA_H

#include "status.h"

/* Chooses the instruction set by name: "scalar", "avx2", "avx512", "neon", or NULL for the best one that this processor
 * and system run. NN_ERROR_ISA_UNKNOWN or NN_ERROR_ISA_MISSING leave the choice as it was. Results are the same bits
 * whatever is chosen, so this is for tests, benches and doubts. Not to be called while another thread is inside nn.h. */
NN_API NN_MUST_USE nn_status nn_isa_force(const char *name);

/* The name of the instruction set in use; never NULL. The first use of nn.h chooses it: the one that the environment
 * variable NN_ISA names, or else the best. If NN_ISA names none that can run, "scalar" is in use, nn_isa_status() says what
 * is wrong, and every function that returns a status returns that one. */
NN_API const char *nn_isa(void);

/* NN_OK, or what was wrong with NN_ISA. */
NN_API NN_MUST_USE nn_status nn_isa_status(void);

/* The i-th instruction set compiled in, best first, and NULL from the end of the list on. */
NN_API const char *nn_isa_name(size_t i);

/* NN_OK if this processor and system can run the instruction set of that name. */
NN_API NN_MUST_USE nn_status nn_isa_supported(const char *name);

/* Where exp and log come from: "sleef" or "builtin". */
NN_API const char *nn_maths_backend(void);

#ifdef NN_IMPLEMENTATION

#include "../simd/scalar.h"
#include "../simd/avx2.h"
#include "../simd/avx512.h"
#include "../simd/neon.h"

#include <stdlib.h>

/* Best first; scalar is last and always there. */
static const nni_tier *const nni_tiers[] = {
#if defined(NNI_X86)
    &nni_tier_avx512, &nni_tier_avx2,
#elif defined(NNI_ARM)
    &nni_tier_neon,
#endif
    &nni_tier_scalar, NULL};

/* The only mutable globals: written once by the first call (by all threads alike), and by nn_isa_force. */
static const nni_tier *nni_tier_in_use;
static nn_status nni_tier_status;

static int nni_tier_runs(const nni_tier *tier) {
#ifdef NNI_X86
    const unsigned features = nni_cpu_features();
    if (tier == &nni_tier_avx512) return (features & NNI_CPU_AVX512) != 0;
    if (tier == &nni_tier_avx2) return (features & NNI_CPU_AVX2) != 0;
#endif
    (void)tier;
    return 1;
}

/* The tier of that name that can run, or the reason why there is none. */
static nn_status nni_tier_find(const char *name, const nni_tier **tier) {
    static const char *const known[] = {"scalar", "avx2", "avx512", "neon"};
    for (size_t i = 0; nni_tiers[i]; i++)
        if (!name || strcmp(nni_tiers[i]->name, name) == 0) {
            if (nni_tier_runs(nni_tiers[i])) {
                *tier = nni_tiers[i];
                return NN_OK;
            }
            if (name) return NN_ERROR_ISA_MISSING;
        }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], name) == 0) return NN_ERROR_ISA_MISSING;
    return NN_ERROR_ISA_UNKNOWN;
}

static const nni_tier *nni_tier_choose(void) {
    const char *name = getenv("NN_ISA");
    const nni_tier *tier = &nni_tier_scalar;
    const nn_status status = nni_tier_find(name && *name ? name : NULL, &tier);
    __atomic_store_n(&nni_tier_status, status, __ATOMIC_RELAXED);
    __atomic_store_n(&nni_tier_in_use, tier, __ATOMIC_RELEASE);
    return tier;
}

static inline const nni_tier *nni_get_tier(void) {
    const nni_tier *tier = __atomic_load_n(&nni_tier_in_use, __ATOMIC_ACQUIRE);
    return NNI_LIKELY(tier != NULL) ? tier : nni_tier_choose();
}

NN_API nn_status nn_isa_force(const char *name) {
    const nni_tier *tier;
    const nn_status status = nni_tier_find(name, &tier);
    if (status != NN_OK) return status;
    __atomic_store_n(&nni_tier_status, NN_OK, __ATOMIC_RELAXED);
    __atomic_store_n(&nni_tier_in_use, tier, __ATOMIC_RELEASE);
    return NN_OK;
}

NN_API const char *nn_isa(void) { return nni_get_tier()->name; }

NN_API nn_status nn_isa_status(void) {
    nni_get_tier();
    return __atomic_load_n(&nni_tier_status, __ATOMIC_RELAXED);
}

NN_API const char *nn_isa_name(size_t i) {
    const size_t count = sizeof nni_tiers / sizeof *nni_tiers;
    return i < count && nni_tiers[i] ? nni_tiers[i]->name : NULL;
}

NN_API nn_status nn_isa_supported(const char *name) {
    const nni_tier *tier;
    return name ? nni_tier_find(name, &tier) : NN_ERROR_NULL;
}

NN_API const char *nn_maths_backend(void) {
#ifdef NN_NO_SLEEF
    return "builtin";
#else
    return nni_cpu_has_fma() ? "sleef" : "builtin";
#endif
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_ISA_H */
