/* augment.c - every image transform on one contact sheet: a digit and a picture in colour, both drawn here
 *
 *   cc -O2 -I. examples/augment.c -o augment -lsleef -lm && ./augment [augment.ppm]
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "sheet.h"

enum { MOST = 96 };

static nn_random numbers = {7, 0, 0};

/* ---- two pictures ---- */

/* The first five among the digits that nn.h draws. */
static void draw_digit(float *x) {
    uint8_t bytes[784];
    uint32_t label = 0;
    for (uint64_t i = 0; label != 5; i++) nn_digit_draw(bytes, &label, 1, i);
    nn_floats_from_bytes(x, bytes, 784);
}

/* A house under the sun. */
static void draw_house(float *x) {
    for (int i = 0; i < CELL * CELL; i++, x += 3) {
        const int px = i % CELL, py = i / CELL, roof = py >= 26 && py < 46 && abs(px - 36) <= (py - 26) * 13 / 10;
        const int wall = py >= 46 && py < 72 && px >= 16 && px <= 56, door = py >= 56 && px >= 40 && px <= 49;
        const int window = py >= 51 && py < 61 && px >= 22 && px <= 32, bar = px == 27 || py == 56;
        const int sun = (px - 66) * (px - 66) + (py - 16) * (py - 16) <= 81,
                  trunk = px >= 68 && px <= 71 && py >= 56 && py < 72;
        const int tree = (px - 69) * (px - 69) + (py - 48) * (py - 48) <= 110;
        float sky = 0.55f + 0.4f * (float)py / CELL, c[3] = {sky - 0.2f, sky, 0.95f};
        if (py >= 72) c[0] = 0.35f, c[1] = 0.6f - 0.1f * (float)((px + py) % 3 == 0), c[2] = 0.2f;
        if (sun) c[0] = 1, c[1] = 0.85f, c[2] = 0.2f;
        if (wall) c[0] = 0.9f, c[1] = 0.8f, c[2] = 0.65f;
        if (wall && door) c[0] = 0.45f, c[1] = 0.25f, c[2] = 0.15f;
        if (window) c[0] = c[1] = c[2] = bar ? 0.95f : 0.25f;
        if (roof) c[0] = 0.75f, c[1] = 0.25f, c[2] = 0.2f;
        if (trunk) c[0] = 0.4f, c[1] = 0.25f, c[2] = 0.1f;
        if (tree) c[0] = 0.15f, c[1] = 0.5f + 0.1f * (float)((px * 3 + py * 5) % 7 < 3), c[2] = 0.2f;
        memcpy(x, c, sizeof c);
    }
}

/* ---- transforms: each makes y, of x's size, from x ---- */

static nn_transform turn(double degrees) { return nn_transform_rotate(nn_transform_identity(), degrees); }
static nn_image_desc outside(nn_image x) {
    const nn_image_desc desc = {NN_BILINEAR, x.channels == 1 ? NN_BORDER_CONSTANT : NN_BORDER_REFLECT, 0, NULL};
    return desc;
}
static void affine(nn_image y, nn_image x, nn_transform t) {
    const nn_image_desc desc = outside(x);
    must(nn_image_affine(y, x, t, &desc));
}
static void adjust(nn_image y, nn_image x, float brightness, float contrast, float saturation, float hue, float gamma) {
    const nn_adjust a = {brightness, contrast, saturation, hue, gamma, 0, 1};
    must(nn_image_adjust(y, x, &a));
}
/* In pixels of a digit; a larger picture bends as much for its size. */
static void elastic(nn_image y, nn_image x, nn_transform t) {
    const float times = (float)x.width / 28;
    const nn_image_desc desc = outside(x);
    must(nn_image_elastic(y, x, t, 34 * times * times, 4 * times, &numbers, &desc));
}
/* Through a size of a third of the sides, and back. */
static void smaller(nn_image y, nn_image x, nn_sampling sampling) {
    static float small[MOST * MOST * 3];
    const nn_resize_desc desc = {sampling, 0, NULL}, back = {NN_NEAREST, 0, NULL};
    const nn_image third = nn_image_floats(small, nn_shape_image(x.height / 3, x.width / 3, x.channels));
    must(nn_image_resize(third, x, &desc));
    must(nn_image_resize(y, third, &back));
}

