/* test_csv.c - tables as text: quotes, headers, categories, missing values, numbers of every form, hostile files, other locales
 */
#include <locale.h>

#include "data.h"

static nn_csv_desc usual(void) {
    nn_csv_desc d;
    memset(&d, 0, sizeof d);
    return d;
}

/* Loads a text; what was said is in `report`. */
static nn_report report;
static nn_status load(nn_dataset *d, const char *text, const nn_csv_desc *desc) {
    return nn_load_csv(d, data_text("a.csv", text), desc, &report);
}
static int holds(const nn_dataset *d, const float *want, size_t rows, size_t n) {
    if (d->count != rows || nn_shape_size(d->shape) != n) return 0;
    return first_difference(d->floats, want, rows * n) == rows * n;
}

static void plain(void) {
    nn_dataset d;
    nn_csv_desc o = usual();
    const float want[] = {1, 2.5f, -3, 4e2f, 0, 0.125f};
    static const char *const same[] = {"1,2.5,-3\n400,0,.125\n",
                                       "1,2.5,-3\r\n4e2,0,1.25e-1",
                                       "\n\n1 ,\t2.5, -3\n\n4E+2,-0e9,+.125\n\n",
                                       "1;2.5;-3\n400;0;.125\n",
                                       "1\t2.5\t-3\n400\t0\t.125\n",
                                       "1|2.5|-3\r400|0.|0.125\r",
                                       "\357\273\2771,2.5,-3\n400,0,.125",
                                       "\"1\",\"2.5\" ,-3\n400,\"0\",.125\n",
                                       "a,b,c\n1,2.5,-3\n400,0,.125\n"};
    for (size_t i = 0; i < COUNT(same); i++) {
        test_case("text %zu", i);
        if (CHECK(load(&d, same[i], &o) == NN_OK)) {
            if (d.floats[4] == 0) ((float *)(uintptr_t)d.floats)[4] = 0; /* -0 is 0 */
            CHECK(holds(&d, want, 2, 3) && !*report.sentence && !d.labels && !d.targets &&
                  strcmp(d.feature_names[1], i == 8 ? "b" : "2") == 0);
        }
        nn_dataset_free(&d);
    }
    o.decimal = ',';
    CHECK(load(&d, "1;2,5;-3\n400;0;,125\n", &o) == NN_OK && holds(&d, want, 2, 3));
    nn_dataset_free(&d);
    CHECK(load(&d, "1\n2\n", NULL) == NN_OK && d.count == 2); /* one column, no separator */
    nn_dataset_free(&d);
}

static void headers(void) {
    nn_dataset d;
    nn_csv_desc o = usual();
    test_case("headers");
    CHECK(load(&d, "1,2\n3,4\n", &o) == NN_OK && d.count == 2), nn_dataset_free(&d);
    o.header = NN_CSV_HEADER_YES;
    CHECK(load(&d, "1,2\n3,4\n", &o) == NN_OK && d.count == 1 && strcmp(d.feature_names[0], "1") == 0), nn_dataset_free(&d);
    o.header = NN_CSV_HEADER_NO;
    CHECK(load(&d, "a,2\nb,4\n", &o) == NN_OK && d.count == 2 && d.shape.channels == 3), nn_dataset_free(&d);
    o = usual();
    CHECK(load(&d, "a,b\nc,d\n", &o) == NN_OK && d.count == 2), nn_dataset_free(&d); /* nothing tells that it is one */
    o.label = "b";
    CHECK(load(&d, "a,b\nc,d\n", &o) == NN_OK && d.count == 1 && d.classes == 1), nn_dataset_free(&d); /* the label's name does
                                                                                                        */
    CHECK(load(&d, "a,b\n", &o) == NN_OK && d.count == 0), nn_dataset_free(&d);
}

