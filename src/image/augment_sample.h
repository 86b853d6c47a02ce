/* augment_sample.h - samples varied at random
 *
 * What happens to a sample follows from (seed, epoch, sample) alone, whatever the batch, the order and the threads.
 */
#ifndef NN_AUGMENT_SAMPLE_H
#define NN_AUGMENT_SAMPLE_H

#include "augment.h"

/* Floats of workspace that a call of nn_augment_sample or nn_augment_bytes needs; each thread has its own. */
NN_API size_t nn_augment_work(const nn_augment *a, nn_shape in);

/* y = the sample x, changed. Takes no memory, and runs on the calling thread. y is not x. */
NN_API void nn_augment_sample(float *y, const float *x, nn_shape in, const nn_augment *a, uint64_t seed, uint64_t epoch,
                              uint64_t sample, float *work);
/* The same of bytes, each taken as byte/255. */
NN_API void nn_augment_bytes(float *y, const uint8_t *x, nn_shape in, const nn_augment *a, uint64_t seed, uint64_t epoch,
                             uint64_t sample, float *work);

/* `count` samples after each other, numbered first, first + 1, ...; threads share them. For copies of a data set, or with x the
 * same and another epoch each time for predictions to average. */
NN_API NN_MUST_USE nn_status nn_augment_images(float *y, const float *x, size_t count, nn_shape in, const nn_augment *a,
                                               uint64_t seed, uint64_t epoch, uint64_t first, const nn_allocator *allocator);

/* Mixup: the sample below `count` to mix with, and the weight of the sample itself, 1 if there is no mixing. The caller mixes
 * samples and targets by nn_mixup. */
NN_API float nn_augment_mix(size_t *partner, const nn_augment *a, uint64_t seed, uint64_t epoch, uint64_t sample, size_t count);

#ifdef NN_IMPLEMENTATION

#include "../threads.h"
#include "affine.h"
#include "elastic.h"
#include "mix.h"
#include "move.h"
#include "noise.h"
#include "photometric.h"
#include "resize.h"

/* ---- random numbers ---- */

/* The stream of a sample is its number; seed and epoch make the key. Block 0 of 64 words has the settings, each in a place of
 * its own, so that one does not depend on another being in use; then come fields and noise. */
enum {
    NNI_DRAW_FLIP_X, NNI_DRAW_FLIP_Y, NNI_DRAW_ROTATE, NNI_DRAW_SCALE_X, NNI_DRAW_SCALE_Y, NNI_DRAW_SHEAR_X,
    NNI_DRAW_SHEAR_Y, NNI_DRAW_TRANSLATE_X, NNI_DRAW_TRANSLATE_Y, NNI_DRAW_TOP, NNI_DRAW_LEFT, NNI_DRAW_SIDE,
    NNI_DRAW_BRIGHTNESS, NNI_DRAW_CONTRAST, NNI_DRAW_SATURATION, NNI_DRAW_HUE, NNI_DRAW_GAMMA,
    NNI_DRAW_CUTOUT, NNI_DRAW_CUTOUT_TOP, NNI_DRAW_CUTOUT_LEFT,
    NNI_DRAW_BOX /* and 19 more: ten tries of two */
};
#define NNI_DRAW_FIELD ((uint64_t)1 << 32) /* positions of the sequence */
#define NNI_DRAW_NOISE ((uint64_t)1 << 40)
#define NNI_DRAW_SALT ((uint64_t)1 << 48)
#define NNI_DRAW_MIX ((uint64_t)1 << 56)

static nn_random nni_augment_random(uint64_t seed, uint64_t epoch, uint64_t sample) {
    const uint32_t counter[4] = {(uint32_t)epoch, (uint32_t)(epoch >> 32), 0x61756761u, 0x656d746eu};
    nn_random random = {0, sample, 0};
    uint32_t word[4];
    nni_philox(word, seed, counter);
    random.seed = (uint64_t)word[1] << 32 | word[0];
    return random;
}

static double nni_draw_unit(const uint32_t *word, size_t place) { return (double)word[place] * (1.0 / 4294967296.0); }
static double nni_draw_between(const uint32_t *word, size_t place, double from, double to) {
    return from + (to - from) * nni_draw_unit(word, place);
}
static double nni_draw_around(const uint32_t *word, size_t place, float most) {
    return nni_draw_between(word, place, -(double)most, (double)most);
}
static size_t nni_draw_below(const uint32_t *word, size_t place, size_t n) {
    return (size_t)(((uint64_t)word[place] * (uint64_t)n) >> 32);
}

