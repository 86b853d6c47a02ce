/* conv_window.h - a unit's rows of the source, copied between zeros if the window reaches beyond their ends */
#ifndef NNI_ISA
#include "../scalar.h"
#else

typedef struct NNI_FN(conv_window) {
    const float *at;           /* the first row, of the first image; pixels of groups*in floats */
    size_t row;                /* which row of the source that is */
    size_t pitch, image_pitch; /* floats from one row, and image, to the next */
} NNI_FN(conv_window);

/* One row of a source between the zeros of its window. */
static void NNI_FN(conv_copy_row)(float *dst, const float *source, const nni_conv_axis *x, size_t channels) {
    const size_t width = nni_conv_window_width(x), before = nni_min(x->pad, width), inside = nni_min(x->source, width - before);
    memset(dst, 0, before * channels * sizeof *dst);
    memcpy(dst + before * channels, source, inside * channels * sizeof *dst);
    memset(dst + (before + inside) * channels, 0, (width - before - inside) * channels * sizeof *dst);
}

/* The window of a unit, copied to work if need be. */
static NNI_FN(conv_window) NNI_FN(conv_open)(const nni_conv *job, const NNI_FN(conv_unit) *unit, float *work) {
    const size_t channels = job->groups * job->in;
    NNI_FN(conv_window) window;
    const size_t rows = nni_conv_rows(&job->y, unit->from, unit->to, &window.row) - window.row;
    const float *source = job->source + (unit->image * job->y.source + window.row) * job->x.source * channels;
    window.at = source;
    window.pitch = job->x.source * channels;
    window.image_pitch = job->y.source * window.pitch;
    if (!job->copy) return window;
    window.at = work;
    window.pitch = nni_conv_window_width(&job->x) * channels;
    window.image_pitch = rows * window.pitch;
    for (size_t i = 0; i < unit->images; i++)
        for (size_t r = 0; r < rows; r++)
            NNI_FN(conv_copy_row)(work + i * window.image_pitch + r * window.pitch,
                                  source + (i * job->y.source + r) * job->x.source * channels, &job->x, channels);
    return window;
}

#endif /* NNI_ISA */
