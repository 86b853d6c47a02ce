/* photometric.h - what changes values and moves nothing: brightness, contrast, saturation, hue, gamma */
#ifndef NN_IMAGE_PHOTOMETRIC_H
#define NN_IMAGE_PHOTOMETRIC_H

#include "image.h"

/* Values are taken as 0 (black) to 1 (white), bytes as 0 to 255 of it. {0} changes nothing. In this order:
 *   hue          colours turn by so many degrees about the grey axis, grey and luminance staying (a rotation in YIQ)
 *   saturation   distance from grey, times 1 + saturation: -1 is grey
 *   contrast     distance from the image's mean luminance, times 1 + contrast
 *   brightness   is added
 *   gamma        v^gamma, after which nothing is below 0; 0 stands for 1
 * and then, unless low and high are both 0, values are clipped to them; bytes always are clipped to 0..255. Hue and saturation
 * need three channels. A fourth, or the second of two, is opacity and stays. Luminance is 0.299 R + 0.587 G + 0.114 B. */
typedef struct nn_adjust {
    float brightness, contrast, saturation, hue, gamma;
    float low, high;
} nn_adjust;

/* y may be x. NN_ERROR_ARGUMENT for settings that are not finite, a gamma below 0, or low > high. */
NN_API NN_MUST_USE nn_status nn_image_adjust(nn_image y, nn_image x, const nn_adjust *adjust);

#ifdef NN_IMPLEMENTATION

#include "../exact.h"

#define NNI_ADJUST_PIXELS 256 /* worked on at a time */

static size_t nni_image_colors(size_t channels) { return channels < 3 ? 1 : 3; }
static double nni_luminance(size_t colors, size_t c) {
    static const double weights[3] = {0.299, 0.587, 0.114};
    return colors == 1 ? 1.0 : weights[c];
}

/* Pixels [first, first + n) of a row as floats of unit scale, and back. */
static void nni_adjust_load(float *to, const nn_image *x, size_t row, size_t first, size_t n) {
    const char *at = nni_image_row(x, row) + first * x->channels * nni_image_value(x);
    if (x->bytes) nni_get_tier()->floats_from_bytes(to, (const uint8_t *)at, n * x->channels, 255.0f);
    else memcpy(to, at, n * x->channels * sizeof *to);
}
static void nni_adjust_store(const nn_image *y, size_t row, size_t first, const float *from, size_t n) {
    char *at = nni_image_row(y, row) + first * y->channels * nni_image_value(y);
    if (y->bytes) nni_get_tier()->bytes_from_floats((uint8_t *)at, from, n * y->channels, 255.0f);
    else memcpy(at, from, n * y->channels * sizeof *from);
}

/* The mean luminance: chains of 256 pixels for each channel, added in double. */
static double nni_image_mean(const nn_image *x) {
    float chunk[4 * NNI_ADJUST_PIXELS], sum[16];
    const size_t colors = nni_image_colors(x->channels);
    double mean = 0.0;
    for (size_t row = 0; row < x->height; row++)
        for (size_t j = 0; j < x->width; j += NNI_ADJUST_PIXELS) {
            const size_t n = nni_min(NNI_ADJUST_PIXELS, x->width - j);
            const nni_strip strip = {chunk, NULL, x->channels, n, x->channels, NULL, NULL};
            nni_adjust_load(chunk, x, row, j, n);
            memset(sum, 0, sizeof sum);
            nni_get_tier()->columns_sum(sum, &strip);
            for (size_t c = 0; c < colors; c++) mean += nni_luminance(colors, c) * (double)sum[c];
        }
    return mean / ((double)x->height * (double)x->width);
}

