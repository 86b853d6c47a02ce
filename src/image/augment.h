/* augment.h - what samples are to vary by while a network learns: one struct of ranges and probabilities */
#ifndef NN_AUGMENT_H
#define NN_AUGMENT_H

#include "image.h"

/* Which part of the sample the result is taken from.
 *   RANDOM       a patch of the size of the result, anywhere in the sample with `pad` pixels of border around it
 *   CENTRE       the patch in the middle
 *   RESIZED      a box of random area and shape anywhere in the sample, resized (as torchvision's RandomResizedCrop)
 *   SHORT_SIDE   a patch anywhere in the sample, resized so that its short side has a random length (ResNet's recipe) */
typedef enum nn_crop { NN_CROP_NONE, NN_CROP_RANDOM, NN_CROP_CENTRE, NN_CROP_RESIZED, NN_CROP_SHORT_SIDE } nn_crop;

/* {0} changes nothing. "in +-a" means drawn uniformly from [-a, a].
 *
 * Crop, flips and the affine part are one resampling, elastic morphing with them; where they amount to whole pixels, pixels are
 * copied and exact. Only a crop that resizes comes before, with antialiasing. Then come colours, noise, clipping, cutout. */
typedef struct nn_augment {
    nn_crop crop;
    size_t crop_height, crop_width; /* of the result; 0: of the sample */
    size_t pad;                     /* NN_CROP_RANDOM */
    float area_from, area_to;       /* NN_CROP_RESIZED: share of the sample's area; both 0: 0.08 to 1 */
    float aspect_from, aspect_to;   /* and width/height of the box, its logarithm uniform; both 0: 3/4 to 4/3 */
    size_t side_from, side_to;      /* NN_CROP_SHORT_SIDE, not less than the result's; both 0: 256 to 480 */

    float flip_x, flip_y;           /* probability of mirroring left and right, upper and lower side */
    float rotate;                   /* degrees, in +- */
    float scale_from, scale_to;     /* factor; both 0: 1 */
    int scale_apart;                /* width and height are scaled by a factor each */
    float shear_x, shear_y;         /* in +-, as in nn_transform_shear */
    float translate_x, translate_y; /* pixels, in +- */
    int translate_whole;            /* by whole numbers of pixels */
    float elastic_alpha, elastic_sigma; /* as in nn_elastic_field */
    nn_sampling sampling;
    nn_border border;
    float border_value;             /* of NN_BORDER_CONSTANT */

    float brightness, contrast, saturation, hue; /* in +-, as in nn_adjust */
    float gamma_from, gamma_to;     /* both 0: 1 */
    float noise;                    /* deviation of Gaussian noise */
    float salt_pepper;              /* share of the values that become low or high */
    float low, high; /* values are clipped to them after colours and noise; both 0: not, salt and pepper are 0, 1 */

    float cutout;                   /* probability that a rectangle, its centre anywhere, is filled */
    size_t cutout_height, cutout_width;
    float cutout_value;

    float mixup; /* alpha of nn_mixup_weight; 0: none. For nn_augment_mix alone: nn_augment_sample does not mix */
} nn_augment;

/* NN_ERROR_ARGUMENT for what is outside its range or not finite, or a crop that does not fit into the sample; NN_ERROR_SIZE if
 * the arrays could not exist. Samples that are not images (1 x 1 x n) can have noise, salt and pepper, clipping and mixup. The
 * other functions take what this one accepts. */
NN_API NN_MUST_USE nn_status nn_augment_check(const nn_augment *a, nn_shape in);

/* The shape of the result. */
NN_API nn_shape nn_augment_shape(const nn_augment *a, nn_shape in);

/* Settings that are known to work.
 *   digits   28 x 28 digits as in Ciresan et al. (2010): elastic with sigma 6, alpha 37, rotation +-15 degrees, width and
 *            height scaled by +-15 % each. (They turned 1 and 7 by half as much, and drew sigma from 5..6, alpha from 36..38.)
 *   cifar    mirrored left and right; a random patch of the sample in a border of 4 zeros
 *   resnet   mirrored left and right; the short side 256 to 480, a random patch of 224 x 224 */
