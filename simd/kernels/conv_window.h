/* conv_window.h - the part of an image that is convolved at a time, between zeros where it ends */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* The part of a convolution that is computed at a time. */
typedef struct NNI_FN(conv_unit) {
    size_t image, images;
    size_t from, to;        /* positions of y */
    const float *window;    /* the first row that they read, of the first image; pixels of groups*in floats */
    size_t row;             /* which row of the source that is */
    size_t pitch, image_pitch;
} NNI_FN(conv_unit);

/* One row of a source between the zeros of its window. */
static void NNI_FN(conv_copy_row)(float *dst, const float *source, const nni_conv_axis *x, size_t channels) {
    const size_t width = nni_conv_window_width(x);
    const size_t before = x->origin < 0 ? nni_min((size_t)-x->origin, width) : 0, skip = x->origin < 0 ? 0 : (size_t)x->origin;
    const size_t inside = skip < x->source ? nni_min(x->source - skip, width - before) : 0;
    memset(dst, 0, before * channels * sizeof *dst);
    memcpy(dst + before * channels, source + skip * channels, inside * channels * sizeof *dst);
    memset(dst + (before + inside) * channels, 0, (width - before - inside) * channels * sizeof *dst);
}

/* Unit u, its window copied to work if need be. */
static NNI_FN(conv_unit) NNI_FN(conv_open)(const nni_conv *job, size_t u, float *work) {
    const size_t channels = job->groups * job->in;
    NNI_FN(conv_unit) unit;
    unit.image = u / job->bands * job->together;
    unit.images = nni_min(job->together, job->images - unit.image);
    unit.from = u % job->bands * job->band;
    unit.to = nni_min(unit.from + job->band, job->y.positions);
    const size_t end = nni_conv_rows(&job->y, unit.from, unit.to, &unit.row), rows = end - unit.row;
    const float *source = job->source + (unit.image * job->y.source + unit.row) * job->x.source * channels;
    if (!job->copy) {
        unit.window = source + (size_t)job->x.origin * channels;
        unit.pitch = job->x.source * channels;
        unit.image_pitch = job->y.source * unit.pitch;
        return unit;
    }
    unit.window = work;
    unit.pitch = nni_conv_window_width(&job->x) * channels;
    unit.image_pitch = rows * unit.pitch;
    for (size_t i = 0; i < unit.images; i++)
        for (size_t r = 0; r < rows; r++)
            NNI_FN(conv_copy_row)(work + i * unit.image_pitch + r * unit.pitch,
                                  source + (i * job->y.source + r) * job->x.source * channels, &job->x, channels);
    return unit;
}

#endif /* NNI_ISA */
