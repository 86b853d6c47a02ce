/* conv_block.h - the parts of a convolution: units, computed at a time, and their blocks, whose outputs have the same taps */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* Some images, or positions [from, to) of y of one of them. */
typedef struct NNI_FN(conv_unit) {
    size_t image, images;
    size_t from, to;
} NNI_FN(conv_unit);

static NNI_FN(conv_unit) NNI_FN(conv_unit_of)(const nni_conv *job, size_t u) {
    NNI_FN(conv_unit) unit;
    unit.image = u / job->bands * job->together;
    unit.images = nni_min(job->together, job->images - unit.image);
    unit.from = u % job->bands * job->band;
    unit.to = nni_min(unit.from + job->band, job->y.positions);
    return unit;
}

/* One axis of a block: how many outputs, and what is between two of them in the source and in the target. */
typedef struct NNI_FN(conv_steps) {
    size_t count, source, target;
} NNI_FN(conv_steps);

/* Outputs of a unit that have the same taps. axis[0] becomes the rows of A. */
typedef struct NNI_FN(conv_block) {
    NNI_FN(conv_steps) axis[3];
    const float *source; /* what the first tap reads for the first output */
    float *target;
} NNI_FN(conv_block);

static void NNI_FN(conv_exchange)(NNI_FN(conv_block) *block, size_t i) {
    const NNI_FN(conv_steps) first = block->axis[0];
    block->axis[0] = block->axis[i];
    block->axis[i] = first;
}

/* Puts the axis first along which tiles are fullest; along a row of outputs if others are not much better. */
static void NNI_FN(conv_choose)(NNI_FN(conv_block) *block, size_t vectors) {
    size_t best = 0, best_cost = 0;
    for (size_t i = 0; i < 3; i++) {
        const size_t count = block->axis[i].count, tiles = nni_ceil_div(count, (size_t)NNI_FN(tile_rows)[vectors - 1]);
        const size_t cost = tiles * NNI_FN(tile_cost)(nni_ceil_div(count, tiles), vectors, 0);
        if (i && 10 * cost * block->axis[best].count >= 9 * best_cost * count) continue;
        best = i;
        best_cost = cost;
    }
    NNI_FN(conv_exchange)(block, best);
}

/* The block of a unit where the runs y and x meet. */
static NNI_FN(conv_block) NNI_FN(conv_block_of)(const nni_conv *job, const NNI_FN(conv_unit) *unit, const nni_conv_phase *py,
                                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const size_t row = job->x.source * channels, image = job->y.source * row;
    const size_t target_row = job->x.target * filters, target_image = job->y.target * target_row;
    const size_t target_y = (size_t)(py->target + (ptrdiff_t)(y->from * py->target_step));
    const size_t target_x = (size_t)(px->target + (ptrdiff_t)(x->from * px->target_step));
    const NNI_FN(conv_block) block = {{{x->to - x->from, job->x.step * channels, px->target_step * filters},
                                       {y->to - y->from, job->y.step * row, py->target_step * target_row},
                                       {unit->images, image, target_image}},
                                      job->source + unit->image * image + y->source * row + x->source * channels,
                                      job->target + unit->image * target_image + target_y * target_row + target_x * filters};
    return block;
}

#endif /* NNI_ISA */
