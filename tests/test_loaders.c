/* test_loaders.c - files of data: IDX, MNIST, CIFAR, NPY, portable maps, folders of images; packed, mapped, damaged */
#include "data.h"

#ifdef NN_ZLIB
#include <zlib.h>
#endif

static nn_report report;

static size_t put_be32(uint8_t *p, size_t value) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (24 - 8 * i));
    return 4;
}

/* ---- hostile files: every length, every bit of the first bytes, sizes that cannot be; loaded both ways ---- */

typedef nn_status (*loader)(nn_dataset *d, const char *path, const nn_load_desc *desc);

/* Whatever is in the file: a dataset that holds together, or a sentence; no allocation beyond what the file's own size
 * explains. */
static void survive(loader load, const char *name, const uint8_t *bytes, size_t n, size_t factor) {
    const char *path = data_write(name, bytes, n);
    for (int map = 0; map < 2; map++) {
        data_ledger l;
        nn_dataset d;
        nn_load_desc desc;
        memset(&desc, 0, sizeof desc);
        data_ledger_begin(&l, 0);
        desc.allocator = &l.hook;
        desc.map = map;
        const nn_status status = load(&d, path, &desc);
        CHECK(l.largest <= factor * n + (1 << 20));
        CHECK((status == NN_OK) == !*report.sentence && (status == NN_OK || (strstr(report.sentence, name) && d.count == 0)));
        if (status == NN_OK) CHECK(nn_dataset_check(&d, &report) == NN_OK), data_touch(&d);
        nn_dataset_free(&d);
        CHECK(l.live == 0);
    }
}

static void hostile(loader load, const char *name, const uint8_t *sound, size_t n, size_t head, size_t factor) {
    static uint8_t broken[100000];
    static const uint64_t sizes[] = {
        0, 1, 0x7fffffff, 0x80000000u, 0xffffffffu, 0x100000000u, 0x7fffffffffffffffu, 0x8000000000000000u, UINT64_MAX};
    const size_t step = n > 5000 ? n / (test_quick() ? 40 : 400) : test_quick() && n > 100 ? n / 30 : 1;
    for (size_t length = 0; length <= n; length += length < head && !test_quick() ? 1 : step) {
        test_case("%s cut to %zu", name, length);
        survive(load, name, sound, length, factor);
    }
    for (size_t bit = 0; bit < 8 * head; bit += test_quick() ? 11 : 1) {
        memcpy(broken, sound, n);
        broken[bit / 8] ^= (uint8_t)(1 << bit % 8);
        test_case("%s with bit %zu turned", name, bit);
        survive(load, name, broken, n, factor);
    }
    for (size_t at = 0; at + 8 <= head; at += test_quick() ? 4 : 1)
        for (size_t s = at / 4 % 3; s < 2 * COUNT(sizes); s += test_quick() ? 3 : 1) {
            memcpy(broken, sound, n);
            for (size_t i = 0; i < 4 + s % 2 * 4; i++)
                broken[at + i] = (uint8_t)(sizes[s / 2] >> (8 * (s % 2 ? 7 - i : 3 - i)));
            test_case("%s with %llx at %zu", name, (unsigned long long)sizes[s / 2], at);
            survive(load, name, broken, n, factor);
        }
    memcpy(broken, sound, n);
    memset(broken + n, 'x', 100);
    test_case("%s with bytes behind its end", name);
    survive(load, name, broken, n + 100, factor);
}

/* ---- IDX ---- */

static nn_status load_idx(nn_dataset *d, const char *path, const nn_load_desc *desc) {
    return nn_load_idx(d, path, NULL, desc, &report);
}

/* 3 images of 2 x 2 of a type, with values 0 to 11. */
static size_t idx_file(uint8_t *p, int type, size_t dimensions) {
    static const size_t sizes[4][4] = {{12}, {3, 4}, {3, 2, 2}, {3, 1, 2, 2}};
    uint8_t *start = p;
    *p++ = 0, *p++ = 0, *p++ = (uint8_t)type, *p++ = (uint8_t)dimensions;
    for (size_t i = 0; i < dimensions; i++) p += put_be32(p, sizes[dimensions - 1][i]);
    for (uint32_t i = 0; i < 12; i++) {
        const float f = (float)i;
        const double g = i;
        uint64_t bits = i;
        size_t size = type == 8 || type == 9 ? 1 : type == 11 ? 2 : type == 14 ? 8 : 4;
        if (type == 13) bits = bits_of(f);
        if (type == 14) memcpy(&bits, &g, 8);
        for (size_t k = size; k-- > 0;) *p++ = (uint8_t)(bits >> 8 * k);
    }
    return (size_t)(p - start);
}