static void original(nn_image y, nn_image x) { must(nn_image_convert(y, x)); }
static void flip_x(nn_image y, nn_image x) { must(nn_image_flip(y, x, 1, 0)); }
static void flip_y(nn_image y, nn_image x) { must(nn_image_flip(y, x, 0, 1)); }
static void translate(nn_image y, nn_image x) {
    affine(y, x, nn_transform_translate(nn_transform_identity(), (double)x.width / 5, (double)x.width / 10));
}
static void rotate(nn_image y, nn_image x) { affine(y, x, turn(25)); }
static void scale(nn_image y, nn_image x) { affine(y, x, nn_transform_scale(nn_transform_identity(), 1.4, 0.7)); }
static void shear(nn_image y, nn_image x) { affine(y, x, nn_transform_shear(nn_transform_identity(), 0.4, 0)); }
/* What that made lean. */
static void upright(nn_image y, nn_image x) {
    static float leaning[MOST * MOST * 3];
    const nn_image between = nn_image_floats(leaning, nn_shape_image(x.height, x.width, x.channels));
    shear(between, x);
    must(nn_image_upright(y, between, NULL));
}
static void all_affine(nn_image y, nn_image x) {
    affine(y, x, nn_transform_shear(nn_transform_scale(turn(-20), 1.2, 0.9), 0.2, 0.1));
}
static void crop(nn_image y, nn_image x) {
    const nn_box box = {(double)x.height / 4, (double)x.width / 5, (double)x.height * 0.6, (double)x.width * 0.6};
    must(nn_image_resized_crop(y, x, box, NULL));
}
static void pad(nn_image y, nn_image x) {
    must(nn_image_window(y, x, -(ptrdiff_t)x.height / 4, -(ptrdiff_t)x.width / 4, NN_BORDER_WRAP, 0));
}
static void bilinear(nn_image y, nn_image x) { smaller(y, x, NN_BILINEAR); }
static void nearest(nn_image y, nn_image x) { smaller(y, x, NN_NEAREST); }
static void bicubic(nn_image y, nn_image x) { smaller(y, x, NN_BICUBIC); }
static void morph(nn_image y, nn_image x) { elastic(y, x, nn_transform_identity()); }
static void morph_affine(nn_image y, nn_image x) { elastic(y, x, nn_transform_scale(turn(15), 1.15, 1)); }
static void noise(nn_image y, nn_image x) { must(nn_image_noise(y, x, 0.15f, &numbers)); }
static void salt_pepper(nn_image y, nn_image x) { must(nn_image_salt_pepper(y, x, 0.1f, 0, 1, &numbers)); }
static void brightness(nn_image y, nn_image x) { adjust(y, x, 0.25f, 0, 0, 0, 0); }
static void contrast(nn_image y, nn_image x) { adjust(y, x, 0, -0.6f, 0, 0, 0); }
static void gamma_2(nn_image y, nn_image x) { adjust(y, x, 0, 0, 0, 0, 2); }
static void saturation(nn_image y, nn_image x) { adjust(y, x, 0, 0, -0.8f, 0, 0); }
static void hue(nn_image y, nn_image x) { adjust(y, x, 0, 0, 0, 90, 0); }
static void cutout(nn_image y, nn_image x) {
    original(y, x);
    must(nn_image_cutout(y, (ptrdiff_t)y.height / 3, (ptrdiff_t)y.width / 3, y.height / 3, y.width / 3, 0.5f));
}
static void mixup(nn_image y, nn_image x) {
    static float mirrored[MOST * MOST * 3];
    const nn_shape shape = nn_shape_image(x.height, x.width, x.channels);
    must(nn_image_flip(nn_image_floats(mirrored, shape), x, 1, 0));
    nn_mixup((float *)y.pixels, (const float *)x.pixels, mirrored, nn_shape_size(shape), 0.6f);
}

