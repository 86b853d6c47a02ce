/* random.h - random numbers that depend on a seed and a position alone */
#ifndef NN_RANDOM_H
#define NN_RANDOM_H

#include "config.h"

/* A place in a sequence of random numbers: number `next` of sequence `stream` under `seed`. There are 2^64 streams for each
 * seed, all independent; every call takes its numbers from `next` on and moves it past them. Copy it to draw the same
 * numbers again, set `next` to draw from anywhere. The numbers are those of Philox 4x32-10 and the same bits on every
 * machine, for every number of threads, and however a sequence is divided into calls. */
typedef struct nn_random {
    uint64_t seed, stream, next;
} nn_random;

/* 32 random bits each. */
NN_API void nn_random_bits(uint32_t *y, size_t n, nn_random *random);

/* Uniform in [lo, hi), in 2^24 steps. */
NN_API void nn_random_uniform(float *y, size_t n, float lo, float hi, nn_random *random);

/* Normally distributed; no farther than 5.77 deviations from the mean, as follows from 24 bits. */
NN_API void nn_random_normal(float *y, size_t n, float mean, float deviation, nn_random *random);

/* `value` with probability `keep`, else 0: with value = 1/keep, the mask of inverted dropout. Exact to 2^-24. */
NN_API void nn_random_mask(float *y, size_t n, float keep, float value, nn_random *random);

/* An integer in [0, n), all equally likely, from one position of the sequence; 0 if n is 0. */
NN_API uint64_t nn_random_below(uint64_t n, nn_random *random);

/* A random order of 0 .. n-1, from n positions of the sequence. */
NN_API void nn_random_permutation(size_t *y, size_t n, nn_random *random);

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "threads.h"

/* Numbers worth a thread: at twice as many, two threads that sleep between calls were 1.2 (uniform) to 1.7 times as fast. */
#define NNI_RANDOM_SHARE 100000

/* Numbers come in blocks of 64 (see kernels/random.h). A call that starts or ends inside a block makes the whole block
 * aside and takes its share. */
typedef struct nni_draw {
    void (*f)(const struct nni_draw *draw, void *y, uint64_t first, size_t blocks);
    const nni_tier *tier;
    nn_random random;
    float a, b;
    char *y;
    size_t n, part; /* numbers in whole blocks, blocks of a part */
} nni_draw;

static void nni_draw_task(void *context, size_t i) {
    const nni_draw *d = (const nni_draw *)context;
    const size_t begin = i * d->part, blocks = nni_min(d->part, d->n / 64 - begin);
    d->f(d, d->y + begin * 64 * sizeof(float), d->random.next / 64 + begin, blocks);
}

/* The numbers from d->random.next on, at most to the end of their block: how many there were. */
static size_t nni_draw_partly(const nni_draw *d, size_t n) {
    uint32_t block[64];
    const size_t skip = (size_t)(d->random.next % 64), take = nni_min(n, 64 - skip);
    d->f(d, block, d->random.next / 64, 1);
    memcpy(d->y, block + skip, take * sizeof *block);
    return take;
}

static void nni_draw_run(void (*f)(const nni_draw *, void *, uint64_t, size_t), void *y, size_t n, float a, float b,
                         nn_random *random) {
    nni_draw d;
    d.f = f;
    d.tier = nni_get_tier();
    d.random = *random;
    d.a = a;
    d.b = b;
    d.y = (char *)y;
    random->next += n;
    if (n && d.random.next % 64) {
        const size_t taken = nni_draw_partly(&d, n);
        d.random.next += taken;
        d.y += taken * sizeof(float);
        n -= taken;
    }
    const size_t blocks = n / 64;
    if (blocks) {
        d.n = blocks * 64;
        d.part = nni_ceil_div(blocks, nni_threads_for(d.n, NNI_RANDOM_SHARE));
        nni_parallel(nni_draw_task, &d, nni_ceil_div(blocks, d.part));
        d.random.next += d.n;
        d.y += d.n * sizeof(float);
    }
    if (n % 64) nni_draw_partly(&d, n % 64);
}