/* ---- the crop that resizes ---- */

/* Torchvision's: ten tries of an area and a shape that lie in the sample; else the largest middle part of a shape in range. */
static nn_box nni_augment_box_resized(const nn_augment *a, nn_shape in, const uint32_t *word) {
    const double low = nni_exact_log((double)nni_range_end(a->aspect_from, a->aspect_to, a->aspect_from, 3.0f / 4.0f));
    const double high = nni_exact_log((double)nni_range_end(a->aspect_from, a->aspect_to, a->aspect_to, 4.0f / 3.0f));
    const double least = (double)nni_range_end(a->area_from, a->area_to, a->area_from, 0.08f);
    const double most = (double)nni_range_end(a->area_from, a->area_to, a->area_to, 1.0f);
    const double height = (double)in.height, width = (double)in.width;
    nn_box box;
    for (size_t i = 0; i < 10; i++) {
        const double area = nni_draw_between(word, NNI_DRAW_BOX + 2 * i, least, most) * height * width;
        const double aspect = nni_exact_exp(nni_draw_between(word, NNI_DRAW_BOX + 2 * i + 1, low, high));
        box.width = floor(sqrt(area * aspect) + 0.5);
        box.height = floor(sqrt(area / aspect) + 0.5);
        if (box.width < 1.0 || box.height < 1.0 || box.width > width || box.height > height) continue;
        box.top = (double)nni_draw_below(word, NNI_DRAW_TOP, in.height - (size_t)box.height + 1);
        box.left = (double)nni_draw_below(word, NNI_DRAW_LEFT, in.width - (size_t)box.width + 1);
        return box;
    }
    const double narrow = nni_exact_exp(low), wide = nni_exact_exp(high), aspect = width / height;
    box.width = aspect > wide ? nni_min(in.width, (size_t)nni_max(1, (size_t)(height * wide + 0.5))) : width;
    box.height = aspect < narrow ? nni_min(in.height, (size_t)nni_max(1, (size_t)(width / narrow + 0.5))) : height;
    box.top = floor((height - box.height) / 2.0);
    box.left = floor((width - box.width) / 2.0);
    return box;
}

/* As if the sample were resized and a patch of whole pixels taken from it. */
static nn_box nni_augment_box_short_side(const nn_augment *a, nn_shape in, nn_shape out, const uint32_t *word) {
    const size_t from = nni_augment_side(a, 0), to = nni_augment_side(a, 1), shorter = nni_min(in.height, in.width);
    const size_t side = from + nni_draw_below(word, NNI_DRAW_SIDE, to - from + 1);
    const size_t height = in.height * side / shorter, width = in.width * side / shorter;
    const size_t top = nni_draw_below(word, NNI_DRAW_TOP, height - out.height + 1);
    const size_t left = nni_draw_below(word, NNI_DRAW_LEFT, width - out.width + 1);
    const double y = (double)in.height / (double)height, x = (double)in.width / (double)width;
    nn_box box = {(double)top * y, (double)left * x, (double)out.height * y, (double)out.width * x};
    box.height = fmin(box.height, (double)in.height - box.top); /* not beyond by a rounding: the workspace counts on it */
    box.width = fmin(box.width, (double)in.width - box.left);
    return box;
}

static nni_resize nni_augment_resize(const nn_augment *a, nn_shape in, nn_shape out, const nn_box *box, int flip_x,
                                     int flip_y) {
    return nni_resize_of(out, in, box, a->sampling, 0, flip_x, flip_y);
}

/* ---- workspace ---- */

/* The floats of each stage: they lie one after another. */
typedef struct nni_augment_parts {
    size_t converted; /* a sample of bytes */
    size_t resized;   /* the result of a crop that resizes, if more places follow */
    size_t field;     /* displacements */
    size_t scratch;   /* of the stage at work */
} nni_augment_parts;

static nni_augment_parts nni_augment_parts_of(const nn_augment *a, nn_shape in) {
    const nn_shape out = nn_augment_shape(a, in);
    nni_augment_parts p = {nn_shape_size(in), 0, 0, 64};
    if (!nni_augment_has_places(a)) return p;
    if (nni_augment_resizes(a)) {
        const nn_box all = {0.0, 0.0, (double)in.height, (double)in.width};
        const nni_resize r = nni_augment_resize(a, in, out, &all, 0, 0);
        p.resized = nn_shape_size(out);
        p.scratch = nni_max(p.scratch, nni_resize_work(&r));
    }
    const nn_shape source = nni_augment_resizes(a) ? out : in;
    p.scratch = nni_max(p.scratch, nni_warp_floats(source.height, source.width, source.channels, a->sampling));
    p.scratch = nni_max(p.scratch, nn_shape_size(out));
    if (a->elastic_alpha > 0.0f) {
        p.field = 2 * out.height * out.width;
        p.scratch = nni_max(p.scratch, nni_elastic_work(out.height, out.width, a->elastic_sigma));
    }
    return p;
}