static void idx(void) {
    static const int types[] = {8, 9, 11, 12, 13, 14};
    static const nn_shape shapes[] = {{1, 1, 1}, {1, 1, 4}, {2, 2, 1}, {1, 2, 2}};
    uint8_t file[200], labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 4, 0, 9};
    nn_dataset d;
    for (size_t t = 0; t < COUNT(types); t++)
        for (size_t k = 1; k <= 4; k++)
            for (int map = 0; map < 2; map++) {
                nn_load_desc desc = {NULL, map, 0};
                const size_t n = idx_file(file, types[t], k);
                test_case("IDX of type %d, %zu dimensions, map %d", types[t], k, map);
                if (!CHECK(load_idx(&d, data_write("x.idx", file, n), &desc) == NN_OK)) continue;
                CHECK(nn_shape_equal(d.shape, shapes[k - 1]) && d.count * nn_shape_size(d.shape) == 12 && !d.labels &&
                      (d.bytes != NULL) == (t == 0));
                for (size_t i = 0; i < 12; i++) CHECK(d.bytes ? d.bytes[i] == i : d.floats[i] == (float)i);
                nn_dataset_free(&d);
            }
    const char *images = data_write("x.idx", file, idx_file(file, 8, 3)), *names = data_write("y.idx", labels, sizeof labels);
    nn_load_desc desc = {NULL, 1, 0};
    test_case("labels");
    CHECK(nn_load_idx(&d, images, names, &desc, &report) == NN_OK && d.classes == 10 && d.labels[0] == 4 && d.labels[2] == 9),
        nn_dataset_free(&d);
    desc.classes = 20;
    CHECK(nn_load_idx(&d, images, names, &desc, NULL) == NN_OK && d.classes == 20), nn_dataset_free(&d);
    desc.classes = 9;
    CHECK(nn_load_idx(&d, images, names, &desc, &report) == NN_ERROR_LABEL &&
          data_says(&report, "y.idx, byte 10: sample 2 has a label that is not below 9"));
    labels[7] = 2;
    CHECK(nn_load_idx(&d, images, data_write("y.idx", labels, 10), &desc, &report) == NN_ERROR_FORMAT &&
          data_says(&report, "has 2 labels for 3 samples"));
    CHECK(nn_load_idx(&d, images, images, &desc, &report) == NN_ERROR_FORMAT && data_says(&report, "holds no labels"));
    CHECK(nn_load_idx(&d, data_path("none"), NULL, NULL, &report) == NN_ERROR_FILE &&
          data_says(&report, "none: cannot be opened"));
    CHECK(nn_load_idx(&d, data_folder, NULL, NULL, &report) == NN_ERROR_FILE &&
          nn_load_idx(&d, NULL, NULL, NULL, &report) == NN_ERROR_NULL);
    CHECK(nn_load_idx(NULL, images, NULL, NULL, &report) == NN_ERROR_NULL);
    CHECK(load_idx(&d, data_write("x.idx", "PNG!", 4), NULL) == NN_ERROR_FORMAT &&
          data_says(&report, "x.idx, byte 0: is no IDX file"));
    hostile(load_idx, "h.idx", file, idx_file(file, 8, 3), 16, 1);
    hostile(load_idx, "h.idx", file, idx_file(file, 9, 4), 20, 4);
    hostile(load_idx, "h.idx", file, idx_file(file, 13, 2), 12, 1);
    data_ledger l;
    const size_t n = idx_file(file, 9, 3);
    images = data_write("x.idx", file, n);
    labels[7] = 3;
    names = data_write("y.idx", labels, sizeof labels);
    for (int map = 0; map < 2; map++) {
        nn_load_desc few = {&l.hook, map, 0};
        DATA_FAIL(l, nn_load_idx(&d, images, names, &few, &report), nn_dataset_free(&d));
    }
}

/* ---- packed files, MNIST ---- */

#ifdef NN_ZLIB
static void pack(const char *path, const void *bytes, size_t n, size_t members) {
    for (size_t i = 0, at = 0; i < members; i++) {
        gzFile file = gzopen(path, i ? "ab" : "wb");
        const size_t end = i + 1 == members ? n : n * (i + 1) / members;
        if (end > at && gzwrite(file, (const char *)bytes + at, (unsigned)(end - at)) <= 0) abort();
        gzclose(file);
        at = end;
    }
}

