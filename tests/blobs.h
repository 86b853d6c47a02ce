/* blobs.h - a small problem that a small network learns: points around the corners of a square, of four classes */
#ifndef BLOBS_H
#define BLOBS_H

#include "test.h"

#define BLOBS_COUNT 150
#define BLOBS_CLASSES 4
#define BLOBS_FEATURES 6

typedef struct blobs {
    float x[BLOBS_COUNT * BLOBS_FEATURES], one_hot[BLOBS_COUNT * BLOBS_CLASSES], height[BLOBS_COUNT];
    uint32_t labels[BLOBS_COUNT], odd[BLOBS_COUNT];
    uint8_t bytes[BLOBS_COUNT * BLOBS_FEATURES];
    nn_dataset data, of_targets, of_bytes, binary, regression;
} blobs;

/* Class c sits where the bits of c say, with noise of up to `noise` around. */
static inline void blobs_make(blobs *b, uint64_t seed, float noise) {
    uint64_t state = seed;
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < BLOBS_COUNT; i++) {
        const uint32_t c = b->labels[i] = (uint32_t)test_below(&state, BLOBS_CLASSES);
        b->odd[i] = c & 1;
        b->one_hot[i * BLOBS_CLASSES + c] = 1;
        for (size_t j = 0; j < BLOBS_FEATURES; j++) {
            const float x = (c >> (j & 1) & 1 ? 1.0f : -1.0f) + noise * test_float(&state);
            b->x[i * BLOBS_FEATURES + j] = x;
            b->bytes[i * BLOBS_FEATURES + j] = (uint8_t)(127.5f + 40.0f * x);
        }
        b->height[i] = 0.5f * b->x[i * BLOBS_FEATURES] - 0.25f * b->x[i * BLOBS_FEATURES + 1];
    }
    const nn_shape shape = nn_shape_vector(BLOBS_FEATURES);
    b->data = nn_dataset_of(b->x, BLOBS_COUNT, shape, b->labels, BLOBS_CLASSES);
    b->of_bytes = nn_dataset_of_bytes(b->bytes, BLOBS_COUNT, shape, b->labels, BLOBS_CLASSES);
    b->of_targets = nn_dataset_of_targets(b->x, BLOBS_COUNT, shape, b->one_hot, BLOBS_CLASSES);
    b->binary = nn_dataset_of(b->x, BLOBS_COUNT, shape, b->odd, 2);
    b->regression = nn_dataset_of_targets(b->x, BLOBS_COUNT, shape, b->height, 1);
}

/* features-8-outputs with batch norm and dropout, so that training and testing differ. */
static inline nn_model *blobs_model(const nn_allocator *allocator, size_t outputs, nn_loss loss, size_t batch) {
    nn_model *m = nn_model_new(allocator);
    nn_node x = nn_layer_input(m, nn_shape_vector(BLOBS_FEATURES));
    x = nn_layer_dropout(m, nn_layer_tanh(m, nn_layer_batch_norm(m, nn_layer_dense(m, x, 8))), 0.1f);
    nn_layer_loss(m, nn_layer_dense(m, x, outputs), loss);
    const nn_build_desc build = {.seed = 3, .batch = batch};
    if (m && nn_model_build(m, &build) != NN_OK && !allocator) {
        puts(nn_error(m));
        abort();
    }
    return m;
}

/* ---- memory that is counted, and refused after so many times ---- */

typedef struct scarce {
    size_t allowed, taken, alive;
} scarce;

static inline void *scarce_alloc(size_t bytes, void *user) {
    scarce *s = (scarce *)user;
    if (s->taken++ >= s->allowed) return NULL;
    s->alive++;
    return malloc(bytes);
}
static inline void scarce_free(void *memory, void *user) {
    ((scarce *)user)->alive--;
    free(memory);
}

#endif /* BLOBS_H */