/* m = the 3 x 3 matrix of hue and saturation: luminance stays, the two colour differences of YIQ turn and grow. */
static void nni_adjust_color(double m[3][3], const nn_adjust *a) {
    static const double i_of[3] = {0.595716, -0.274453, -0.321263}, q_of[3] = {0.211456, -0.522591, 0.311135};
    static const double by_i[3] = {0.9563, -0.2721, -1.1070}, by_q[3] = {0.6210, -0.6474, 1.7046};
    const double factor = 1.0 + (double)a->saturation;
    double s, c;
    nni_exact_turn(&s, &c, (double)a->hue / 360.0);
    for (size_t out = 0; out < 3; out++)
        for (size_t in = 0; in < 3; in++) {
            const double same = (in == out) - nni_luminance(3, in); /* grey taken off, exactly */
            const double turned = by_i[out] * (c * i_of[in] - s * q_of[in]) + by_q[out] * (s * i_of[in] + c * q_of[in]);
            m[out][in] = nni_luminance(3, in) + factor * (a->hue != 0.0f ? turned : same);
        }
}

/* The whole of it but gamma as columns of a matrix and a shift, for mix_channels. */
static void nni_adjust_matrix(float columns[20], const nn_adjust *a, size_t channels, double mean) {
    double m[3][3] = {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1.0}};
    const size_t colors = nni_image_colors(channels);
    const double factor = 1.0 + (double)a->contrast;
    if (colors == 3 && (a->hue != 0.0f || a->saturation != 0.0f)) nni_adjust_color(m, a);
    memset(columns, 0, 20 * sizeof *columns);
    for (size_t in = 0; in < channels; in++)
        for (size_t out = 0; out < channels; out++)
            columns[4 * in + out] = in < colors && out < colors ? (float)(factor * m[out][in]) : (float)(in == out);
    for (size_t out = 0; out < colors; out++)
        columns[4 * channels + out] = (float)((double)a->brightness + mean * (1.0 - factor));
}

static void nni_adjust_gamma(float *v, size_t pixels, size_t channels, float gamma) {
    float opacity[NNI_ADJUST_PIXELS];
    const size_t last = channels - 1, keeps = channels == 2 || channels == 4;
    for (size_t i = 0; i < pixels && keeps; i++) opacity[i] = v[i * channels + last];
    nni_get_tier()->gamma(v, v, pixels * channels, gamma);
    for (size_t i = 0; i < pixels && keeps; i++) v[i * channels + last] = opacity[i];
}

static void nni_image_adjust(const nn_image *y, const nn_image *x, const nn_adjust *a) {
    const nni_tier *tier = nni_get_tier();
    const int linear =
        a->brightness != 0.0f || a->contrast != 0.0f || (x->channels > 2 && (a->saturation != 0.0f || a->hue != 0.0f));
    float chunk[4 * NNI_ADJUST_PIXELS], columns[20];
    nni_adjust_matrix(columns, a, x->channels, a->contrast != 0.0f ? nni_image_mean(x) : 0.0);
    for (size_t row = 0; row < x->height; row++)
        for (size_t j = 0; j < x->width; j += NNI_ADJUST_PIXELS) {
            const size_t n = nni_min(NNI_ADJUST_PIXELS, x->width - j);
            nni_adjust_load(chunk, x, row, j, n);
            if (linear) tier->mix_channels(chunk, chunk, n, x->channels, columns);
            if (a->gamma != 0.0f && a->gamma != 1.0f) nni_adjust_gamma(chunk, n, x->channels, a->gamma);
            if (a->low != 0.0f || a->high != 0.0f) tier->clip(chunk, chunk, n * x->channels, a->low, a->high);
            nni_adjust_store(y, row, j, chunk, n);
        }
}

NN_API nn_status nn_image_adjust(nn_image y, nn_image x, const nn_adjust *a) {
    const nn_status status = nni_image_check_same(&y, &x);
    if (status != NN_OK) return status;
    if (!a) return NN_ERROR_NULL;
    const float all[7] = {a->brightness, a->contrast, a->saturation, a->hue, a->gamma, a->low, a->high};
    for (size_t i = 0; i < 7; i++)
        if (!(fabsf(all[i]) < 1e6f)) return NN_ERROR_ARGUMENT;
    if (a->gamma < 0.0f || a->low > a->high) return NN_ERROR_ARGUMENT;
    nni_image_adjust(&y, &x, a);
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_PHOTOMETRIC_H */