static void packed(void) {
    static uint8_t big[300016], file[10000];
    nn_dataset d;
    memcpy(big, "\0\0\10\3", 4);
    put_be32(big + 4, 3000), put_be32(big + 8, 10), put_be32(big + 12, 10);
    for (size_t i = 0; i < 300000; i++) big[16 + i] = (uint8_t)(i * i >> 8);
    for (size_t members = 1; members <= 3; members++) {
        test_case("packed in %zu members", members);
        pack(data_path("x.gz"), big, sizeof big, members);
        CHECK(load_idx(&d, data_path("x.gz"), NULL) == NN_OK && d.count == 3000 && memcmp(d.bytes, big + 16, 300000) == 0);
        nn_dataset_free(&d);
    }
    pack(data_path("s.gz"), big, 16 + 12, 1); /* 12 bytes of values where 300000 should be */
    CHECK(load_idx(&d, data_path("s.gz"), NULL) == NN_ERROR_FORMAT &&
          data_says(&report, "300000 bytes must follow the header, and 12 do"));
    memcpy(big, "\0\0\10\3", 4);
    put_be32(big + 4, 3), put_be32(big + 8, 20), put_be32(big + 12, 20);
    pack(data_path("s.gz"), big, 16 + 1200, 1);
    const size_t n = data_read(data_path("s.gz"), file, sizeof file);
    hostile(load_idx, "h.gz", file, n, 18, 4000);
    data_ledger l;
    nn_load_desc few = {&l.hook, 0, 0};
    test_case("unpacking without memory");
    DATA_FAIL(l, load_idx(&d, data_path("s.gz"), &few), nn_dataset_free(&d));
}
#else
static void packed(void) {
    nn_dataset d;
    test_case("packed, without zlib");
    CHECK(load_idx(&d, data_write("x.gz", "\x1f\x8b\10\0", 4), NULL) == NN_ERROR_UNSUPPORTED && data_says(&report, "NN_ZLIB") &&
          data_says(&report, "x.gz"));
}
#endif

/* The real files, where they are: their counts, and the sums of their bytes as any tool gives them. */
static void mnist(void) {
    const char *folders[] = {getenv("NN_DATA"), "../shared/data/mnist", "../../shared/data/mnist"};
    nn_dataset train, test_part;
    uint8_t file[200], labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 4, 0, 9};
    data_write("train-images-idx3-ubyte", file, idx_file(file, 8, 3));
    data_write("train-labels-idx1-ubyte", labels, sizeof labels);
    test_case("MNIST");
    CHECK(nn_load_mnist(&train, NULL, data_folder, NULL, &report) == NN_OK && train.count == 3 && train.classes == 10),
        nn_dataset_free(&train);
    CHECK(nn_load_mnist(&train, &test_part, data_folder, NULL, &report) == NN_ERROR_FILE &&
          data_says(&report, "t10k-images-idx3-ubyte: cannot"));
    CHECK(train.count == 0 && test_part.count == 0);
    static char deep[6000];
    memset(deep, 'a', sizeof deep - 1);
    CHECK(nn_load_mnist(&train, NULL, deep, NULL, &report) == NN_ERROR_ARGUMENT &&
          nn_load_mnist(&train, NULL, NULL, NULL, &report) == NN_ERROR_NULL);
    for (size_t i = 0; i < COUNT(folders); i++) {
        char path[600];
        if (!folders[i]) continue;
        for (int gz = 0; gz < 2; gz++) {
            snprintf(path, sizeof path, "%.500s/t10k-images-idx3-ubyte%s", folders[i], gz ? ".gz" : "");
            if (access(path, R_OK) != 0) continue;
            const nn_status status = nn_load_mnist(NULL, &test_part, folders[i], NULL, &report);
#ifndef NN_ZLIB
            if (gz) {
                CHECK(status == NN_ERROR_UNSUPPORTED);
                return;
            }
#endif
            if (!CHECK(status == NN_OK)) return;
            double sum = 0, of_labels = 0;
            for (size_t k = 0; k < 10000 * 784; k++) sum += test_part.bytes[k];
            for (size_t k = 0; k < 10000; k++) of_labels += test_part.labels[k];
            CHECK(test_part.count == 10000 && nn_shape_equal(test_part.shape, nn_shape_image(28, 28, 1)));
            CHECK(sum == 264923200 && of_labels == 44434);
            nn_dataset_free(&test_part);
            return;
        }
    }
    test.skipped++;
}