NN_API nn_augment nn_augment_digits(void);
NN_API nn_augment nn_augment_cifar(void);
NN_API nn_augment nn_augment_resnet(void);

#ifdef NN_IMPLEMENTATION

#include "affine.h"
#include "elastic.h"

/* ---- what is asked for ---- */

/* One end of a range, which has a default where both ends are 0. */
static float nni_range_end(float from, float to, float end, float usual) { return from == 0.0f && to == 0.0f ? usual : end; }

static int nni_augment_has_affine(const nn_augment *a) {
    return a->rotate != 0.0f || a->scale_from != 0.0f || a->scale_to != 0.0f || a->shear_x != 0.0f || a->shear_y != 0.0f ||
           a->translate_x != 0.0f || a->translate_y != 0.0f;
}
static int nni_augment_resizes(const nn_augment *a) { return a->crop == NN_CROP_RESIZED || a->crop == NN_CROP_SHORT_SIDE; }

/* Anything that looks at places. */
static int nni_augment_has_places(const nn_augment *a) {
    return a->crop != NN_CROP_NONE || a->flip_x != 0.0f || a->flip_y != 0.0f || nni_augment_has_affine(a) ||
           a->elastic_alpha != 0.0f || a->cutout != 0.0f;
}
static int nni_augment_has_colors(const nn_augment *a) {
    return a->brightness != 0.0f || a->contrast != 0.0f || a->saturation != 0.0f || a->hue != 0.0f || a->gamma_from != 0.0f ||
           a->gamma_to != 0.0f;
}

NN_API nn_shape nn_augment_shape(const nn_augment *a, nn_shape in) {
    nn_shape out = in;
    if (a->crop != NN_CROP_NONE && a->crop_height) out.height = a->crop_height;
    if (a->crop != NN_CROP_NONE && a->crop_width) out.width = a->crop_width;
    return out;
}

static size_t nni_augment_side(const nn_augment *a, int upper) {
    if (!a->side_from && !a->side_to) return upper ? 480 : 256;
    return upper ? a->side_to : a->side_from;
}

static int nni_within(float v, float from, float to) { return v >= from && v <= to; }

static int nni_augment_ranges_valid(const nn_augment *a) {
    const float most = 1e6f;
    const int geometry = nni_within(a->flip_x, 0, 1) && nni_within(a->flip_y, 0, 1) && nni_within(a->rotate, 0, 360) &&
                         nni_within(a->shear_x, 0, 10) && nni_within(a->shear_y, 0, 10) &&
                         nni_within(a->translate_x, 0, most) && nni_within(a->translate_y, 0, most) &&
                         nni_elastic_valid(a->elastic_alpha, a->elastic_sigma) && nni_within(a->border_value, -most, most);
    const int scale = (a->scale_from == 0.0f && a->scale_to == 0.0f) ||
                      (nni_within(a->scale_from, 0.01f, 100) && nni_within(a->scale_to, a->scale_from, 100));
    const int area =
        (a->area_from == 0.0f && a->area_to == 0.0f) || (a->area_from > 0.0f && nni_within(a->area_to, a->area_from, 1));
    const int aspect = (a->aspect_from == 0.0f && a->aspect_to == 0.0f) ||
                       (nni_within(a->aspect_from, 0.01f, 100) && nni_within(a->aspect_to, a->aspect_from, 100));
    const int colors = nni_within(a->brightness, 0, most) && nni_within(a->contrast, 0, most) &&
                       nni_within(a->saturation, 0, most) && nni_within(a->hue, 0, 360) && nni_within(a->low, -most, most) &&
                       nni_within(a->high, a->low, most) && nni_within(a->gamma_from, 0, 100) &&
                       nni_within(a->gamma_to, a->gamma_from, 100) && (a->gamma_from > 0.0f || a->gamma_to == 0.0f);
    const int spoilt = nni_within(a->noise, 0, most) && nni_within(a->salt_pepper, 0, 1) && nni_within(a->cutout, 0, 1) &&
                       nni_within(a->cutout_value, -most, most) && nni_within(a->mixup, 0, most);
    return geometry && scale && area && aspect && colors && spoilt && (unsigned)a->crop <= NN_CROP_SHORT_SIDE &&
           (unsigned)a->sampling <= NN_BICUBIC && (unsigned)a->border <= NN_BORDER_WRAP;
}