static void nni_draw_bits(const nni_draw *d, void *y, uint64_t first, size_t blocks) {
    d->tier->random_bits((uint32_t *)y, d->random.seed, d->random.stream, first, blocks);
}
static void nni_draw_uniform(const nni_draw *d, void *y, uint64_t first, size_t blocks) {
    d->tier->random_uniform((float *)y, d->random.seed, d->random.stream, first, blocks, d->a, d->b);
}
static void nni_draw_normal(const nni_draw *d, void *y, uint64_t first, size_t blocks) {
    d->tier->random_normal((float *)y, d->random.seed, d->random.stream, first, blocks, d->a, d->b);
}
static void nni_draw_mask(const nni_draw *d, void *y, uint64_t first, size_t blocks) {
    d->tier->random_mask((float *)y, d->random.seed, d->random.stream, first, blocks, d->a, d->b);
}

NN_API void nn_random_bits(uint32_t *y, size_t n, nn_random *random) { nni_draw_run(nni_draw_bits, y, n, 0, 0, random); }
NN_API void nn_random_uniform(float *y, size_t n, float lo, float hi, nn_random *random) {
    nni_draw_run(nni_draw_uniform, y, n, lo, hi, random);
}
NN_API void nn_random_normal(float *y, size_t n, float mean, float deviation, nn_random *random) {
    nni_draw_run(nni_draw_normal, y, n, mean, deviation, random);
}
NN_API void nn_random_mask(float *y, size_t n, float keep, float value, nn_random *random) {
    nni_draw_run(nni_draw_mask, y, n, keep, value, random);
}

/* One Philox counter in plain C: key and counter to four words. */
static void nni_philox(uint32_t word[4], uint64_t key, const uint32_t counter[4]) {
    uint32_t c[4], k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    memcpy(c, counter, sizeof c);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)c[0] * 0xD2511F53u, p1 = (uint64_t)c[2] * 0xCD9E8D57u;
        const uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(word, c, sizeof c);
}

/* The 64-bit number of an attempt at the present position. The top byte of its counter holds the attempt with the high bit
 * set, where the counters of the arrays, which count blocks, never come. */
static uint64_t nni_random_attempt(const nn_random *random, uint32_t attempt) {
    uint32_t word[4];
    const uint64_t position = random->next >> 1;
    const uint32_t counter[4] = {(uint32_t)position, ((uint32_t)(position >> 32) & 0xffffffu) | (0x80u + attempt) << 24,
                                 (uint32_t)random->stream, (uint32_t)(random->stream >> 32)};
    nni_philox(word, random->seed, counter);
    return random->next & 1 ? (uint64_t)word[3] << 32 | word[2] : (uint64_t)word[1] << 32 | word[0];
}

__extension__ typedef unsigned __int128 nni_uint128;

/* Lemire, "Fast random integer generation in an interval" (2019): the high half of draw*n, drawn again where the low half
 * falls into the 2^64 mod n values that would favour some results. */
NN_API uint64_t nn_random_below(uint64_t n, nn_random *random) {
    if (n == 0) return 0;
    nni_uint128 product = (nni_uint128)nni_random_attempt(random, 0) * n;
    if ((uint64_t)product < n) {
        const uint64_t unfair = (0 - n) % n;
        for (uint32_t attempt = 1; (uint64_t)product < unfair; attempt++)
            product = (nni_uint128)nni_random_attempt(random, attempt) * n;
    }
    random->next++;
    return (uint64_t)(product >> 64);
}

NN_API void nn_random_permutation(size_t *y, size_t n, nn_random *random) {
    for (size_t i = 0; i < n; i++) { /* Fisher and Yates, inside out: no pass to fill y first */
        const size_t j = (size_t)nn_random_below(i + 1, random);
        if (j != i) y[i] = y[j];
        y[j] = i;
    }
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_RANDOM_H */