/* ---- CIFAR ---- */

static nn_status load_cifar_10(nn_dataset *d, const char *path, const nn_load_desc *desc) {
    return nn_load_cifar_files(d, &path, 1, NN_CIFAR_10, desc, &report);
}

static void cifar(void) {
    static uint8_t file[4 * 3074], ten[3 * 3073];
    nn_dataset d, e;
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3074; j++)
            file[i * 3074 + j] = j == 0 ? (uint8_t)(i + 3) : j == 1 ? (uint8_t)(95 + i) : (uint8_t)(i + (j - 2) * 7);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3073; j++) ten[i * 3073 + j] = j == 0 ? (uint8_t)(9 - i) : (uint8_t)(i + (j - 1) * 7);
    test_case("CIFAR");
    data_write("train.bin", file, sizeof file), data_write("test.bin", file, 3074);
    CHECK(nn_load_cifar(&d, &e, data_folder, NN_CIFAR_100, NULL, &report) == NN_OK && d.count == 4 && e.count == 1 &&
          d.classes == 100 && !d.class_names);
    CHECK(d.labels[3] == 98 && nn_shape_equal(d.shape, nn_shape_image(32, 32, 3)));
    for (size_t i = 0; i < 4; i++)
        for (size_t p = 0; p < 1024; p += 31)
            for (size_t c = 0; c < 3; c++) CHECK(d.bytes[i * 3072 + p * 3 + c] == (uint8_t)(i + (c * 1024 + p) * 7));
    nn_dataset_free(&d), nn_dataset_free(&e);
    data_text("coarse_label_names.txt", "a\nb\r\n\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nlast");
    CHECK(nn_load_cifar(&d, NULL, data_folder, NN_CIFAR_100_COARSE, NULL, &report) == NN_OK && d.classes == 20 &&
          d.labels[1] == 4);
    CHECK(d.class_names && strcmp(d.class_names[1], "b") == 0 && strcmp(d.class_names[19], "last") == 0);
    nn_dataset_free(&d);
    CHECK(nn_load_cifar(&d, NULL, data_folder, NN_CIFAR_10, NULL, &report) == NN_ERROR_FILE &&
          data_says(&report, "data_batch_1.bin"));
    const char *paths[] = {data_write("a.bin", ten, sizeof ten), data_write("b.bin", ten, 3073)};
    CHECK(nn_load_cifar_files(&d, paths, 2, NN_CIFAR_10, NULL, &report) == NN_OK && d.count == 4 && d.labels[2] == 7 &&
          d.labels[3] == 9);
    CHECK(d.bytes[3 * 3072 + 4] == (uint8_t)(1025 * 7)), nn_dataset_free(&d);
    ten[3073] = 10;
    CHECK(load_cifar_10(&d, data_write("c.bin", ten, sizeof ten), NULL) == NN_ERROR_LABEL &&
          data_says(&report, "c.bin, byte 3073: label 10"));
    ten[3073] = 8;
    CHECK(nn_load_cifar_files(&d, paths, 0, NN_CIFAR_10, NULL, &report) == NN_ERROR_ARGUMENT &&
          nn_load_cifar_files(&d, paths, 1, (nn_cifar)9, NULL, &report) == NN_ERROR_ARGUMENT);
    hostile(load_cifar_10, "h.bin", ten, sizeof ten, 1, 1);
    data_ledger l;
    nn_load_desc few = {&l.hook, 0, 0};
    paths[0] = data_path("a.bin"), paths[1] = data_path("b.bin"); /* where the names were others are now */
    DATA_FAIL(l, nn_load_cifar_files(&d, paths, 2, NN_CIFAR_10, &few, &report), nn_dataset_free(&d));
    DATA_FAIL(l, nn_load_cifar(&d, &e, data_folder, NN_CIFAR_100_COARSE, &few, &report),
              (nn_dataset_free(&d), nn_dataset_free(&e)));
}

/* ---- NPY ---- */

static nn_status load_npy(nn_dataset *d, const char *path, const nn_load_desc *desc) {
    return nn_load_npy(d, path, NULL, desc, &report);
}

