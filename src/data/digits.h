/* digits.h - handwritten digits drawn by formula, any number of them: a stand-in for MNIST where there is no file */
#ifndef NN_DIGITS_H
#define NN_DIGITS_H

#include "dataset.h"

#define NN_DIGIT_SIZE 28

/* Digit i of a seed: 28 x 28 bytes, white (255) on black as in MNIST, and which of the ten it is. The same bits on every
 * machine, whatever else is drawn. Each is written in one of the ways in which people write it (a 7 with or without a bar, an
 * open or closed 4, ...), with a shaking hand, a slant, a size and a pen of its own; some can be told only by guessing. */
NN_API void nn_digit_draw(uint8_t *pixels, uint32_t *label, uint64_t seed, uint64_t i);

/* Digits first .. first + count - 1 of a seed, with their labels. Take other digits, or another seed, for tests. */
NN_API NN_MUST_USE nn_status nn_make_digits(nn_dataset *d, uint64_t first, size_t count, uint64_t seed,
                                            const nn_allocator *allocator);

#ifdef NN_IMPLEMENTATION

#include "../random.h"

#include <math.h>

/* ---- how digits are written ---- */

#define NNI_STYLE_POINTS 18

/* Strokes are smooth curves through points xxyy, from 00 at the left or top to 99; 0 ends a stroke, two of them end the digit.
 * A curve that ends where it began is closed; a corner is a new stroke from the same point. */
typedef struct nni_style {
    uint8_t digit, share; /* how often it is written so, of all ways to write it: in 16ths */
    uint16_t points[NNI_STYLE_POINTS];
} nni_style;

static const nni_style nni_styles[] = {
    {0, 8, {5004, 2624, 2162, 4896, 7672, 7728, 5004}},
    {0, 4, {5604, 3018, 2256, 4096, 7078, 7636, 6012, 4208}},
    {0, 4, {5004, 3422, 3268, 5096, 6870, 6626, 5004}},
    {1, 6, {5203, 5050, 4897}},
    {1, 3, {6203, 5250, 3897}},
    {1, 5, {3424, 5204, 0, 5204, 5097}},
    {1, 2, {3424, 5204, 0, 5204, 5096, 0, 3096, 7296}},
    {2, 6, {2428, 4605, 7224, 5858, 2494, 0, 2494, 8092}},
    {2, 5, {2428, 4605, 7224, 5656, 3088, 2280, 3674, 5688, 8290}},
    {2, 5, {2622, 5004, 7426, 5460, 2294, 0, 2294, 5086, 8094}},
    {3, 6, {2416, 5004, 7026, 4446, 0, 4446, 7668, 5296, 2082}},
    {3, 4, {2407, 7206, 0, 7206, 4642, 0, 4642, 7866, 5496, 2284}},
    {3, 6, {2618, 5204, 7022, 5644, 4048, 5850, 7672, 5096, 2282}},
    {4, 6, {3006, 2230, 2452, 0, 2452, 8050, 0, 6522, 6096}},
    {4, 5, {6204, 1862, 0, 1862, 8462, 0, 6204, 6096}},
    {4, 5, {2608, 2448, 4856, 7048, 0, 7206, 7050, 6497}},
    {5, 6, {3208, 2844, 0, 2844, 5438, 7866, 5496, 2286, 0, 3208, 7606}},
    {5, 5, {7807, 3610, 3042, 5840, 7668, 4896, 2284}},
    {5, 5, {7606, 3407, 0, 3407, 2846, 0, 2846, 6044, 7270, 4696, 2088}},
    {6, 6, {6604, 3432, 2068, 4696, 7476, 5454, 2472}},
    {6, 5, {5603, 3250, 2678, 5096, 7274, 5058, 2870}},
    {6, 5, {7010, 4406, 2440, 2280, 5096, 7672, 5052, 2664}},
    {7, 6, {2010, 7810, 0, 7810, 4497}},
    {7, 5, {2010, 7808, 0, 7808, 5450, 4297, 0, 3450, 7048}},
    {7, 5, {2024, 2210, 0, 2210, 5014, 7808, 0, 7808, 5648, 4697}},
    {8, 6, {5048, 7026, 5004, 3026, 5048, 7472, 5096, 2672, 5048}},
    {8, 5, {5004, 3226, 5046, 6826, 5004, 0, 5046, 2570, 5096, 7570, 5046}},
    {8, 5, {7216, 4805, 2926, 5048, 7474, 5096, 2672, 5046, 7218}},
    {9, 6, {7226, 5004, 2828, 4850, 7226, 0, 7226, 7060, 6697}},
    {9, 5, {7028, 4806, 2630, 4850, 7224, 0, 7224, 7664, 5496, 2888}},
    {9, 5, {7416, 4604, 2630, 4852, 7220, 6060, 5097}},
};

/* ---- one digit ---- */

/* The pen on the paper: strokes as points, and for each pixel how deep its centre lies inside the ink, in pixels. */
typedef struct nni_pen {
    double x[NNI_STYLE_POINTS], y[NNI_STYLE_POINTS];
    double radius, thinner; /* in pixels; and how much less at the end of a stroke */
    double depth[NN_DIGIT_SIZE * NN_DIGIT_SIZE];
} nni_pen;