/* The weather of the lectures: {E, W, S, N} as two bits. */
static void categories(void) {
    const char *text = "wind,dir,play\n100,S,yes\n5,E,no\n7,W,no\n8,N,yes\n";
    nn_dataset d;
    nn_csv_desc o = usual();
    o.label = "play";
    const float one_hot[] = {100, 0, 0, 1, 0, 5, 1, 0, 0, 0, 7, 0, 0, 0, 1, 8, 0, 1, 0, 0};
    const float binary[] = {100, 1, 0, 5, 0, 0, 7, 1, 1, 8, 0, 1}, number[] = {100, 2, 5, 0, 7, 3, 8, 1};
    test_case("categories");
    CHECK(load(&d, text, &o) == NN_OK && holds(&d, one_hot, 4, 5) && strcmp(d.feature_names[3], "dir=S") == 0);
    CHECK(d.classes == 2 && d.labels[0] == 1 && d.labels[1] == 0 && strcmp(d.class_names[1], "yes") == 0);
    nn_dataset_free(&d);
    o.code = NN_CSV_BINARY;
    CHECK(load(&d, text, &o) == NN_OK && holds(&d, binary, 4, 3) && strcmp(d.feature_names[2], "dir.1") == 0),
        nn_dataset_free(&d);
    o.code = NN_CSV_NUMBER;
    CHECK(load(&d, text, &o) == NN_OK && holds(&d, number, 4, 2)), nn_dataset_free(&d);
    o.label = "3";
    CHECK(load(&d, text, &o) == NN_OK && d.classes == 2), nn_dataset_free(&d);
    o.label = "last";
    o.leave_out = "dir";
    CHECK(load(&d, text, &o) == NN_OK && d.classes == 2 && d.shape.channels == 1), nn_dataset_free(&d);
    o = usual();
    o.targets = "wind, 1";
    o.leave_out = "3";
    CHECK(load(&d, text, &o) == NN_OK && d.target_size == 1 && d.targets[3] == 8 && strcmp(d.target_names[0], "wind") == 0 &&
          d.shape.channels == 4);
    nn_dataset_free(&d);
    o = usual();
    o.nominal = "1";
    o.label = "last"; /* classes that are numbers are sorted as numbers */
    CHECK(load(&d, "10,9\n2,10\n10,100\n", &o) == NN_OK && d.shape.channels == 2 && d.floats[1] == 1 && d.floats[0] == 0);
    CHECK(d.classes == 3 && d.labels[1] == 1 && strcmp(d.class_names[2], "100") == 0), nn_dataset_free(&d);
    o = usual();
    CHECK(load(&d, "x,\"a,\"\"b\"\"\nc\"\n1,2\n3,4\n", &o) == NN_OK && d.count == 2 &&
          strcmp(d.feature_names[1], "a,\"b\"\nc") == 0),
        nn_dataset_free(&d);
}

static void missing(void) {
    const char *text = "a,b,c\n1,x,0\n,y,1\n3,?,1\n5,x,1\n";
    nn_dataset d;
    nn_csv_desc o = usual();
    o.label = "c";
    test_case("missing values");
    CHECK(load(&d, text, &o) == NN_ERROR_FORMAT && data_says(&report, "a.csv, line 3, column 1 (a): the value is missing"));
    o.missing = NN_CSV_DROP;
    const float dropped[] = {1, 1, 0, 5, 1, 0};
    CHECK(load(&d, text, &o) == NN_OK && holds(&d, dropped, 2, 3) && d.labels[1] == 1), nn_dataset_free(&d);
    o.missing = NN_CSV_NAN;
    const float nan[] = {1, 1, 0, NAN, 0, 1, 3, NAN, NAN, 5, 1, 0};
    CHECK(load(&d, text, &o) == NN_OK && holds(&d, nan, 4, 3)), nn_dataset_free(&d);
    o.missing = NN_CSV_MEAN;
    const float mean[] = {1, 1, 0, 3, 0, 1, 3, 2.0f / 3, 1.0f / 3, 5, 1, 0};
    CHECK(load(&d, text, &o) == NN_OK && holds(&d, mean, 4, 3)), nn_dataset_free(&d);
    CHECK(load(&d, "a,c\n1,0\n2,\n", &o) == NN_ERROR_FORMAT && data_says(&report, "line 3, column 2 (c)")); /* no label */
    static const char *const words[] = {"none", NULL};
    o.missing_words = words;
    CHECK(load(&d, "a,c\n1,0\nnone,1\n", &o) == NN_OK && d.floats[1] == 1), nn_dataset_free(&d);
}