static void numpy(void) {
    FILE *golden = fopen("tests/golden/npy.numpy.txt", "r");
    char name[16];
    size_t n, files = 0;
    if (!golden) puts("the tests run in the folder of the project"), abort();
    while (fscanf(golden, "%15s %zu ", name, &n) == 2) {
        uint8_t file[512];
        nn_dataset d;
        unsigned byte;
        for (size_t i = 0; i < n; i++) {
            if (fscanf(golden, "%2x", &byte) != 1) abort();
            file[i] = (uint8_t)byte;
        }
        files++;
        for (int map = 0; map < 2; map++) {
            nn_load_desc desc = {NULL, map, 0};
            test_case("NumPy's %s, map %d", name, map);
            if (!CHECK(load_npy(&d, data_write("n.npy", file, n), &desc) == NN_OK &&
                       nn_shape_equal(d.shape, nn_shape_image(2, 2, 1))))
                continue;
            const float less = strchr(name, 'u') ? 0 : 5;
            CHECK((d.bytes != NULL) == (strstr(name, "u1") != NULL));
            for (size_t i = 0; i < 12; i++) CHECK((d.bytes ? (float)d.bytes[i] : d.floats[i]) == (float)i - less);
            nn_dataset_free(&d);
        }
        if (files % 9 == 1) hostile(load_npy, "h.npy", file, n, n < 128 ? n : 128, 4);
    }
    fclose(golden);
    CHECK(files == 42);
}

static void npy(void) {
    static const uint16_t halves[] = {0x0001, 0x8400, 0x3555, 0x7bff, 0xfc00, 0x7e00};
    static const float want[] = {5.9604644775390625e-8f, -6.103515625e-5f, 0.333251953125f, 65504, -INFINITY, NAN};
    uint8_t file[400];
    float x[24];
    uint32_t labels[] = {2, 0, 1};
    nn_dataset d, e;
    uint64_t state = 5;
    memset(file, ' ', 128);
    memcpy(file, "\x93NUMPY\1\0\x76\0{'descr': '<f2', 'fortran_order': False, 'shape': (6,), }", 68);
    for (size_t i = 0; i < 6; i++) file[128 + 2 * i] = (uint8_t)halves[i], file[129 + 2 * i] = (uint8_t)(halves[i] >> 8);
    test_case("NPY: halves");
    CHECK(load_npy(&d, data_write("n.npy", file, 140), NULL) == NN_OK && d.count == 6 &&
          first_difference(d.floats, want, 6) == 6),
        nn_dataset_free(&d);
    test_fill(x, 24, &state);
    static const nn_shape shapes[] = {{1, 1, 8}, {2, 4, 1}, {2, 2, 2}, {1, 8, 1}};
    const size_t which[] = {2, 0, 1};
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int map = 0; map < 2; map++) {
            nn_load_desc desc = {NULL, map, 0};
            nn_dataset all = nn_dataset_of(x, 3, shapes[s], labels, 3);
            all.targets = x;
            all.target_size = 2;
            test_case("NPY: written and read, shape %zu, map %d", s, map);
            CHECK(nn_dataset_select(&e, &all, which, 3) == NN_OK);
            const char *a = data_path("a.npy"), *b = data_path("b.npy"), *c = data_path("c.npy");
            CHECK(nn_save_npy(a, &e, &report) == NN_OK && nn_save_npy_labels(b, &e, &report) == NN_OK &&
                  nn_save_npy_targets(c, &e, &report) == NN_OK);
            CHECK(nn_load_npy(&d, a, b, &desc, &report) == NN_OK && nn_shape_equal(d.shape, shapes[s]) && d.classes == 3);
            for (size_t i = 0; i < 3; i++)
                CHECK(d.labels[i] == labels[which[i]] && memcmp(d.floats + 8 * i, x + 8 * which[i], 32) == 0);
            nn_dataset_free(&d);
            CHECK(nn_load_npy_targets(&d, a, c, &desc, &report) == NN_OK && d.target_size == 2 && d.targets[0] == x[4] &&
                  !d.labels),
                nn_dataset_free(&d);
            CHECK(nn_load_npy(&d, a, c, &desc, &report) == NN_ERROR_FORMAT && data_says(&report, "2 labels for each sample"));
            CHECK(nn_load_npy(&d, b, a, &desc, &report) == NN_ERROR_FORMAT);
            nn_dataset_free(&e);
        }
    nn_dataset bytes = nn_dataset_of_bytes(file, 3, nn_shape_vector(5), NULL, 0);
    CHECK(nn_save_npy(data_path("a.npy"), &bytes, &report) == NN_OK && load_npy(&d, data_path("a.npy"), NULL) == NN_OK &&
          memcmp(d.bytes, file, 15) == 0);
    nn_dataset_free(&d);
    CHECK(nn_save_npy(data_path("no/such/folder"), &bytes, &report) == NN_ERROR_FILE &&
          data_says(&report, "cannot be opened for writing"));
    CHECK(nn_save_npy_labels(data_path("a.npy"), &bytes, &report) == NN_ERROR_NULL &&
          nn_save_npy(NULL, &bytes, &report) == NN_ERROR_NULL && nn_save_npy("x", NULL, &report) == NN_ERROR_NULL);
    if (access("/dev/full", W_OK) == 0) CHECK(nn_save_npy("/dev/full", &bytes, &report) == NN_ERROR_FILE);
    const nn_dataset nan = nn_dataset_of_targets(want, 6, nn_shape_vector(1), want, 1);
    CHECK(nn_save_npy(data_path("a.npy"), &nan, NULL) == NN_OK &&
          nn_load_npy_targets(&d, data_path("a.npy"), data_path("a.npy"), NULL, &report) == NN_ERROR_TARGET);
    data_ledger l;
    nn_load_desc few = {&l.hook, 0, 0};
    memcpy(file + 10, "{'descr': '<f2', 'fortran_order': True, 'shape': (3, 2), } ", 59);
    const char *odd = data_write("f.npy", file, 140);
    CHECK(nn_save_npy_labels(data_path("l.npy"), &(nn_dataset){.count = 3, .labels = labels, .classes = 3}, NULL) == NN_OK);
    DATA_FAIL(l, nn_load_npy(&d, odd, data_path("l.npy"), &few, &report), nn_dataset_free(&d));
}

