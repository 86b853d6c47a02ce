/* mix.h - mixup: samples and their targets mixed in pairs (Zhang et al., 2018) */
#ifndef NN_IMAGE_MIX_H
#define NN_IMAGE_MIX_H

#include "../random.h"

/* y = weight*a + (1 - weight)*b; exactly a for a weight of 1. For samples, and for their targets. y may be b, and not a. */
NN_API void nn_mixup(float *y, const float *a, const float *b, size_t n, float weight);

/* A weight from the Beta(alpha, alpha) distribution, alpha > 0: near 0 or 1 for a small alpha, uniform for 1, near 1/2 for a
 * large one. Takes a multiple of 64 numbers from the next multiple of 64 on. */
NN_API float nn_mixup_weight(float alpha, nn_random *random);

#ifdef NN_IMPLEMENTATION

#include "../isa.h"
#include "../exact.h"

NN_API void nn_mixup(float *y, const float *a, const float *b, size_t n, float weight) {
    const nni_tier *tier = nni_get_tier();
    tier->scale(y, b, n, 1.0f - weight);
    tier->axpy(y, a, n, weight);
}

static double nni_unit(uint32_t word) { return ((double)word + 0.5) * (1.0 / 4294967296.0); } /* in (0, 1) */

/* A normal number from two words (Box-Muller). */
static double nni_normal(const uint32_t word[2]) {
    double s, c;
    nni_exact_turn(&s, &c, nni_unit(word[1]));
    return sqrt(-2.0 * nni_exact_log(nni_unit(word[0]))) * c;
}

/* The logarithm of a Gamma(alpha) number by Marsaglia and Tsang's rejection, at most 16 tries of 3 words, of which each fails
 * one time in twenty at worst; below 1, Gamma(alpha + 1) times u^(1/alpha). */
static double nni_log_gamma_number(double alpha, const uint32_t word[49]) {
    const double d = (alpha < 1.0 ? alpha + 1.0 : alpha) - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    double v = 1.0;
    for (size_t i = 0; i < 16; i++) {
        const double x = nni_normal(word + 3 * i), u = nni_unit(word[3 * i + 2]);
        v = 1.0 + c * x;
        v = v * v * v;
        if (v > 0.0 && nni_exact_log(u) < 0.5 * x * x + d - d * v + d * nni_exact_log(v)) break;
        v = 1.0;
    }
    return nni_exact_log(d * v) + (alpha < 1.0 ? nni_exact_log(nni_unit(word[48])) / alpha : 0.0);
}

/* From the 128 words of two blocks: a/(a + b) by their logarithms, since both may be too small for a number. */
static float nni_beta(float alpha, const uint32_t word[128]) {
    const double a = nni_log_gamma_number((double)alpha, word), b = nni_log_gamma_number((double)alpha, word + 64), d = b - a;
    if (d > 700.0) return 0.0f;
    return (float)(d < -700.0 ? 1.0 : 1.0 / (1.0 + nni_exact_exp(d)));
}

NN_API float nn_mixup_weight(float alpha, nn_random *random) {
    uint32_t word[128];
    random->next = (random->next + 63) / 64 * 64;
    nni_get_tier()->random_bits(word, random->seed, random->stream, random->next / 64, 2);
    random->next += 128;
    return nni_beta(alpha, word);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_MIX_H */
