/* pnm.h - portable bit, grey and colour maps, read and written */
#ifndef NN_PNM_H
#define NN_PNM_H

#include "file.h"

/* The images of a PBM, PGM or PPM file, P1 to P6: one, or all that a binary file holds one behind the other, which must then be
 * of one size. 1 channel, or 3. Values up to 255 become bytes: as they are if the largest may be 255, else times 255/largest,
 * rounded. Larger ones become floats, value/largest. Of a bit map 1 is black, which is 0. Of binary files with a largest value
 * of 255, bytes are mapped. */
NN_API NN_MUST_USE nn_status nn_load_pnm(nn_dataset *d, const char *path, const nn_load_desc *desc, nn_report *report);

/* Writes sample `i` as P5 or P6, with 8 or 16 bits a value. It must have 1 or 3 channels. Floats from 0 to 1 are rounded to the
 * nearest; what lies outside becomes 0 or 1, NaN 0. */
NN_API NN_MUST_USE nn_status nn_save_pnm(const char *path, const nn_dataset *d, size_t i, int bits, nn_report *report);

/* A sheet of the first n samples, `columns` side by side with a grey pixel between them, 8 bits a value: to look at. */
NN_API NN_MUST_USE nn_status nn_save_sheet(const char *path, const nn_dataset *d, size_t n, size_t columns, nn_report *report);

#ifdef NN_IMPLEMENTATION

/* ---- reading ---- */

typedef struct nni_pnm {
    int format;                                        /* 1 to 6 */
    size_t width, height, channels, most, data, bytes; /* most: the largest value; bytes: of the raster in the file */
} nni_pnm;

static int nni_is_blank(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Behind blanks and comments, which run from # to the end of a line. */
static size_t nni_pnm_skip(const nni_content *c, size_t at) {
    while (at < c->size) {
        if (c->bytes[at] == '#')
            while (at < c->size && c->bytes[at] != '\n' && c->bytes[at] != '\r') at++;
        else if (nni_is_blank(c->bytes[at])) at++;
        else break;
    }
    return at;
}

/* A number of the header or of a plain raster; 0 if there is none, or it is above 2^31. */
static int nni_pnm_number(const nni_content *c, size_t *at, size_t *value) {
    size_t p = nni_pnm_skip(c, *at), n = 0;
    const size_t start = p;
    for (; p < c->size && c->bytes[p] >= '0' && c->bytes[p] <= '9'; p++) {
        n = 10 * n + (size_t)(c->bytes[p] - '0');
        if (n > 0x7fffffff) return 0;
    }
    *at = p;
    *value = n;
    return p > start;
}

/* The header at byte `at`, checked against the bytes that follow it. */
static nn_status nni_pnm_header(nni_pnm *x, const nni_content *c, size_t at, nn_report *report) {
    const size_t start = at;
    memset(x, 0, sizeof *x);
    if (c->size - at < 3 || c->bytes[at] != 'P' || c->bytes[at + 1] < '1' || c->bytes[at + 1] > '6')
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: is no portable map: it must begin with P1 to P6", c->path,
                       start);
    x->format = c->bytes[at + 1] - '0';
    x->channels = x->format % 3 ? 1 : 3;
    x->most = 1;
    at += 2;
    if (!nni_pnm_number(c, &at, &x->width) || !nni_pnm_number(c, &at, &x->height) ||
        (x->format % 3 != 1 && !nni_pnm_number(c, &at, &x->most)))
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: a number up to 2^31 is missing in the header", c->path, at);
    if (!x->width || !x->height || !x->most || x->most > 65535)
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: an image of %zu x %zu with a largest value of %zu", c->path, at,
                       x->width, x->height, x->most);
    if (at == c->size || !nni_is_blank(c->bytes[at]))
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: a blank must follow the header", c->path, at);
    x->data = at + 1;
    size_t row = x->format == 4 ? nni_ceil_div(x->width, 8) : x->width * x->channels * (x->format > 3 && x->most > 255 ? 2 : 1);
    if (x->format == 2 || x->format == 3) row = 2 * row - 1; /* a digit, and a blank between each two */
    if (!nni_mul_size(row, x->height, &x->bytes) || x->bytes > c->size - x->data)
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: %zu x %zu pixels cannot be in the %zu bytes that follow",
                       c->path, x->data, x->width, x->height, c->size - x->data);
    return NN_OK;
}

static size_t nni_pnm_values(const nni_pnm *x) { return x->width * x->height * x->channels; }