/* ---- portable maps ---- */

static nn_status load_pnm(nn_dataset *d, const char *path, const nn_load_desc *desc) {
    return nn_load_pnm(d, path, desc, &report);
}

#define T(text) text, sizeof text - 1
static void maps(void) {
    static const struct {
        const char *text;
        size_t n, count, channels, values;
        float want[8];
    } cases[] = {
        {T("P1\n# a bit map\n3 1\n0 1\n1"), 1, 1, 3, {1, 0, 0}},
        {T("P1 3 1 011"), 1, 1, 3, {1, 0, 0}},
        {T("P2\n2 1 # wide\n10\n0 5"), 1, 1, 2, {0, 128.0f / 255}},
        {T("P2 2 1 1000 1000 250"), 1, 1, 2, {1, 0.25f}},
        {T("P3\n1 1\n255\n1 2 255\n"), 1, 3, 3, {1.0f / 255, 2.0f / 255, 1}},
        {T("P4\n10 1\n\xaa\x40"), 1, 1, 8, {0, 1, 0, 1, 0, 1, 0, 1}},
        {T("P5\n2 1\n255\n\1\2"), 1, 1, 2, {1.0f / 255, 2.0f / 255}},
        {T("P5\n2 1\n65535\n\xff\xff\x80\0"), 1, 1, 2, {1, 32768.0f / 65535}},
        {T("P5 1 1 3 \2"), 1, 1, 1, {170.0f / 255}},
        {T("P6\n1 1\n255\nabc"), 1, 3, 3, {97.0f / 255, 98.0f / 255, 99.0f / 255}},
        {T("P5 1 1 255\nAP5 1 1 255\nBP5 1 1 255\nC"), 3, 1, 1, {65.0f / 255}},
    };
    nn_dataset d;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int map = 0; map < 2; map++) {
            nn_load_desc desc = {NULL, map, 0};
            test_case("portable map %zu, map %d", i, map);
            if (!CHECK(load_pnm(&d, data_write("a.pnm", cases[i].text, cases[i].n), &desc) == NN_OK)) continue;
            CHECK(d.count == cases[i].count && d.shape.channels == cases[i].channels);
            for (size_t j = 0; j < cases[i].values; j++) CHECK(data_value(&d, 0, j) == cases[i].want[j]);
            if (d.count == 3) CHECK(d.bytes[2] == 'C');
            nn_dataset_free(&d);
        }
    static const char *const bad[] = {"P7 1 1 255\nA",
                                      "P5 0 1 255\nA",
                                      "P5 1 1 0\nA",
                                      "P5 1 1 65536\nAA",
                                      "P5 1 1 255",
                                      "P5 1 2 255\nA",
                                      "P5 -1 1 255\nA",
                                      "P5 99999999999 1 255\nA",
                                      "P5 2147483647 2147483647 65535\nA",
                                      "P6 1 1 255\nAB",
                                      "P2 1 1 5 6",
                                      "P2 2 1 5 5 ",
                                      "P1 2 1 12",
                                      "P5 1 1 9 A",
                                      "P5 1 1 255\nAP5 2 1 255\nBB",
                                      "P5 1 1 255\nA ",
                                      "P51 1 255\nA",
                                      "P3 1 1 255 1 2",
                                      "P5 1 1 255A"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        test_case("bad map %zu: %s", i, bad[i]);
        if (i == 16) continue; /* a blank behind the number of the format may be missing */
        CHECK(load_pnm(&d, data_text("a.pnm", bad[i]), NULL) == NN_ERROR_FORMAT && data_says(&report, "a.pnm, byte ") &&
              d.count == 0);
    }
    for (size_t i = 0; i < COUNT(cases); i++)
        hostile(load_pnm, "h.pnm", (const uint8_t *)cases[i].text, cases[i].n, cases[i].n, 8);
    data_ledger l;
    nn_load_desc few = {&l.hook, 0, 0};
    DATA_FAIL(l, load_pnm(&d, data_write("a.pnm", cases[10].text, 36), &few), nn_dataset_free(&d));
}

