/* noise.h - images spoilt at random: Gaussian noise, salt and pepper, a rectangle cut out */
#ifndef NN_IMAGE_NOISE_H
#define NN_IMAGE_NOISE_H

#include "../random.h"
#include "image.h"

/* Value i of the image (rows one after another, whatever their stride) takes number next + i of the sequence. y may be x. */

/* y = x + deviation*N(0, 1), in the units of the values: 25.5 for bytes is a tenth of the range. */
NN_API NN_MUST_USE nn_status nn_image_noise(nn_image y, nn_image x, float deviation, nn_random *random);

/* A share of the values, half of it each, becomes `pepper` or `salt`: 0 and 1 for floats, 0 and 255 for bytes, say. */
NN_API NN_MUST_USE nn_status nn_image_salt_pepper(nn_image y, nn_image x, float share, float pepper, float salt,
                                                  nn_random *random);

/* The rectangle of height x width pixels at (top, left), as far as it lies in the image, becomes `value`, in place. */
NN_API NN_MUST_USE nn_status nn_image_cutout(nn_image y, ptrdiff_t top, ptrdiff_t left, size_t height, size_t width,
                                             float value);

#ifdef NN_IMPLEMENTATION

#include "move.h"

/* What is done to up to 64 values by as many numbers. */
typedef struct nni_spoil {
    nn_random random;
    float deviation;
    float share, pepper, salt;
} nni_spoil;

/* Values [position, position + n) of the sequence, which lie in one block of 64. */
static void nni_spoil_values(float *v, size_t n, const nni_spoil *s, uint64_t position) {
    float number[64];
    const nni_tier *tier = nni_get_tier();
    const size_t skip = (size_t)(position % 64);
    if (s->share > 0.0f) {
        const float low = 0.5f * s->share;
        tier->random_uniform(number, s->random.seed, s->random.stream, position / 64, 1, 0.0f, 1.0f);
        for (size_t i = 0; i < n; i++) {
            const float u = number[skip + i];
            v[i] = u < low ? s->pepper : u < s->share ? s->salt : v[i];
        }
    } else {
        tier->random_normal(number, s->random.seed, s->random.stream, position / 64, 1, 0.0f, 1.0f);
        tier->axpy(v, number + skip, n, s->deviation);
    }
}

static void nni_image_spoil(const nn_image *y, const nn_image *x, const nni_spoil *s) {
    const size_t values = x->width * x->channels;
    uint64_t position = s->random.next;
    for (size_t row = 0; row < x->height; row++)
        for (size_t i = 0, n; i < values; i += n, position += n) {
            float v[64];
            nn_image from = *x, to = *y;
            n = nni_min(64 - (size_t)(position % 64), values - i);
            from.pixels = nni_image_row(x, row) + i * nni_image_value(x);
            to.pixels = nni_image_row(y, row) + i * nni_image_value(y);
            nni_image_load(v, &from, 0, 0, n);
            nni_spoil_values(v, n, s, position);
            nni_image_store(&to, 0, v, n);
        }
}

static nn_status nni_image_spoil_checked(nn_image *y, nn_image *x, const nni_spoil *s, nn_random *random) {
    nni_spoil drawn = *s;
    const nn_status status = nni_image_check_same(y, x);
    if (status != NN_OK) return status;
    if (!random) return NN_ERROR_NULL;
    if (!(s->deviation >= 0.0f && s->deviation < 1e30f && s->share >= 0.0f && s->share <= 1.0f)) return NN_ERROR_ARGUMENT;
    drawn.random = *random;
    nni_image_spoil(y, x, &drawn);
    random->next += (uint64_t)(x->height * x->width * x->channels);
    return NN_OK;
}

NN_API nn_status nn_image_noise(nn_image y, nn_image x, float deviation, nn_random *random) {
    const nni_spoil s = {{0, 0, 0}, deviation, 0.0f, 0.0f, 0.0f};
    return nni_image_spoil_checked(&y, &x, &s, random);
}
NN_API nn_status nn_image_salt_pepper(nn_image y, nn_image x, float share, float pepper, float salt, nn_random *random) {
    const nni_spoil s = {{0, 0, 0}, 0.0f, share, pepper, salt};
    return nni_image_spoil_checked(&y, &x, &s, random);
}

static void nni_image_cutout(const nn_image *y, ptrdiff_t top, ptrdiff_t left, size_t height, size_t width, float value) {
    const ptrdiff_t bottom = top + (ptrdiff_t)height, right = left + (ptrdiff_t)width;
    const size_t first = (size_t)(top > 0 ? top : 0), end = bottom > 0 ? nni_min((size_t)bottom, y->height) : 0;
    const size_t from = (size_t)(left > 0 ? left : 0), to = right > 0 ? nni_min((size_t)right, y->width) : 0;
    for (size_t row = first; row < end && from < to; row++)
        nni_image_fill_row(nni_image_row(y, row) + from * y->channels * nni_image_value(y), (to - from) * y->channels, y->bytes,
                           value);
}

NN_API nn_status nn_image_cutout(nn_image y, ptrdiff_t top, ptrdiff_t left, size_t height, size_t width, float value) {
    const ptrdiff_t most = (ptrdiff_t)NNI_IMAGE_MOST;
    nn_status status = nn_isa_status();
    if (status == NN_OK) status = nni_image_check(&y);
    if (status != NN_OK) return status;
    if (top < -most || top > most || left < -most || left > most || height > NNI_IMAGE_MOST || width > NNI_IMAGE_MOST)
        return NN_ERROR_ARGUMENT;
    nni_image_cutout(&y, top, left, height, width, value);
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_NOISE_H */
