/* dropout.h - dropout, of elements or of whole channels, and additive noise */
#ifndef NN_DROPOUT_H
#define NN_DROPOUT_H

#include "random.h"

/* y[i] = scale*x[i] with probability `keep` (exact to 2^-24), else +0, even where x is NaN or infinite. Inverted dropout has
 * scale = 1/keep and nothing to do at test; with scale = 1 the test pass multiplies by `keep` instead (nn_scale). y may be x.
 *
 * Nobody stores the mask: whether element i is kept follows from seed, stream and position next + i, as in nn_random_mask.
 * The backward pass draws it again: the same call on dy, with a copy of the nn_random as it was before the forward pass.
 *
 *     nn_random again = random;
 *     nn_dropout(y, x, n, 0.9f, 1 / 0.9f, &random);
 *     nn_dropout(dx, dy, n, 0.9f, 1 / 0.9f, &again); */
NN_API void nn_dropout(float *y, const float *x, size_t n, float keep, float scale, nn_random *random);

/* Spatial dropout: x is images x pixels x channels, and each channel of each image is kept or dropped as a whole: element
 * image*channels + channel of the mask. y may be x. */
NN_API void nn_dropout_channels(float *y, const float *x, size_t images, size_t pixels, size_t channels, float keep,
                                float scale, nn_random *random);

/* y = x + deviation*N(0, 1), rounded once; y may be x. To the gradient it is the identity. */
NN_API void nn_add_normal(float *y, const float *x, size_t n, float deviation, nn_random *random);

#ifdef NN_IMPLEMENTATION

#include "columns.h"

#define NNI_NOISE_SHARE 100000 /* elements worth a thread, as in drawing them */

/* As in random.h, a call that starts or ends inside a block of 64 numbers makes that block aside. */
typedef struct nni_noise {
    void (*f)NNI_NOISE_ARGUMENTS;
    nn_random random;
    float a, b;
    float *y;
    const float *x;
    size_t blocks, part; /* whole blocks, blocks of a part */
} nni_noise;

static void nni_noise_task(void *context, size_t i) {
    const nni_noise *d = (const nni_noise *)context;
    const size_t begin = i * d->part, blocks = nni_min(d->part, d->blocks - begin);
    d->f(d->y + begin * 64, d->x + begin * 64, d->random.seed, d->random.stream, d->random.next / 64 + begin, blocks, d->a,
         d->b);
}

/* The next elements, at most to the end of their block; moves on past them, and returns how many are left of n. */
static size_t nni_noise_partly(nni_noise *d, size_t n) {
    float block[64] = {0};
    const size_t skip = (size_t)(d->random.next % 64), take = nni_min(n, 64 - skip);
    memcpy(block + skip, d->x, take * sizeof *block);
    d->f(block, block, d->random.seed, d->random.stream, d->random.next / 64, 1, d->a, d->b);
    memcpy(d->y, block + skip, take * sizeof *block);
    d->random.next += take;
    d->x += take;
    d->y += take;
    return n - take;
}

static void nni_noise_run(nni_noise *d, size_t n) {
    if (n && d->random.next % 64) n = nni_noise_partly(d, n);
    d->blocks = n / 64;
    if (d->blocks) {
        d->part = nni_ceil_div(d->blocks, nni_threads_for(n, NNI_NOISE_SHARE));
        nni_parallel(nni_noise_task, d, nni_ceil_div(d->blocks, d->part));
        d->random.next += d->blocks * 64;
        d->x += d->blocks * 64;
        d->y += d->blocks * 64;
    }
    if (n % 64) nni_noise_partly(d, n % 64);
}

NN_API void nn_dropout(float *y, const float *x, size_t n, float keep, float scale, nn_random *random) {
    nni_noise d = {nni_get_tier()->dropout, *random, keep, scale, y, x, 0, 0};
    random->next += n;
    nni_noise_run(&d, n);
}

NN_API void nn_add_normal(float *y, const float *x, size_t n, float deviation, nn_random *random) {
    nni_noise d = {nni_get_tier()->add_normal, *random, 0.0f, deviation, y, x, 0, 0};
    random->next += n;
    nni_noise_run(&d, n);
}

typedef struct nni_dropout_channels {
    const nni_tier *tier;
    nn_random random;
    float *y;
    const float *x;
    size_t images, pixels, channels, part; /* images of a part */
    float keep, scale;
} nni_dropout_channels;

/* Some channels of one image. */
static void nni_dropout_panel(const nni_dropout_channels *d, size_t image, size_t channel, size_t width) {
    float block[NNI_PANEL + 64];
    const uint64_t position = d->random.next + image * d->channels + channel;
    const size_t skip = (size_t)(position % 64), at = image * d->pixels * d->channels + channel;
    const nni_strip strip = {d->x + at, NULL, d->channels, d->pixels, width, NULL, NULL};
    d->tier->random_mask(block, d->random.seed, d->random.stream, position / 64, nni_ceil_div(skip + width, 64), d->keep, 1.0f);
    d->tier->mask_columns(d->y + at, &strip, block + skip, d->scale);
}

static void nni_dropout_channels_task(void *context, size_t i) {
    const nni_dropout_channels *d = (const nni_dropout_channels *)context;
    const size_t begin = i * d->part, end = nni_min(d->images, begin + d->part);
    for (size_t image = begin; image < end; image++)
        for (size_t channel = 0; channel < d->channels; channel += NNI_PANEL)
            nni_dropout_panel(d, image, channel, nni_min(d->channels - channel, NNI_PANEL));
}

NN_API void nn_dropout_channels(float *y, const float *x, size_t images, size_t pixels, size_t channels, float keep,
                                float scale, nn_random *random) {
    nni_dropout_channels d = {nni_get_tier(), *random, y, x, images, pixels, channels, 0, keep, scale};
    random->next += images * channels;
    if (images == 0 || pixels == 0) return;
    d.part = nni_ceil_div(images, nni_threads_for(images * pixels * channels, NNI_NOISE_SHARE));
    nni_parallel(nni_dropout_channels_task, &d, nni_ceil_div(images, d.part));
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_DROPOUT_H */
