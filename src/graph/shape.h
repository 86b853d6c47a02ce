/* shape.h - the shape of one sample: an image, of which a vector is the smallest */
#ifndef NN_SHAPE_H
#define NN_SHAPE_H

#include "../config.h"

/* height x width places of `channels` floats each, channels innermost. A vector of n features is 1 x 1 x n. A batch is
 * that many samples one after another, so every layer sees a matrix of rows (samples, or their places) by channels. */
typedef struct nn_shape {
    size_t height, width, channels;
} nn_shape;

static inline nn_shape nn_shape_image(size_t height, size_t width, size_t channels) {
    const nn_shape shape = {height, width, channels};
    return shape;
}
static inline nn_shape nn_shape_vector(size_t features) { return nn_shape_image(1, 1, features); }

/* Floats of a sample. */
static inline size_t nn_shape_size(nn_shape shape) { return shape.height * shape.width * shape.channels; }

static inline int nn_shape_equal(nn_shape a, nn_shape b) {
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

#endif /* NN_SHAPE_H */