NN_API size_t nn_augment_work(const nn_augment *a, nn_shape in) {
    const nni_augment_parts p = nni_augment_parts_of(a, in);
    return p.converted + p.resized + p.field + p.scratch;
}

/* ---- the stages ---- */

static double nni_augment_scale(const nn_augment *a, const uint32_t *word, size_t place) {
    if (a->scale_from == 0.0f && a->scale_to == 0.0f) return 1.0;
    return nni_draw_between(word, place, (double)a->scale_from, (double)a->scale_to);
}

static double nni_augment_translate(const nn_augment *a, const uint32_t *word, size_t place, float most) {
    if (!a->translate_whole) return nni_draw_around(word, place, most);
    const size_t whole = (size_t)most;
    return (double)nni_draw_below(word, place, 2 * whole + 1) - (double)whole;
}

/* Scaled, sheared, turned, moved. */
static nn_transform nni_augment_affine(nn_transform t, const nn_augment *a, const uint32_t *word) {
    const double x = nni_augment_scale(a, word, NNI_DRAW_SCALE_X);
    if (!nni_augment_has_affine(a)) return t;
    t = nn_transform_scale(t, x, a->scale_apart ? nni_augment_scale(a, word, NNI_DRAW_SCALE_Y) : x);
    if (a->shear_x != 0.0f || a->shear_y != 0.0f)
        t = nn_transform_shear(t, nni_draw_around(word, NNI_DRAW_SHEAR_X, a->shear_x),
                               nni_draw_around(word, NNI_DRAW_SHEAR_Y, a->shear_y));
    t = nn_transform_rotate(t, nni_draw_around(word, NNI_DRAW_ROTATE, a->rotate));
    return nn_transform_translate(t, nni_augment_translate(a, word, NNI_DRAW_TRANSLATE_X, a->translate_x),
                                  nni_augment_translate(a, word, NNI_DRAW_TRANSLATE_Y, a->translate_y));
}

/* The patch that is not resized, as a move of centres. */
static nn_transform nni_augment_patch(const nn_augment *a, nn_shape in, nn_shape out, const uint32_t *word) {
    const size_t pad = a->crop == NN_CROP_RANDOM ? a->pad : 0;
    const size_t down = in.height + 2 * pad - out.height, right = in.width + 2 * pad - out.width;
    const int random = a->crop == NN_CROP_RANDOM;
    const size_t top = random ? nni_draw_below(word, NNI_DRAW_TOP, down + 1) : down / 2;
    const size_t left = random ? nni_draw_below(word, NNI_DRAW_LEFT, right + 1) : right / 2;
    nn_transform t = nn_transform_identity();
    t.dx = (double)left - (double)pad + nni_image_middle(out.width) - nni_image_middle(in.width);
    t.dy = (double)top - (double)pad + nni_image_middle(out.height) - nni_image_middle(in.height);
    return t;
}

/* What is to be done with places: a map, after a resizing crop if there is one. */
typedef struct nni_augment_geometry {
    nn_transform t;
    int flip_x, flip_y;
    const float *dx, *dy;
} nni_augment_geometry;

/* y = x, of shapes out and in: copied if the map is whole pixels, else resampled. */
static void nni_augment_place(float *y, nn_shape out, const float *x, nn_shape in, const nn_augment *a,
                              const nni_augment_geometry *g, float *scratch) {
    const nn_image to = nn_image_floats(y, out), from = nn_image_floats(x, in);
    const nn_image_desc desc = {a->sampling, a->border, a->border_value, NULL};
    double m[6];
    nni_warp_matrix(m, &g->t, &to, &from);
    if (g->dx || !nni_warp_is_move(m)) {
        const nn_transform t = nn_transform_scale(g->t, g->flip_x ? -1.0 : 1.0, g->flip_y ? -1.0 : 1.0);
        nni_image_remap_floats(y, out.width * out.channels, &to, &from, &t, g->dx, g->dy, &desc, scratch);
        return;
    }
    const int moves = m[2] != 0.0 || m[5] != 0.0 || !nn_shape_equal(in, out), flips = g->flip_x || g->flip_y;
    const nn_image moved = nn_image_floats(moves && flips ? scratch : y, out), *source = moves ? &moved : &from;
    if (moves) nni_image_window(&moved, &from, (ptrdiff_t)m[5], (ptrdiff_t)m[2], a->border, a->border_value);
    if (flips || !moves) nni_image_flip(&to, source, g->flip_x, g->flip_y);
}