/* Plain rasters: the values in text. */
static nn_status nni_pnm_plain(uint8_t *bytes, float *floats, const nni_pnm *x, const nni_content *c, nn_report *report) {
    size_t at = x->data;
    for (size_t i = 0; i < nni_pnm_values(x); i++) {
        size_t value = 0;
        at = nni_pnm_skip(c, at);
        const size_t where = at;
        int ok = at < c->size;
        if (x->format == 1 && ok) value = (size_t)(c->bytes[at++] - '0'); /* bits need no blanks between them */
        else ok = ok && nni_pnm_number(c, &at, &value);
        if (!ok || value > x->most)
            return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: value %zu of %zu is missing or above %zu", c->path, where, i,
                           nni_pnm_values(x), x->most);
        if (x->format == 1) value = 1 - value;
        if (floats) floats[i] = (float)value / (float)x->most;
        else bytes[i] = (uint8_t)((value * 255 + x->most / 2) / x->most);
    }
    return NN_OK;
}

static nn_status nni_pnm_binary(uint8_t *bytes, float *floats, const nni_pnm *x, const nni_content *c, nn_report *report) {
    const uint8_t *from = c->bytes + x->data;
    const size_t row = nni_ceil_div(x->width, 8);
    for (size_t i = 0; i < nni_pnm_values(x); i++) {
        size_t value = x->most > 255 ? (size_t)from[2 * i] << 8 | from[2 * i + 1] : from[x->format == 4 ? 0 : i];
        if (x->format == 4) value = !(from[i / x->width * row + i % x->width / 8] >> (7 - i % x->width % 8) & 1);
        if (value > x->most)
            return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: value %zu is above %zu", c->path,
                           x->data + i * (x->most > 255 ? 2 : 1), value, x->most);
        if (floats) floats[i] = (float)value / (float)x->most;
        else bytes[i] = (uint8_t)((value * 255 + x->most / 2) / x->most);
    }
    return NN_OK;
}

static nn_status nni_pnm_image(uint8_t *bytes, float *floats, const nni_pnm *x, const nni_content *c, nn_report *report) {
    return x->format < 4 ? nni_pnm_plain(bytes, floats, x, c, report) : nni_pnm_binary(bytes, floats, x, c, report);
}

/* How many images of one size the file holds. */
static nn_status nni_pnm_count(size_t *count, const nni_pnm *first, const nni_content *c, nn_report *report) {
    nni_pnm x = *first;
    *count = 1;
    if (x.format < 4) return NN_OK;
    for (size_t at = x.data + x.bytes; at < c->size; at = x.data + x.bytes, (*count)++) {
        const nn_status status = nni_pnm_header(&x, c, at, report);
        if (status != NN_OK) return status;
        if (x.width != first->width || x.height != first->height || x.channels != first->channels || x.most != first->most ||
            x.format < 4)
            return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: an image of another kind than the first", c->path, at);
    }
    return NN_OK;
}

static nn_status nni_pnm_images(nn_dataset *d, const nni_pnm *first, size_t count, nni_content *c, nn_report *report) {
    nni_pnm x = *first;
    size_t n;
    if (count == 1 && x.format > 4 && x.most == 255) { /* as they lie */
        d->bytes = c->bytes + x.data;
        return NN_OK;
    }
    const size_t values = nni_pnm_values(&x);
    const int wide = x.most > 255;
    if (!nni_mul_size(values, count, &n)) return nni_say(report, NN_ERROR_SIZE, "%s: more images than memory", c->path);
    float *floats = wide ? (float *)nni_shared_take(c->memory, n, sizeof *floats) : NULL;
    uint8_t *bytes = wide ? NULL : (uint8_t *)nni_shared_take(c->memory, n, 1);
    if (!floats && !bytes) return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for %zu images", c->path, count);
    for (size_t i = 0; i < count; i++) {
        nn_status status = i ? nni_pnm_header(&x, c, x.data + x.bytes, report) : NN_OK;
        if (status == NN_OK)
            status = nni_pnm_image(wide ? NULL : bytes + i * values, wide ? floats + i * values : NULL, &x, c, report);
        if (status != NN_OK) return status;
    }
    d->floats = floats;
    d->bytes = bytes;
    return NN_OK;
}