#define NNI_HAND 32 /* random numbers beside those for the points */

static const nni_style *nni_choose_style(uint32_t digit, double choice) {
    const nni_style *style = nni_styles;
    while (style->digit != digit) style++;
    for (choice *= 16; choice >= style->share; style++) choice -= style->share;
    return style;
}

/* From the styles' points to pixels: shaken, bent, slanted, turned, scaled, and put near the middle. u: NNI_HAND numbers from
 * -1 to 1; shake: two for each point. */
static void nni_place_points(nni_pen *pen, const nni_style *style, const float *u, const float *shake) {
    const double worse = (double)u[0] > 0.96 ? 2.2 : 0.6 + 0.5 * ((double)u[1] + 1); /* some write badly, few very badly */
    const double turn = 0.09 * worse * (double)u[2], slant = 0.12 + 0.3 * (double)u[3], bend = 0.25 * (double)u[4],
                 lean = 0.22 * (double)u[5];
    const double high = 20 + 2.2 * (double)u[6], wide = high * (0.92 + 0.28 * (double)u[7]);
    const double cosine = (1 - turn * turn) / (1 + turn * turn), sine = 2 * turn / (1 + turn * turn); /* turn: the tangent of
                                                                                                         half the angle */
    double left = 100, right = -100, top = 100, bottom = -100;
    for (size_t i = 0; i < NNI_STYLE_POINTS && (style->points[i] || (i && style->points[i - 1])); i++) {
        const unsigned code = style->points[i];
        if (!code) continue;
        size_t same = 0; /* a point that comes again is the same point */
        while (style->points[same] != code) same++;
        double x = (double)(code / 100) / 100 - 0.5 + 0.03 * worse * (double)shake[2 * same];
        double y = (double)(code % 100) / 100 - 0.5 + 0.03 * worse * (double)shake[2 * same + 1];
        x += bend * (y * y - 0.1) + lean * x * y - slant * y;
        y += bend * 0.4 * (x * x - 0.1) + lean * 0.5 * x * y;
        x *= wide;
        y *= high;
        pen->x[i] = cosine * x - sine * y;
        pen->y[i] = sine * x + cosine * y;
        if (pen->x[i] < left) left = pen->x[i];
        if (pen->x[i] > right) right = pen->x[i];
        if (pen->y[i] < top) top = pen->y[i];
        if (pen->y[i] > bottom) bottom = pen->y[i];
    }
    const double middle = NN_DIGIT_SIZE / 2.0, room = NN_DIGIT_SIZE - 4;
    const double fit = fmin(1.0, room / fmax(right - left, bottom - top)); /* never out of the picture */
    for (size_t i = 0; i < NNI_STYLE_POINTS; i++) {
        pen->x[i] = middle + fit * (pen->x[i] - (left + right) / 2) + 1.2 * (double)u[8];
        pen->y[i] = middle + fit * (pen->y[i] - (top + bottom) / 2) + 1.2 * (double)u[9];
    }
}

/* A straight piece of ink, round at both ends. */
static void nni_draw_piece(nni_pen *pen, double x0, double y0, double x1, double y1, double radius) {
    const double reach = radius + 1, dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
    const int from_x = (int)fmax(fmin(x0, x1) - reach, 0), to_x = (int)fmin(fmax(x0, x1) + reach, NN_DIGIT_SIZE - 1);
    const int from_y = (int)fmax(fmin(y0, y1) - reach, 0), to_y = (int)fmin(fmax(y0, y1) + reach, NN_DIGIT_SIZE - 1);
    for (int y = from_y; y <= to_y; y++)
        for (int x = from_x; x <= to_x; x++) {
            const double px = x + 0.5 - x0, py = y + 0.5 - y0;
            const double along = length > 0 ? fmin(fmax((px * dx + py * dy) / length, 0), 1) : 0;
            const double away_x = px - along * dx, away_y = py - along * dy;
            const double depth = radius - sqrt(away_x * away_x + away_y * away_y);
            double *deepest = &pen->depth[y * NN_DIGIT_SIZE + x];
            if (depth > *deepest) *deepest = depth;
        }
}

#define NNI_PIECES 6 /* straight pieces between two points of a stroke */