static void save_maps(void) {
    uint8_t bytes[2 * 12];
    float x[12];
    nn_dataset d;
    for (size_t i = 0; i < 24; i++) bytes[i] = (uint8_t)(i * 11);
    for (size_t i = 0; i < 12; i++) x[i] = (float)i * 3000 / 65535;
    x[0] = NAN, x[1] = -1, x[2] = 2;
    for (int bits = 8; bits <= 16; bits += 8) {
        const nn_dataset grey = nn_dataset_of_bytes(bytes, 2, nn_shape_image(3, 4, 1), NULL, 0),
                         colour = nn_dataset_of(x, 1, nn_shape_image(2, 2, 3), NULL, 0);
        test_case("maps of %d bits, written and read", bits);
        CHECK(nn_save_pnm(data_path("g.pgm"), &grey, 1, bits, &report) == NN_OK &&
              load_pnm(&d, data_path("g.pgm"), NULL) == NN_OK);
        for (size_t i = 0; i < 12; i++) CHECK(data_value(&d, 0, i) == (float)bytes[12 + i] / 255.0f);
        nn_dataset_free(&d);
        CHECK(nn_save_pnm(data_path("c.ppm"), &colour, 0, bits, &report) == NN_OK &&
              load_pnm(&d, data_path("c.ppm"), NULL) == NN_OK);
        CHECK(nn_shape_equal(d.shape, colour.shape) && data_value(&d, 0, 0) == 0 && data_value(&d, 0, 1) == 0 &&
              data_value(&d, 0, 2) == 1);
        for (size_t i = 3; i < 12; i++) CHECK(fabsf(data_value(&d, 0, i) - x[i]) <= (bits == 8 ? 0.501f / 255 : 1e-7f));
        nn_dataset_free(&d);
        CHECK(nn_save_pnm(data_path("g.pgm"), &grey, 2, bits, &report) == NN_ERROR_ARGUMENT &&
              nn_save_pnm(data_path("g.pgm"), &grey, 0, 12, &report) == NN_ERROR_ARGUMENT);
    }
    const nn_dataset two = nn_dataset_of_bytes(bytes, 2, nn_shape_image(3, 2, 2), NULL, 0),
                     grey = nn_dataset_of_bytes(bytes, 5, nn_shape_image(2, 2, 1), NULL, 0);
    CHECK(nn_save_pnm(data_path("g.pgm"), &two, 0, 8, &report) == NN_ERROR_SHAPE &&
          nn_save_pnm(data_path("no/x"), &grey, 0, 8, &report) == NN_ERROR_FILE);
    test_case("a sheet");
    CHECK(nn_save_sheet(data_path("s.pgm"), &grey, 5, 3, &report) == NN_OK && load_pnm(&d, data_path("s.pgm"), NULL) == NN_OK);
    CHECK(nn_shape_equal(d.shape, nn_shape_image(5, 8, 1)) && d.bytes[0] == bytes[0] && d.bytes[2] == 128 &&
          d.bytes[3 * 8 + 3] == bytes[16] && d.bytes[4 * 8 + 7] == 128);
    nn_dataset_free(&d);
    CHECK(nn_save_sheet(data_path("s.pgm"), &grey, 0, 3, &report) == NN_ERROR_ARGUMENT &&
          nn_save_sheet(data_path("s.pgm"), &grey, 3, 0, &report) == NN_ERROR_ARGUMENT);
}