NN_API nn_status nn_load_pnm(nn_dataset *d, const char *path, const nn_load_desc *desc, nn_report *report) {
    static const nn_load_desc usual = {NULL, 0, 0};
    nni_content c;
    nni_pnm x;
    size_t count = 0;
    nni_say_nothing(report);
    if (!d) return nni_say(report, NN_ERROR_NULL, "there is no dataset to load into");
    if (!desc) desc = &usual;
    memset(d, 0, sizeof *d);
    nn_status status = nni_load_content(&c, path, desc->allocator, desc->map, report);
    if (status != NN_OK) return status;
    status = nni_pnm_header(&x, &c, 0, report);
    if (status == NN_OK) status = nni_pnm_count(&count, &x, &c, report);
    *d = nn_dataset_of(NULL, count, nn_shape_image(x.height, x.width, x.channels), NULL, 0);
    d->memory = c.memory;
    d->allocator = desc->allocator;
    if (status == NN_OK) status = nni_pnm_images(d, &x, count, &c, report);
    if (status != NN_OK) nn_dataset_free(d);
    return status;
}

/* ---- writing ---- */

/* Value j of a row of the arrays as a whole number up to `most`. */
static unsigned nni_pnm_value(const nn_dataset *d, size_t j, unsigned most) {
    if (d->bytes) return most == 255 ? d->bytes[j] : d->bytes[j] * 257u;
    const float x = d->floats[j];
    return x > 0.0f ? x < 1.0f ? (unsigned)(x * (float)most + 0.5f) : most : 0; /* NaN is not above 0 */
}

static FILE *nni_pnm_create(const char *path, size_t width, size_t height, size_t channels, unsigned most, nn_report *report) {
    errno = 0;
    FILE *file = fopen(path, "wb");
    if (file) fprintf(file, "P%d\n%zu %zu\n%u\n", channels == 3 ? 6 : 5, width, height, most);
    else nni_say(report, NN_ERROR_FILE, "%s: cannot be opened for writing: %s", path, strerror(errno));
    return file;
}

static nn_status nni_pnm_close(FILE *file, const char *path, nn_report *report) {
    const int failed = ferror(file);
    if (fclose(file) == 0 && !failed) return NN_OK;
    return nni_say(report, NN_ERROR_FILE, "%s: cannot be written: %s", path, strerror(errno));
}

static nn_status nni_pnm_check(const char *path, const nn_dataset *d, nn_report *report) {
    nni_say_nothing(report);
    if (!path || !d || (!d->floats && !d->bytes))
        return nni_say(report, NN_ERROR_NULL, "there is no path, or no image to save");
    if (d->shape.channels != 1 && d->shape.channels != 3)
        return nni_say(report, NN_ERROR_SHAPE, "%s: an image has 1 or 3 channels and not %zu", path, d->shape.channels);
    return NN_OK;
}

NN_API nn_status nn_save_pnm(const char *path, const nn_dataset *d, size_t i, int bits, nn_report *report) {
    const nn_status status = nni_pnm_check(path, d, report);
    if (status != NN_OK) return status;
    if (i >= d->count || (bits != 8 && bits != 16))
        return nni_say(report, NN_ERROR_ARGUMENT, "%s: sample %zu of %zu, with %d bits a value", path, i, d->count, bits);
    const size_t size = nn_shape_size(d->shape), from = nn_dataset_row(d, i) * size;
    const unsigned most = bits == 8 ? 255 : 65535;
    FILE *file = nni_pnm_create(path, d->shape.width, d->shape.height, d->shape.channels, most, report);
    if (!file) return NN_ERROR_FILE;
    for (size_t j = 0; j < size; j++) {
        const unsigned value = nni_pnm_value(d, from + j, most);
        if (bits == 16) putc((int)(value >> 8), file);
        putc((int)(value & 255), file);
    }
    return nni_pnm_close(file, path, report);
}

NN_API nn_status nn_save_sheet(const char *path, const nn_dataset *d, size_t n, size_t columns, nn_report *report) {
    const nn_status status = nni_pnm_check(path, d, report);
    if (status != NN_OK) return status;
    n = nni_min(n, d->count);
    if (!n || !columns) return nni_say(report, NN_ERROR_ARGUMENT, "%s: a sheet of %zu images in %zu columns", path, n, columns);
    columns = nni_min(columns, n);
    const size_t channels = d->shape.channels, high = d->shape.height + 1, wide = d->shape.width + 1;
    const size_t width = columns * wide - 1, height = nni_ceil_div(n, columns) * high - 1;
    FILE *file = nni_pnm_create(path, width, height, channels, 255, report);
    if (!file) return NN_ERROR_FILE;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t channel = 0; channel < channels; channel++) {
                const size_t i = y / high * columns + x / wide, row = y % high, column = x % wide;
                unsigned value = 128;
                if (i < n && row < high - 1 && column < wide - 1)
                    value = nni_pnm_value(
                        d, (nn_dataset_row(d, i) * (high - 1) + row) * (wide - 1) * channels + column * channels + channel,
                        255);
                putc((int)value, file);
            }
    return nni_pnm_close(file, path, report);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_PNM_H */