/* The curve of Catmull and Rom through points begin .. end - 1. */
static void nni_draw_stroke(nni_pen *pen, const uint16_t *code, size_t begin, size_t end) {
    const int closed = code[begin] == code[end - 1] && end - begin > 2;
    const size_t total = (end - 1 - begin) * NNI_PIECES;
    size_t piece = 0;
    for (size_t i = begin; i + 1 < end; i++) {
        const size_t before = i > begin ? i - 1
                              : closed  ? end - 2
                                        : i,
                     after = i + 2 < end ? i + 2
                             : closed    ? begin + 1
                                         : i + 1;
        double last_x = pen->x[i], last_y = pen->y[i];
        for (int k = 1; k <= NNI_PIECES; k++, piece++) {
            const double t = (double)k / NNI_PIECES, s = 1 - t;
            const double a = -0.5 * t * s * s, b = 1 + t * t * (1.5 * t - 2.5), c = t * (0.5 + t * (2 - 1.5 * t)),
                         e = -0.5 * t * t * s;
            const double x = a * pen->x[before] + b * pen->x[i] + c * pen->x[i + 1] + e * pen->x[after];
            const double y = a * pen->y[before] + b * pen->y[i] + c * pen->y[i + 1] + e * pen->y[after];
            nni_draw_piece(pen, last_x, last_y, x, y, pen->radius * (1 - pen->thinner * (double)piece / (double)total));
            last_x = x;
            last_y = y;
        }
    }
}

static double nni_ink(const nni_pen *pen, int x, int y) {
    if (x < 0 || y < 0 || x >= NN_DIGIT_SIZE || y >= NN_DIGIT_SIZE) return 0;
    return fmin(fmax(pen->depth[y * NN_DIGIT_SIZE + x] + 0.5, 0), 1); /* the share of the pixel that ink covers, about */
}

/* Ink to bytes: a little blurred, unevenly dark. */
static void nni_develop(uint8_t *pixels, const nni_pen *pen, double blur, double dark, const float *grain) {
    for (int y = 0; y < NN_DIGIT_SIZE; y++)
        for (int x = 0; x < NN_DIGIT_SIZE; x++) {
            const double around =
                (nni_ink(pen, x - 1, y) + nni_ink(pen, x + 1, y) + nni_ink(pen, x, y - 1) + nni_ink(pen, x, y + 1)) / 4;
            const double ink = nni_ink(pen, x, y) * (1 - blur) + around * blur;
            const double value = ink * (dark - 0.08 * ((double)grain[y * NN_DIGIT_SIZE + x] + 1));
            pixels[y * NN_DIGIT_SIZE + x] = (uint8_t)(255 * fmin(fmax(value, 0), 1) + 0.5);
        }
}

NN_API void nn_digit_draw(uint8_t *pixels, uint32_t *label, uint64_t seed, uint64_t i) {
    nn_random random = {seed, (uint64_t)0x64696769 << 32 ^ i, 0}; /* streams that shuffling and initialising do not use */
    float hand[NNI_HAND], shake[2 * NNI_STYLE_POINTS], grain[NN_DIGIT_SIZE * NN_DIGIT_SIZE];
    nni_pen pen;
    const uint32_t digit = (uint32_t)nn_random_below(10, &random);
    nn_random_uniform(hand, NNI_HAND, -1.0f, 1.0f, &random);
    nn_random_normal(shake, 2 * NNI_STYLE_POINTS, 0.0f, 1.0f, &random);
    nn_random_uniform(grain, NN_DIGIT_SIZE * NN_DIGIT_SIZE, -1.0f, 1.0f, &random);
    const nni_style *style = nni_choose_style(digit, 0.5 * ((double)hand[10] + 1));
    memset(&pen, 0, sizeof pen);
    for (size_t k = 0; k < NN_DIGIT_SIZE * NN_DIGIT_SIZE; k++) pen.depth[k] = -9;
    pen.radius = 1.35 + 0.4 * (double)hand[11] + 0.2 * (double)hand[12];
    pen.thinner = 0.12 + 0.18 * (double)hand[13];
    nni_place_points(&pen, style, hand, shake);
    for (size_t begin = 0, end; style->points[begin]; begin = end + 1) {
        for (end = begin; end < NNI_STYLE_POINTS && style->points[end]; end++) {
        }
        nni_draw_stroke(&pen, style->points, begin, end);
        if (end + 1 >= NNI_STYLE_POINTS) break;
    }
    nni_develop(pixels, &pen, 0.22 + 0.14 * (double)hand[14], 1.2 + 0.14 * (double)hand[15], grain);
    *label = digit;
}

NN_API nn_status nn_make_digits(nn_dataset *d, uint64_t first, size_t count, uint64_t seed, const nn_allocator *allocator) {
    const size_t pixels = NN_DIGIT_SIZE * NN_DIGIT_SIZE;
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    if (!d) return NN_ERROR_NULL;
    memset(d, 0, sizeof *d);
    if (count > SIZE_MAX / (2 * pixels)) return NN_ERROR_SIZE;
    nni_shared *memory = nni_shared_new(allocator, NULL);
    uint8_t *x = memory ? (uint8_t *)nni_shared_take(memory, count * pixels, 1) : NULL;
    uint32_t *labels = x ? (uint32_t *)nni_shared_take(memory, count, sizeof *labels) : NULL;
    if (!labels) {
        nni_shared_drop(memory);
        return NN_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) nn_digit_draw(x + i * pixels, labels + i, seed, first + i);
    *d = nn_dataset_of_bytes(x, count, nn_shape_image(NN_DIGIT_SIZE, NN_DIGIT_SIZE, 1), labels, 10);
    d->class_names = names;
    d->allocator = allocator;
    d->memory = memory;
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_DIGITS_H */