static void learned(void) {
    nn_csv_desc o = usual();
    nn_csv *csv;
    nn_dataset train, test_part;
    char label[] = "y";
    o.label = label;
    o.missing = NN_CSV_MEAN;
    test_case("learned from one, applied to another");
    CHECK(nn_csv_learn(&csv, data_text("train.csv", "n,c,y\n1,red,cat\n3,blue,dog\n2,green,cat\n"), &o, &report) == NN_OK);
    label[0] = 0; /* the texts of the description may go */
    CHECK(nn_csv_load(&train, csv, data_path("train.csv"), &report) == NN_OK && train.count == 3);
    CHECK(nn_csv_load(&test_part, csv, data_text("test.csv", "n,c,y\n,red,dog\n9,pink,dog\n"), &report) == NN_OK);
    const float want[] = {2, 0, 0, 1, 9, 1.0f / 3, 1.0f / 3, 1.0f / 3};
    CHECK(holds(&test_part, want, 2, 4) && test_part.labels[0] == 1 && test_part.classes == 2);
    nn_csv_free(csv); /* data keep what they need */
    CHECK(strcmp(test_part.class_names[1], "dog") == 0 && strcmp(train.feature_names[3], "c=red") == 0);
    nn_dataset_free(&train);
    nn_dataset_free(&test_part);
    o = usual();
    o.label = "last";
    CHECK(nn_csv_learn(&csv, data_path("train.csv"), &o, NULL) == NN_OK);
    CHECK(nn_csv_load(&test_part, csv, data_text("test.csv", "n,c,y\n1,pink,dog\n"), &report) == NN_ERROR_LABEL);
    CHECK(data_says(&report, "test.csv, line 2, column 2 (c): the category \"pink\" was not learned"));
    CHECK(nn_csv_load(&test_part, csv, data_text("test.csv", "n,c,y\n1,red,cow\n"), &report) == NN_ERROR_LABEL &&
          data_says(&report, "\"cow\""));
    CHECK(nn_csv_load(&test_part, csv, data_text("test.csv", "n\n1\n"), &report) == NN_ERROR_FORMAT &&
          data_says(&report, "has 1 fields, and what was learned from 3, 1 of them to be predicted"));
    CHECK(nn_csv_load(&test_part, csv, data_text("test.csv", "n,c,c,y\n1,red,red,dog\n"), &report) == NN_ERROR_FORMAT);
    CHECK(nn_csv_load(&test_part, csv, data_text("test.csv", "c,n,y\nred,1,dog\n"), &report) == NN_ERROR_FORMAT &&
          data_says(&report, "test.csv, line 1, column 1: is \"c\", and \"n\" was learned"));
    nn_csv_free(csv);
    nn_csv_free(NULL);
}

/* What is to be predicted lacks the columns of the answers, wherever they stood. */
static void unanswered(void) {
    nn_csv_desc o = usual();
    nn_csv *csv;
    nn_dataset d;
    const float want[] = {7, 1, 0, 8, 0, 1};
    test_case("without a label");
    o.label = "y";
    o.leave_out = "id";
    CHECK(nn_csv_learn(&csv, data_text("train.csv", "id,n,y,c\n1,1,cat,red\n2,3,dog,blue\n"), &o, NULL) == NN_OK);
    CHECK(nn_csv_load(&d, csv, data_text("new.csv", "id,n,c\n9,7,blue\n10,8,red\n"), &report) == NN_OK);
    CHECK(holds(&d, want, 2, 3) && !d.labels && !d.classes && !d.class_names && strcmp(d.feature_names[2], "c=red") == 0);
    nn_dataset_free(&d);
    CHECK(nn_csv_load(&d, csv, data_text("new.csv", "id,n,c\n9,7,blue\n10,x,red\n"), &report) == NN_ERROR_FORMAT &&
          data_says(&report, "line 3, column 2 (n): \"x\" is not a number"));
    CHECK(nn_csv_load(&d, csv, data_text("new.csv", "id,n,c\n9,7,\n"), &report) == NN_ERROR_FORMAT &&
          data_says(&report, "line 2, column 3 (c): the value is missing"));
    CHECK(nn_csv_load(&d, csv, data_text("new.csv", "n,y,c\n9,cat,blue\n"), &report) == NN_ERROR_FORMAT &&
          data_says(&report, "column 1: is \"n\", and \"id\" was learned"));
    nn_csv_free(csv);
    test_case("without targets");
    o = usual();
    o.targets = "1,3";
    const float features[] = {5, 6};
    CHECK(nn_csv_learn(&csv, data_text("train.csv", "1,2,3\n4,5,6\n"), &o, NULL) == NN_OK);
    CHECK(nn_csv_load(&d, csv, data_text("new.csv", "5\n6\n"), &report) == NN_OK && holds(&d, features, 2, 1));
    CHECK(!d.targets && !d.target_size && !d.target_names), nn_dataset_free(&d);
    CHECK(nn_csv_load(&d, csv, data_path("train.csv"), &report) == NN_OK && d.target_size == 2 && d.targets[3] == 6);
    nn_dataset_free(&d);
    CHECK(nn_csv_load(&d, csv, data_text("new.csv", "5,6\n"), &report) == NN_ERROR_FORMAT);
    nn_csv_free(csv);
}