static void nni_augment_places(float *y, const float *x, nn_shape in, const nn_augment *a, const uint32_t *word,
                               const nn_random *random, const nni_augment_parts *p, float *work) {
    const nn_shape out = nn_augment_shape(a, in);
    float *resized = work + p->converted, *field = resized + p->resized, *scratch = field + p->field;
    const int more = nni_augment_has_affine(a) || a->elastic_alpha > 0.0f, resizes = nni_augment_resizes(a);
    nni_augment_geometry g = {nn_transform_identity(), 0, 0, NULL, NULL};
    g.flip_x = nni_draw_unit(word, NNI_DRAW_FLIP_X) < (double)a->flip_x;
    g.flip_y = nni_draw_unit(word, NNI_DRAW_FLIP_Y) < (double)a->flip_y;
    if (resizes) {
        const nn_box box = a->crop == NN_CROP_RESIZED ? nni_augment_box_resized(a, in, word)
                                                      : nni_augment_box_short_side(a, in, out, word);
        const nni_resize r = nni_augment_resize(a, in, out, &box, !more && g.flip_x, !more && g.flip_y);
        const nn_image from = nn_image_floats(x, in);
        nni_resize_run(more ? resized : y, NULL, &from, &r, scratch);
        if (!more) return;
        x = resized;
        in = out;
    } else if (a->crop != NN_CROP_NONE) {
        g.t = nni_augment_patch(a, in, out, word);
    }
    g.t = nni_augment_affine(g.t, a, word);
    if (a->elastic_alpha > 0.0f) {
        nn_random drawn = *random;
        drawn.next = NNI_DRAW_FIELD;
        nni_elastic_field(field, field + out.height * out.width, out.height, out.width, a->elastic_alpha, a->elastic_sigma,
                          &drawn, scratch);
        g.dx = field;
        g.dy = field + out.height * out.width;
    }
    nni_augment_place(y, out, x, in, a, &g, scratch);
}

static void nni_augment_colors(const nn_image *y, const nn_augment *a, const uint32_t *word) {
    nn_adjust adjust = {0, 0, 0, 0, 0, 0, 0};
    adjust.brightness = (float)nni_draw_around(word, NNI_DRAW_BRIGHTNESS, a->brightness);
    adjust.contrast = (float)nni_draw_around(word, NNI_DRAW_CONTRAST, a->contrast);
    adjust.saturation = (float)nni_draw_around(word, NNI_DRAW_SATURATION, a->saturation);
    adjust.hue = (float)nni_draw_around(word, NNI_DRAW_HUE, a->hue);
    adjust.gamma = (float)nni_draw_between(word, NNI_DRAW_GAMMA, (double)a->gamma_from, (double)a->gamma_to);
    nni_image_adjust(y, y, &adjust);
}

/* Noise and salt and pepper see a row of values, whatever their shape. */
static void nni_augment_spoil(float *y, size_t n, const nn_augment *a, const nn_random *random) {
    const nn_image row = {y, 1, n, 1, 0, 0};
    const int clips = a->low != 0.0f || a->high != 0.0f;
    nni_spoil s = {*random, a->noise, 0.0f, 0.0f, 0.0f};
    s.random.next = NNI_DRAW_NOISE;
    if (a->noise > 0.0f) nni_image_spoil(&row, &row, &s);
    s.random.next = NNI_DRAW_SALT;
    s.share = a->salt_pepper;
    s.pepper = clips ? a->low : 0.0f;
    s.salt = clips ? a->high : 1.0f;
    if (a->salt_pepper > 0.0f) nni_image_spoil(&row, &row, &s);
    if (clips) nni_get_tier()->clip(y, y, n, a->low, a->high);
}

static void nni_augment_cut(const nn_image *y, const nn_augment *a, const uint32_t *word) {
    if (!(nni_draw_unit(word, NNI_DRAW_CUTOUT) < (double)a->cutout)) return;
    const size_t row = nni_draw_below(word, NNI_DRAW_CUTOUT_TOP, y->height),
                 column = nni_draw_below(word, NNI_DRAW_CUTOUT_LEFT, y->width);
    nni_image_cutout(y, (ptrdiff_t)row - (ptrdiff_t)(a->cutout_height / 2),
                     (ptrdiff_t)column - (ptrdiff_t)(a->cutout_width / 2), a->cutout_height, a->cutout_width,
                     a->cutout_value);
}

