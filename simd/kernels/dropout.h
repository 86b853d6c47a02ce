/* dropout.h - random masks and noise upon an array: y[i] = f(x[i], number i of the sequence), in the blocks of random.h */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* Stores at y + 16*w what word w makes of the VF_LANES values at x + 16*w. */
typedef void (*NNI_FN(noise_fn))(float *y, const float *x, const vi *word, vf a, vf b);

NNI_INLINE void NNI_FN(noise_blocks)(NNI_FN(noise_fn) f, float *y, const float *x, uint64_t key, uint64_t stream,
                                     uint64_t first, size_t blocks, float a, float b) {
    const vf av = vf_set1(a), bv = vf_set1(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            vi word[4];
            NNI_FN(philox)(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, x + block * 64 + lane, word, av, bv);
        }
}

/* b*x where u < a, else 0, whatever x is */
NNI_INLINE void NNI_FN(dropout_words)(float *y, const float *x, const vi *word, vf a, vf b) {
    NNI_UNROLL for (int w = 0; w < 4; w++)
        vf_store(y + 16 * w, vf_where(vf_lt(NNI_FN(unit)(word[w]), a), vf_mul(b, vf_load(x + 16 * w))));
}

/* x + b*normal */
NNI_INLINE void NNI_FN(add_normal_words)(float *y, const float *x, const vi *word, vf a, vf b) {
    (void)a;
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        vf radius, sine, cosine;
        NNI_FN(normal_pair)(word + w, b, &radius, &sine, &cosine);
        vf_store(y + 16 * w, vf_fma(radius, cosine, vf_load(x + 16 * w)));
        vf_store(y + 16 * w + 16, vf_fma(radius, sine, vf_load(x + 16 * w + 16)));
    }
}

static void NNI_FN(dropout) NNI_NOISE_ARGUMENTS {
    NNI_FN(noise_blocks)(NNI_FN(dropout_words), y, x, key, stream, first, blocks, a, b);
}
static void NNI_FN(add_normal) NNI_NOISE_ARGUMENTS {
    NNI_FN(noise_blocks)(NNI_FN(add_normal_words), y, x, key, stream, first, blocks, a, b);
}

/* scale*x in the columns whose mask is positive, else 0, whatever x is */
NNI_INLINE void NNI_FN(mask_columns_rows)(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, vm valid) {
    const vf mask = NNI_FN(column_load)(factor[0] + j, whole, valid), scale = vf_set1(*factor[1]);
    const vm kept = vf_lt(vf_set1(0.0f), mask);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const vf x = NNI_FN(column_load)(s->x + at, whole, valid);
        NNI_FN(column_store)(y + at, vf_where(kept, vf_mul(scale, x)), whole, valid);
    }
}
static void NNI_FN(mask_columns)(float *y, const nni_strip *s, const float *mask, float scale) {
    const float *const factor[] = {mask, &scale};
    NNI_FN(normalize_strip)(NNI_FN(mask_columns_rows), y, s, factor);
}

#endif /* NNI_ISA */