/* ---- folders ---- */

static void folders(void) {
    nn_dataset d;
    static const char *const places[] = {"img", "img/dog", "img/cat", "img/empty", "img/.git", "bare"};
    for (size_t i = 0; i < COUNT(places); i++)
        if (mkdir(data_path(places[i]), 0700) != 0) abort();
    data_text("img/dog/b.pgm", "P5 1 1 255\n2"), data_text("img/dog/a.PGM", "P5 1 1 255\n1"),
        data_text("img/cat/z.pnm", "P2 1 1 65535 32768");
    data_text("img/cat/notes.txt", "no image"), data_text("img/readme.pgm", "P5 1 1 255\n9"),
        data_text("img/dog/.hidden.pgm", "no");
    test_case("folders of images");
    CHECK(nn_load_image_folder(&d, data_path("img"), NULL, &report) == NN_OK && d.count == 3 && d.classes == 3);
    CHECK(d.bytes && d.bytes[0] == 128 && d.bytes[1] == '1' && d.bytes[2] == '2' && d.labels[0] == 0 && d.labels[1] == 1 &&
          d.labels[2] == 1);
    CHECK(strcmp(d.class_names[0], "cat") == 0 && strcmp(d.class_names[1], "dog") == 0 &&
          strcmp(d.class_names[2], "empty") == 0);
    nn_dataset_free(&d);
    CHECK(nn_load_image_folder(&d, data_path("bare"), NULL, &report) == NN_ERROR_FORMAT &&
          data_says(&report, "has no images in folders"));
    CHECK(nn_load_image_folder(&d, data_path("nowhere"), NULL, &report) == NN_ERROR_FILE &&
          data_says(&report, "nowhere: cannot be opened"));
    data_ledger l;
    nn_load_desc few = {&l.hook, 0, 0};
    DATA_FAIL(l, nn_load_image_folder(&d, data_path("img"), &few, &report), nn_dataset_free(&d));
    data_text("img/dog/c.ppm", "P6 1 1 255\nabc");
    CHECK(nn_load_image_folder(&d, data_path("img"), NULL, &report) == NN_ERROR_SHAPE &&
          data_says(&report, "c.ppm: is 1 x 1 with 3 channels"));
    data_text("img/dog/c.ppm", "P6 1 1 255\nab");
    CHECK(nn_load_image_folder(&d, data_path("img"), NULL, &report) == NN_ERROR_FORMAT && data_says(&report, "c.ppm, byte 11"));
    data_text("img/dog/c.ppm", "P5 1 1 255\naP5 1 1 255\nb");
    CHECK(nn_load_image_folder(&d, data_path("img"), NULL, &report) == NN_ERROR_FORMAT && data_says(&report, "holds 2 images"));
}

/* ---- larger than memory ---- */

/* A mapped file costs no memory, and its views neither; the map goes with the last of them. */
static void mapped(void) {
    data_ledger l;
    data_ledger_begin(&l, 0);
    nn_load_desc desc = {&l.hook, 1, 0};
    nn_dataset d, part;
    uint8_t header[16] = {0, 0, 8, 3, 0, 0, 0x20, 0,
                          0, 0, 1, 0, 0, 0, 1,    0}; /* 8192 images of 256 x 256: half a gigabyte, with a hole */
    const char *path = data_write("big.idx", header, 16);
    test_case("mapped");
    if (truncate(path, 16 + (off_t)8192 * 65536) != 0) {
        test.skipped++;
        return;
    }
    CHECK(load_idx(&d, path, &desc) == NN_OK && d.count == 8192 && l.largest < 4096);
    part = nn_dataset_range(&d, 8000, 192);
    nn_dataset_free(&d);
    float *x = (float *)malloc(2 * 65536 * sizeof *x);
    const size_t which[] = {0, 191};
    CHECK(nn_dataset_gather(x, NULL, NULL, NULL, &part, which, 2) == NN_OK && x[65536 + 65535] == 0);
    nn_dataset_free(&part);
    free(x);
    CHECK(l.live == 0);
    if (truncate(path, 16) != 0) abort();
}

int main(void) {
    data_begin();
    idx();
    packed();
    mnist();
    cifar();
    numpy();
    npy();
    maps();
    save_maps();
    folders();
    mapped();
    data_end();
    return test_end("loaders");
}
