/* sheet.h - a contact sheet: pictures in rows, each in a cell with its label below */
#ifndef EXAMPLES_SHEET_H
#define EXAMPLES_SHEET_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 84, STEP = 92, LINE = 102, COLUMNS = 8 };

static nn_image sheet;

static void must(nn_status status) {
    if (status == NN_OK) return;
    fprintf(stderr, "%s\n", nn_status_message(status));
    exit(1);
}

/* An empty sheet with room for so many pictures. */
static void sheet_begin(size_t pictures) {
    const nn_shape size = nn_shape_image((pictures + COLUMNS - 1) / COLUMNS * LINE + 8, COLUMNS * STEP + 8, 3);
    sheet = nn_image_bytes((uint8_t *)malloc(nn_shape_size(size)), size);
    if (!sheet.pixels) must(NN_ERROR_MEMORY);
    memset(sheet.pixels, 235, nn_shape_size(size));
}

static void sheet_end(const char *path) {
    nn_report report;
    const nn_dataset one = nn_dataset_of_bytes((const uint8_t *)sheet.pixels, 1, nn_shape_image(sheet.height, sheet.width, 3), NULL, 0);
    const nn_status status = nn_save_pnm(path, &one, 0, 8, &report);
    if (status != NN_OK) fprintf(stderr, "%s\n", report.sentence), exit(1);
    printf("%s: %zu x %zu pixels\n", path, sheet.width, sheet.height);
    free(sheet.pixels);
}

static void write_label(size_t top, size_t left, const char *text) {
    static const char known[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+./,"; /* five columns each, the lowest bit at the top */
    static const char font[] =
        "~\x11\x11\x11~\x7fIII6>AAA\"\x7f"
        "AA\"\x1c\x7fIIIA\x7f\t\t\t\1>AIIz\x7f\b\b\b\x7f\0A\x7f"
        "A\0 @A?\1\x7f\b\x14\"A\x7f@@@@"
        "\x7f\2\f\2\x7f\x7f\4\b\x10\x7f>AAA>\x7f\t\t\t\6>AQ!^\x7f\t\x19)FFIII1\1\1\x7f\1\1?@@@?\x1f @ \x1f?@8@?c\x14\b\x14"
        "c\a\bp\b\a"
        "aQIEC>QIE>\0B\x7f@\0BaQIF!AEK1\x18\x14\x12\x7f\x10'EEE9<JII0\1q\t\5\3"
        "6III6\6II)\x1e\b\b\b\b\b\b\b>\b\b\0``\0\0 \x10\b\4\2\0P0\0\0";
    for (; *text; text++, left += 6) {
        const char *at = *text == ' ' ? NULL : strchr(known, *text);
        for (size_t i = 0; i < 35 && at; i++)
            if (font[5 * (at - known) + (ptrdiff_t)(i / 7)] >> i % 7 & 1)
                must(nn_image_cutout(sheet, (ptrdiff_t)(top + i % 7), (ptrdiff_t)(left + i / 7), 1, 1, 0));
    }
}

/* An image of any size into the cell `place`, with its label. */
static void show(size_t place, nn_image x, const char *label) {
    static float cell[CELL * CELL * 3], grey[CELL * CELL];
    static uint8_t bytes[CELL * CELL * 3];
    const size_t top = place / COLUMNS * LINE + 8, left = place % COLUMNS * STEP + 8;
    const nn_image picture = nn_image_floats(cell, nn_shape_image(CELL, CELL, 3)),
                   pixels = nn_image_bytes(bytes, nn_shape_image(CELL, CELL, 3));
    const nn_resize_desc desc = {NN_NEAREST, 0, NULL};
    if (x.channels == 3) must(nn_image_resize(picture, x, &desc));
    else {
        must(nn_image_resize(nn_image_floats(grey, nn_shape_image(CELL, CELL, 1)), x, &desc));
        for (size_t i = 0; i < CELL * CELL * 3; i++) cell[i] = grey[i / 3];
    }
    must(nn_image_convert(pixels, picture));
    for (size_t row = 0; row < CELL; row++)
        memcpy((uint8_t *)sheet.pixels + ((top + row) * sheet.width + left) * 3, bytes + row * CELL * 3, CELL * 3);
    write_label(top + CELL + 2, left, label);
}

#endif /* EXAMPLES_SHEET_H */