static const struct {
    const char *label;
    void (*make)(nn_image y, nn_image x);
    size_t channels; /* 0: of any picture */
} transforms[] = {{"ORIGINAL", original, 0},
                  {"FLIP X", flip_x, 0},
                  {"FLIP Y", flip_y, 0},
                  {"TRANSLATE", translate, 0},
                  {"ROTATE 25", rotate, 0},
                  {"SCALE 1.4 0.7", scale, 0},
                  {"SHEAR 0.4", shear, 0},
                  {"AFFINE", all_affine, 0},
                  {"RESIZED CROP", crop, 0},
                  {"MOVE, WRAP", pad, 0},
                  {"1/3 BILINEAR", bilinear, 0},
                  {"1/3 BICUBIC", bicubic, 0},
                  {"1/3 NEAREST", nearest, 0},
                  {"ELASTIC", morph, 0},
                  {"ELASTIC+AFF.", morph_affine, 0},
                  {"MIXUP 0.6", mixup, 0},
                  {"NOISE 0.15", noise, 0},
                  {"SALT-PEPPER", salt_pepper, 0},
                  {"CUTOUT", cutout, 0},
                  {"BRIGHT +0.25", brightness, 0},
                  {"CONTRAST -0.6", contrast, 0},
                  {"GAMMA 2", gamma_2, 0},
                  {"UPRIGHT AGAIN", upright, 1},
                  {"SATURAT. -0.8", saturation, 3},
                  {"HUE 90", hue, 3}};

/* ---- the sheet ---- */

/* A row of what the pipeline makes of one picture. */
static size_t show_pipeline(size_t place, nn_image x, const nn_augment *a, const char *label) {
    static float y[MOST * MOST * 3], work[60 * MOST * MOST];
    const nn_shape in = nn_shape_image(x.height, x.width, x.channels), out = nn_augment_shape(a, in);
    must(nn_augment_check(a, in));
    if (nn_augment_work(a, in) > sizeof work / sizeof *work || nn_shape_size(out) > sizeof y / sizeof *y) must(NN_ERROR_SIZE);
    for (uint64_t sample = 0; sample < COLUMNS; sample++) {
        nn_augment_sample(y, (const float *)x.pixels, in, a, 1, 0, sample, work);
        show(place++, nn_image_floats(y, out), label);
    }
    return place;
}

int main(int count, char **arguments) {
    static float digit[784], house[CELL * CELL * 3], y[MOST * MOST * 3];
    const char *path = count > 1 ? arguments[1] : "augment.ppm";
    const nn_image pictures[2] = {nn_image_floats(digit, nn_shape_image(28, 28, 1)),
                                  nn_image_floats(house, nn_shape_image(CELL, CELL, 3))};
    size_t place = 0;
    sheet_begin(9 * COLUMNS);
    draw_digit(digit);
    draw_house(house);
    for (size_t p = 0; p < 2; p++) {
        const nn_image x = pictures[p], to = nn_image_floats(y, nn_shape_image(x.height, x.width, x.channels));
        for (size_t i = 0; i < sizeof transforms / sizeof *transforms; i++) {
            if (transforms[i].channels && transforms[i].channels != x.channels) continue;
            transforms[i].make(to, x);
            show(place++, to, transforms[i].label);
        }
        place = (place + COLUMNS - 1) / COLUMNS * COLUMNS;
    }
    nn_augment a = nn_augment_digits();
    place = show_pipeline(place, pictures[0], &a, "DIGITS");
    a = nn_augment_cifar();
    a.pad = 10;
    a.border = NN_BORDER_REFLECT;
    a.brightness = a.contrast = 0.2f;
    place = show_pipeline(place, pictures[1], &a, "CROP, COLORS");
    memset(&a, 0, sizeof a);
    a.crop = NN_CROP_RESIZED;
    a.flip_x = 0.5f;
    a.rotate = 20;
    a.border = NN_BORDER_REFLECT;
    a.hue = 40;
    a.cutout = 0.5f;
    a.cutout_height = a.cutout_width = 24;
    show_pipeline(place, pictures[1], &a, "CROP, TURN");

    sheet_end(path);
    return 0;
}