/* Whether the patch fits. Sizes are below 2^31 here. */
static int nni_augment_crop_fits(const nn_augment *a, nn_shape in, nn_shape out) {
    const size_t pad = a->crop == NN_CROP_RANDOM ? 2 * a->pad : 0, side = nni_augment_side(a, 0);
    switch (a->crop) {
    case NN_CROP_RANDOM:
    case NN_CROP_CENTRE: return out.height <= in.height + pad && out.width <= in.width + pad;
    case NN_CROP_SHORT_SIDE: /* the short side becomes side pixels, the other one more */
        return out.height <= nni_max(side, in.height * side / nni_min(in.height, in.width)) &&
               out.width <= nni_max(side, in.width * side / nni_min(in.height, in.width)) && side <= nni_augment_side(a, 1) &&
               nni_min(out.height, out.width) <= side;
    default: return 1;
    }
}

NN_API nn_status nn_augment_check(const nn_augment *a, nn_shape in) {
    if (!a) return NN_ERROR_NULL;
    if (!nni_augment_ranges_valid(a) || !in.height || !in.width || !in.channels) return NN_ERROR_ARGUMENT;
    const nn_shape out = nn_augment_shape(a, in);
    const size_t size[9] = {in.height,    in.width,   out.height,       out.width,      a->pad,
                            a->side_from, a->side_to, a->cutout_height, a->cutout_width};
    for (size_t i = 0; i < 9; i++)
        if (size[i] > NNI_WARP_SIDE) return NN_ERROR_SIZE;
    if (in.channels > NNI_IMAGE_MOST / 16) return NN_ERROR_SIZE;
    if (in.channels > 4 && (nni_augment_has_places(a) || nni_augment_has_colors(a))) return NN_ERROR_ARGUMENT;
    if (!nni_augment_crop_fits(a, in, out)) return NN_ERROR_ARGUMENT;
    const double from = (double)(in.height + 8) * (double)(in.width + 8) * (double)in.channels;
    const double to = (double)(out.height + 8) * (double)(out.width + 8) * (double)in.channels;
    return from > (double)(NNI_IMAGE_MOST / 16) || to > (double)(NNI_IMAGE_MOST / 16) ? NN_ERROR_SIZE : NN_OK;
}

/* ---- settings ---- */

NN_API nn_augment nn_augment_digits(void) {
    nn_augment a;
    memset(&a, 0, sizeof a);
    a.elastic_alpha = 37.0f;
    a.elastic_sigma = 6.0f;
    a.rotate = 15.0f;
    a.scale_from = 0.85f;
    a.scale_to = 1.15f;
    a.scale_apart = 1;
    return a;
}

NN_API nn_augment nn_augment_cifar(void) {
    nn_augment a;
    memset(&a, 0, sizeof a);
    a.crop = NN_CROP_RANDOM;
    a.pad = 4;
    a.flip_x = 0.5f;
    return a;
}

NN_API nn_augment nn_augment_resnet(void) {
    nn_augment a;
    memset(&a, 0, sizeof a);
    a.crop = NN_CROP_SHORT_SIDE;
    a.crop_height = a.crop_width = 224;
    a.flip_x = 0.5f;
    return a;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_AUGMENT_H */