static void wrong(void) {
    static const struct {
        const char *text, *says;
        nn_status status;
    } cases[] = {
        {"", "line 1: the file is empty", NN_ERROR_FORMAT},
        {"\n\n", "the file is empty", NN_ERROR_FORMAT},
        {"1,2\n3\n", "line 2: has 1 fields, and line 1 has 2", NN_ERROR_FORMAT},
        {"1,2\n\n\"3\n\",4,5\n", "line 3: has 3 fields", NN_ERROR_FORMAT},
        {"1,2\n3,\"4\n5,6\n", "line 2, column 2: a quote is opened and never closed", NN_ERROR_FORMAT},
        {"1,\"2\"3\n", "line 1, column 2: something stands behind a closing quote", NN_ERROR_FORMAT},
        {"1,2\n3,1e40\n", "line 2, column 2 (2): \"1e40\" is larger than any float", NN_ERROR_FORMAT},
    };
    nn_dataset d;
    nn_csv_desc o = usual();
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_case("wrong text %zu", i);
        CHECK(load(&d, cases[i].text, NULL) == cases[i].status && data_says(&report, cases[i].says) &&
              data_says(&report, "a.csv"));
        CHECK(d.count == 0 && d.memory == NULL);
    }
    test_case("wrong descriptions");
    CHECK(nn_load_csv(&d, data_write("z.csv", "1,2\n3\0,4\n", 9), NULL, &report) == NN_ERROR_FORMAT &&
          data_says(&report, "line 2: has a zero byte"));
    CHECK(nn_load_csv(&d, data_path("missing.csv"), NULL, &report) == NN_ERROR_FILE && data_says(&report, "missing.csv"));
    CHECK(nn_load_csv(&d, data_folder, NULL, &report) == NN_ERROR_FILE);
    CHECK(nn_load_csv(&d, NULL, NULL, &report) == NN_ERROR_NULL && nn_load_csv(NULL, "x", NULL, &report) == NN_ERROR_NULL);
    o.targets = "2";
    CHECK(load(&d, "1,2\n3,x\n", &o) == NN_ERROR_FORMAT && data_says(&report, "line 2, column 2 (2): \"x\" is not a number"));
    o.label = "b";
    CHECK(load(&d, "1,2\n3,4\n", &o) == NN_ERROR_ARGUMENT && data_says(&report, "has no column \"b\""));
    o.label = "2";
    CHECK(load(&d, "1,2\n3,4\n", &o) == NN_ERROR_ARGUMENT && data_says(&report, "two things at once"));
    o = usual();
    o.label = "0";
    CHECK(load(&d, "1,2\n3,4\n", &o) == NN_ERROR_ARGUMENT);
    o.label = "99999999999999999999999999";
    CHECK(load(&d, "1,2\n3,4\n", &o) == NN_ERROR_ARGUMENT);
    o = usual();
    o.most_categories = 2;
    CHECK(load(&d, "x\ny\nz\n", &o) == NN_ERROR_FORMAT && data_says(&report, "line 3: column 1 has more than 2 categories"));
}

/* ---- numbers ---- */

static float parsed(const char *text, nn_status *status) {
    nn_dataset d;
    nn_csv_desc o = usual();
    o.targets = "1"; /* a target must be a number, and cannot become a category */
    o.header = NN_CSV_HEADER_NO;
    *status = nn_load_csv(&d, data_text("n.csv", text), &o, NULL);
    const float value = *status == NN_OK && d.count ? d.targets[0] : -1;
    nn_dataset_free(&d);
    return value;
}

