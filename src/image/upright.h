/* upright.h - pictures of one thing, a digit say, made alike in slant and place before a network sees them */
#ifndef NN_IMAGE_UPRIGHT_H
#define NN_IMAGE_UPRIGHT_H

#include "affine.h"

/* y = x sheared until it stands upright, its centre of mass in the middle: one resampling. Mass is the sum of the channels, so
 * what is drawn is bright, on 0. About the centre of mass rows move by -sum(v*x*y)/sum(v*y*y) times their place y, which makes
 * the first of these sums 0; by at most their distance (45 degrees). What has no mass above 0 stays as it is. */
NN_API NN_MUST_USE nn_status nn_image_upright(nn_image y, nn_image x, const nn_image_desc *desc);

#ifdef NN_IMPLEMENTATION

/* Sums over all pixels of v, v*x, v*y, v*x*y, v*y*y; x and y are counted from the middle. Of bytes they are exact. */
typedef struct nni_mass {
    double all, x, y, xy, yy;
} nni_mass;

static double nni_image_at(const nn_image *x, size_t row, size_t i) {
    const char *at = nni_image_row(x, row);
    return x->bytes ? (double)((const uint8_t *)at)[i] : (double)((const float *)(const void *)at)[i];
}

static nni_mass nni_image_mass(const nn_image *image) {
    nni_mass m = {0, 0, 0, 0, 0};
    for (size_t row = 0; row < image->height; row++) {
        const double y = (double)row - nni_image_middle(image->height);
        double all = 0, moment = 0;
        for (size_t i = 0; i < image->width * image->channels; i++) {
            const double v = nni_image_at(image, row, i);
            all += v;
            moment += v * ((double)(i / image->channels) - nni_image_middle(image->width));
        }
        m.all += all;
        m.x += moment;
        m.y += all * y;
        m.xy += moment * y;
        m.yy += all * y * y;
    }
    return m;
}

static nn_transform nni_upright(const nn_image *x) {
    const nni_mass m = nni_image_mass(x);
    nn_transform t = nn_transform_identity();
    if (!(m.all > 0.0)) return t;
    t.dx = m.x / m.all;
    t.dy = m.y / m.all;
    const double around = m.yy - m.y * t.dy;
    if (around > 0.0) t.xy = fmax(-1.0, fmin(1.0, (m.xy - m.x * t.dy) / around));
    return t;
}

NN_API nn_status nn_image_upright(nn_image y, nn_image x, const nn_image_desc *desc) {
    const nn_status status = nni_image_check_pair(&y, &x);
    return status == NN_OK ? nn_image_affine(y, x, nni_upright(&x), desc) : status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_UPRIGHT_H */