NN_API void nn_augment_sample(float *y, const float *x, nn_shape in, const nn_augment *a, uint64_t seed, uint64_t epoch,
                              uint64_t sample, float *work) {
    const nn_random random = nni_augment_random(seed, epoch, sample);
    const nni_augment_parts parts = nni_augment_parts_of(a, in);
    const nn_image result = nn_image_floats(y, nn_augment_shape(a, in));
    uint32_t word[64];
    nni_get_tier()->random_bits(word, random.seed, random.stream, 0, 1);
    if (nni_augment_has_places(a)) nni_augment_places(y, x, in, a, word, &random, &parts, work);
    else memcpy(y, x, nn_shape_size(in) * sizeof *y);
    if (nni_augment_has_colors(a)) nni_augment_colors(&result, a, word);
    nni_augment_spoil(y, result.height * result.width * result.channels, a, &random);
    if (a->cutout > 0.0f) nni_augment_cut(&result, a, word);
}

NN_API void nn_augment_bytes(float *y, const uint8_t *x, nn_shape in, const nn_augment *a, uint64_t seed, uint64_t epoch,
                             uint64_t sample, float *work) {
    nn_floats_from_bytes(work, x, nn_shape_size(in));
    nn_augment_sample(y, work, in, a, seed, epoch, sample, work);
}

#define NNI_AUGMENT_SHARE 20000 /* values worth a thread: some 100 microseconds with elastic morphing */

typedef struct nni_augment_job {
    float *y;
    const float *x;
    nn_shape in;
    const nn_augment *a;
    uint64_t seed, epoch, first;
    size_t count, part; /* samples, samples of a part */
    float *work;
    size_t floats; /* of the workspace of a part */
} nni_augment_job;

static void nni_augment_task(void *context, size_t i) {
    const nni_augment_job *job = (const nni_augment_job *)context;
    const size_t from = nn_shape_size(job->in), to = nn_shape_size(nn_augment_shape(job->a, job->in));
    for (size_t k = i * job->part; k < nni_min(job->count, (i + 1) * job->part); k++)
        nn_augment_sample(job->y + k * to, job->x + k * from, job->in, job->a, job->seed, job->epoch, job->first + k,
                          job->work + i * job->floats);
}

NN_API nn_status nn_augment_images(float *y, const float *x, size_t count, nn_shape in, const nn_augment *a, uint64_t seed,
                                   uint64_t epoch, uint64_t first, const nn_allocator *allocator) {
    nni_augment_job job = {y, x, in, a, seed, epoch, first, count, 0, NULL, 0};
    size_t from, to, bytes;
    nn_status status = nn_isa_status();
    if (status == NN_OK) status = nn_augment_check(a, in);
    if (status != NN_OK || count == 0) return status;
    if (!y || !x) return NN_ERROR_NULL;
    if (!nni_mul_size(nn_shape_size(in), count, &from) || !nni_mul_size(nn_shape_size(nn_augment_shape(a, in)), count, &to) ||
        !nni_mul_size(nni_max(from, to), sizeof *y, &bytes) || bytes > PTRDIFF_MAX)
        return NN_ERROR_SIZE;
    if ((uintptr_t)y < (uintptr_t)(x + from) && (uintptr_t)x < (uintptr_t)(y + to)) return NN_ERROR_ALIAS;
    job.part = nni_ceil_div(count, nni_threads_for(nni_max(from, to), NNI_AUGMENT_SHARE));
    job.floats = nni_round_up(nn_augment_work(a, in), 16);
    job.work = (float *)nni_alloc(allocator, nni_ceil_div(count, job.part) * job.floats, sizeof *job.work);
    if (!job.work) return NN_ERROR_MEMORY;
    nni_parallel(nni_augment_task, &job, nni_ceil_div(count, job.part));
    nni_free(allocator, job.work);
    return NN_OK;
}

NN_API float nn_augment_mix(size_t *partner, const nn_augment *a, uint64_t seed, uint64_t epoch, uint64_t sample,
                            size_t count) {
    nn_random random = nni_augment_random(seed, epoch, sample);
    *partner = 0;
    if (!(a->mixup > 0.0f) || count == 0) return 1.0f;
    random.next = NNI_DRAW_MIX;
    const float weight = nn_mixup_weight(a->mixup, &random);
    *partner = (size_t)nn_random_below(count, &random);
    return weight;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_AUGMENT_SAMPLE_H */