static void numbers(void) {
    static const char *const bad[] = {"+",   "-",     ".",   "e5",  "1e",   "1e+",   "1x",     "0x10",
                                      "--1", "1.2.3", "1 2", "inf", "1e99", "-1e39", "3.5e38", "1_0"};
    nn_status status;
    for (size_t i = 0; i < COUNT(bad); i++) {
        test_case("\"%s\"", bad[i]);
        parsed(bad[i], &status);
        CHECK(status == NN_ERROR_FORMAT);
    }
    /* Against the C library, in one file: any float as text of any length, points just between floats, and next to them. */
    enum { MANY = 3000 };
    static char text[MANY * 220];
    static float want[MANY];
    uint64_t state = 1;
    size_t at = 0;
    for (size_t i = 0; i < MANY; i++) {
        const uint32_t bits = (uint32_t)test_random(&state) & 0x7fffffff;
        const float a = float_of(bits % 0x7f7fffff), b = float_of(bits % 0x7f7fffff + 1);
        const double between = ((double)a + (double)b) / 2;
        char *from = text + at;
        switch (i % 5) {
        case 0: at += (size_t)sprintf(from, "%.*g", (int)(i / 5 % 17) + 1, (double)a); break;
        case 1: at += (size_t)sprintf(from, "%.150e", between); break;
        case 2: { /* so near to the middle of two floats that a double cannot tell */
            const float c = float_of(0x3f800000u + (bits & 0x7fffff)), d = float_of(bits_of(c) + 1);
            at += (size_t)sprintf(from, "%.14e", ((double)c + (double)d) / 2);
            break;
        }
        case 3:
            at += (size_t)sprintf(from, "%llu.%llue%d", (unsigned long long)bits, (unsigned long long)test_random(&state),
                                  (int)(bits % 80) - 60);
            break;
        default: at += (size_t)sprintf(from, "%.*f%s", 160, between * (bits % 2 ? 1e-30 : 1e-3), bits & 4 ? "0001" : ""); break;
        }
        want[i] = strtof(from, NULL);
        if (isinf(want[i])) at = (size_t)(from - text) + (size_t)sprintf(from, "0"), want[i] = 0;
        text[at++] = '\n';
    }
    text[at] = 0;
    nn_dataset d;
    test_case("numbers as strtof reads them");
    if (CHECK(nn_load_csv(&d, data_text("n.csv", text), NULL, &report) == NN_OK && d.count == MANY)) {
        const size_t i = first_difference(d.floats, want, MANY);
        if (!CHECK(i == MANY)) printf("number %zu is %.9g and not %.9g\n", i, (double)d.floats[i], (double)want[i]);
    }
    nn_dataset_free(&d);
}

static void locales(void) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"};
    size_t i = 0;
    while (i < COUNT(names) && !setlocale(LC_ALL, names[i])) i++;
    if (i == COUNT(names)) test.skipped++; /* no locale with a decimal comma here */
    else plain(), numbers();
    setlocale(LC_ALL, "C");
}

/* ---- hostile files, memory ---- */

static void hostile(void) {
    static const char text[] = "a,\"b\"\"\",c\n1,x,\"4\"\n2,\"y\nz\",5\r\n3,,6\n";
    nn_csv_desc o = usual();
    o.label = "last";
    o.missing = NN_CSV_NAN;
    uint64_t state = 3;
    const size_t times = test_quick() ? 300 : 3000;
    for (size_t i = 0; i < times + sizeof text; i++) {
        char broken[sizeof text];
        size_t n = sizeof text - 1;
        nn_dataset d;
        memcpy(broken, text, sizeof text);
        if (i < sizeof text) n = i; /* every length, then bytes at random */
        else
            for (size_t k = 0; k <= i % 3; k++) broken[test_below(&state, n)] = "\",\n\r x1\0;"[test_below(&state, 9)];
        test_case("broken text %zu", i);
        data_ledger l;
        data_ledger_begin(&l, 0);
        o.allocator = &l.hook;
        const nn_status status = nn_load_csv(&d, data_write("h.csv", broken, n), &o, &report);
        CHECK((status == NN_OK) == !*report.sentence && l.largest < 65536 + 1000);
        if (status == NN_OK) CHECK(nn_dataset_check(&d, NULL) == NN_OK), data_touch(&d);
        nn_dataset_free(&d);
        CHECK(l.live == 0);
    }
}

static void failures(void) {
    data_ledger l;
    nn_dataset d;
    nn_csv_desc o = usual();
    nn_csv *csv = NULL;
    const char *path = data_text("f.csv", "n,c,y\n1,red,cat\n3,blue,dog\n2,,cat\n");
    o.label = "y";
    o.missing = NN_CSV_MEAN;
    test_case("allocations that fail");
    DATA_FAIL(l, (o.allocator = &l.hook, nn_load_csv(&d, path, &o, &report)), nn_dataset_free(&d));
    DATA_FAIL(l, (o.allocator = &l.hook, nn_csv_learn(&csv, path, &o, &report)), nn_csv_free(csv));
}

int main(void) {
    data_begin();
    plain();
    headers();
    categories();
    missing();
    learned();
    unanswered();
    wrong();
    numbers();
    locales();
    hostile();
    failures();
    data_end();
    return test_end("csv");
}
