/* test_note.c - texts and the columns of a table that go with a network into its file */
#include "data.h"

static nn_report report;

static nn_model *small_model(const nn_allocator *allocator, size_t inputs, size_t outputs) {
    nn_model *m = nn_model_new(allocator);
    if (!m) return NULL;
    nn_node x = nn_layer_dense(m, nn_layer_input(m, nn_shape_vector(inputs)), outputs);
    nn_layer_loss(m, x, NN_LOSS_SOFTMAX_CE);
    const nn_build_desc build = {.batch = 4};
    if (nn_model_build(m, &build) == NN_OK) return m;
    nn_model_free(m);
    return NULL;
}

/* Saved and loaded. */
static nn_model *again(nn_model *m) {
    nn_model *copy = NULL;
    const char *path = data_path("model");
    if (!CHECK(nn_model_save(m, path) == NN_OK)) puts(nn_error(m));
    if (!CHECK(nn_model_load(&copy, path, NULL, &report) == NN_OK)) puts(report.sentence), abort();
    return copy;
}

static int noted(const nn_model *m, const char *name, const char *text) {
    const char *found = nn_model_noted(m, name);
    return text ? found && strcmp(found, text) == 0 : !found;
}

/* ---- texts ---- */

static void texts(void) {
    static const char hard[] = "\"quotes\", \\, \t, \x01, \n, \xc3\xa4, \xe2\x82\xac, \xf0\x9f\x98\x80, {\"nn.checksum\":\"0\"}";
    static char large[100001];
    memset(large, 'x', sizeof large - 1);
    nn_model *m = small_model(NULL, 2, 2);
    test_case("kept, replaced, taken away");
    CHECK(nn_model_note(m, "a", "first") == NN_OK && nn_model_note(m, "b", "") == NN_OK && nn_model_note(m, hard, hard) == NN_OK);
    CHECK(noted(m, "a", "first") && noted(m, "b", "") && noted(m, hard, hard) && noted(m, "c", NULL));
    CHECK(strcmp(nn_model_note_name(m, 1), "b") == 0 && !nn_model_note_name(m, 3) && !nn_model_note_name(NULL, 0));
    CHECK(nn_model_note(m, "a", large) == NN_OK && strcmp(nn_model_note_name(m, 0), "a") == 0);
    test_case("saved and loaded");
    nn_model *copy = again(m);
    CHECK(noted(copy, "a", large) && noted(copy, "b", "") && noted(copy, hard, hard) && !nn_model_note_name(copy, 3));
    size_t size = 0, same = 0;
    CHECK(nn_model_save_memory(m, NULL, 0, &size) == NN_OK && nn_model_save_memory(copy, NULL, 0, &same) == NN_OK && size == same);
    CHECK(nn_model_note(copy, "a", NULL) == NN_OK && nn_model_note(copy, "b", nn_model_noted(copy, hard)) == NN_OK);
    CHECK(nn_model_note(copy, "no such", NULL) == NN_OK && nn_model_note(copy, hard, NULL) == NN_OK);
    CHECK(noted(copy, "a", NULL) && noted(copy, "b", hard) && !nn_model_note_name(copy, 1));
    CHECK(nn_model_note(copy, "b", NULL) == NN_OK && !nn_model_note_name(copy, 0));
    nn_model_free(copy);
    nn_model_free(m);
}

static void refused(void) {
    static const char *const broken[] = {"\x80", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "x\xe2\x82"};
    char name[16];
    nn_model *m = small_model(NULL, 2, 2);
    test_case("what cannot be");
    CHECK(nn_model_note(NULL, "a", "b") == NN_ERROR_NULL && nn_model_note(m, NULL, "b") == NN_ERROR_NULL);
    CHECK(nn_model_note(m, "", "b") == NN_ERROR_ARGUMENT && nn_model_note(m, "nn.model", "{}") == NN_ERROR_ARGUMENT);
    CHECK(strstr(nn_error(m), "\"nn.model\"") && !nn_model_noted(m, NULL) && !nn_model_noted(NULL, "a"));
    for (size_t i = 0; i < COUNT(broken); i++) {
        CHECK(nn_model_note(m, broken[i], "b") == NN_ERROR_ARGUMENT && nn_model_note(m, "a", broken[i]) == NN_ERROR_ARGUMENT);
        CHECK(strstr(nn_error(m), "the note \"a\" is not UTF-8") && !nn_model_note_name(m, 0));
    }
    test_case("as many as there may be");
    for (size_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%zu", i);
        if (!CHECK(nn_model_note(m, name, name) == NN_OK)) break;
    }
    CHECK(nn_model_note(m, "one more", "x") == NN_ERROR_SIZE && nn_model_note(m, "999", "new") == NN_OK);
    nn_model *copy = again(m);
    CHECK(noted(copy, "999", "new") && noted(copy, "0", "0") && nn_model_note_name(copy, 999));
    nn_model_free(copy);
    nn_model_free(m);
}

static nn_status note_once(const nn_allocator *allocator) {
    nn_model *m = small_model(allocator, 2, 2);
    nn_status status = m ? nn_model_note(m, "a", "text") : NN_ERROR_MEMORY;
    if (status == NN_OK) status = nn_model_note(m, "a", "another");
    if (m && status != NN_OK && nn_model_noted(m, "a")) CHECK(noted(m, "a", "text")); /* as it was */
    size_t size;
    if (status == NN_OK) status = nn_model_save_memory(m, NULL, 0, &size);
    nn_model_free(m);
    return status;
}

/* ---- the columns of a table ---- */

/* The table that was learned from, and another, encoded by what came out of the file. */
static void round_trip(const char *text, const char *other, const nn_csv_desc *desc) {
    nn_csv *csv, *back = NULL;
    nn_dataset a, b;
    size_t classes, same;
    CHECK(nn_csv_learn(&csv, data_text("learn.csv", text), desc, &report) == NN_OK);
    nn_model *m = small_model(NULL, 2, 2);
    CHECK(nn_csv_note(csv, m) == NN_OK);
    nn_model *copy = again(m);
    if (!CHECK(nn_csv_noted(&back, copy, NULL, &report) == NN_OK)) puts(report.sentence), abort();
    CHECK(nn_csv_note(back, copy) == NN_OK && noted(copy, "csv", nn_model_noted(m, "csv")));
    nn_model_free(copy); /* it stands by itself */
    const char *const *names = nn_csv_classes(csv, &classes), *const *found = nn_csv_classes(back, &same);
    CHECK(classes == same && !names == !found);
    for (size_t i = 0; i < classes && i < same; i++) CHECK(strcmp(names[i], found[i]) == 0);
    for (int i = 0; i < 2; i++) {
        const char *path = i ? data_text("other.csv", other) : data_path("learn.csv");
        CHECK(nn_csv_load(&a, csv, path, &report) == NN_OK);
        if (!CHECK(nn_csv_load(&b, back, path, &report) == NN_OK)) puts(report.sentence), abort();
        const size_t n = a.count * nn_shape_size(a.shape);
        CHECK(a.count == b.count && nn_shape_equal(a.shape, b.shape) && first_difference(a.floats, b.floats, n) == n);
        CHECK(!a.labels == !b.labels && a.classes == b.classes && a.target_size == b.target_size);
        if (a.labels && b.labels) CHECK(memcmp(a.labels, b.labels, a.count * sizeof *a.labels) == 0);
        if (a.targets && b.targets) CHECK(first_difference(a.targets, b.targets, a.count * a.target_size) == a.count * a.target_size);
        for (size_t k = 0; k < nn_shape_size(a.shape); k++) CHECK(strcmp(a.feature_names[k], b.feature_names[k]) == 0);
        nn_dataset_free(&a), nn_dataset_free(&b);
    }
    nn_csv_free(back), nn_csv_free(csv);
    nn_model_free(m);
}

static void columns(void) {
    nn_csv_desc d = {.label = "play", .leave_out = "id"};
    test_case("columns, codes, categories");
    const char *weather = "id,wind,\"dir, \"\"from\"\"\",play\n1,100,S,yes\n2,5,E,no\n3,7,W,no\n4,8,10,yes\n5,1,9,no\n";
    for (int code = 0; code < 3; code++) {
        d.code = (nn_csv_code)code;
        round_trip(weather, "id,wind,\"dir, \"\"from\"\"\"\n9,4,E\n9,1,10\n", &d);
    }
    test_case("missing values");
    for (int missing = NN_CSV_DROP; missing <= NN_CSV_MEAN; missing++) {
        d.missing = (nn_csv_missing)missing;
        round_trip(weather, "id,wind,\"dir, \"\"from\"\"\",play\n9,,E,no\n9,1,NE,yes\n9,2,S,yes\n", &d);
    }
    const char *words[] = {"none", "-", NULL};
    nn_csv_desc t = {.targets = "2,last", .header = NN_CSV_HEADER_NO, .missing = NN_CSV_MEAN, .missing_words = words,
                     .separator = ';', .quote = '\'', .decimal = ','};
    round_trip("0,1;2;x;4,5\n-;3;'y;z';5\n", "none;3;x;5\n", &t);
    test_case("the words for what is missing may go");
    nn_csv *csv;
    nn_dataset a;
    CHECK(nn_csv_learn(&csv, data_text("w.csv", "a,b\n1,2\n3,-\n"), &(nn_csv_desc){.missing_words = words, .missing = NN_CSV_MEAN}, NULL) == NN_OK);
    words[1] = "gone";
    CHECK(nn_csv_load(&a, csv, data_path("w.csv"), &report) == NN_OK && a.floats[3] == 2), nn_dataset_free(&a);
    nn_csv_free(csv);
}

/* Notes that somebody wrote: said what is wrong, or taken and safe to use. */
static void bad_columns(void) {
    static const struct {
        const char *note, *says;
    } cases[] = {
        {"", "byte 0: an object is missing"},
        {"{}", "it has no columns"},
        {"{\"columns\":[]}", "a table has columns"},
        {"{\"columns\":[{\"role\":\"feature\"}]}", "a column has no name"},
        {"{\"columns\":[{\"name\":\"a\",\"role\":\"king\"}]}", "an option has a value"},
        {"{\"columns\":[{\"name\":\"a\",\"role\":\"label\"}]}", "a label has them"},
        {"{\"columns\":[{\"name\":\"a\",\"role\":\"target\",\"categories\":[]}]}", "and nothing else"},
        {"{\"columns\":[{\"name\":\"a\",\"role\":\"label\",\"categories\":[\"x\",\"x\"]}]}", "categories are not in order"},
        {"{\"columns\":[{\"name\":\"a\",\"categories\":[\"b\",\"10\"]}]}", "categories are not in order"},
        {"{\"columns\":[{\"name\":\"a\",\"role\":\"label\",\"categories\":[\"x\"]},"
         "{\"name\":\"b\",\"role\":\"label\",\"categories\":[\"x\"]}]}", "at most one label"},
        {"{\"missing\":\"mean\",\"columns\":[{\"name\":\"a\"}]}", "too few"},
        {"{\"missing\":\"mean\",\"columns\":[{\"name\":\"a\",\"mean\":[1,2]}]}", "too many means"},
        {"{\"missing\":\"mean\",\"columns\":[{\"name\":\"a\",\"categories\":[\"x\",\"y\"],\"mean\":[1]}]}", "too few"},
        {"{\"columns\":[{\"name\":\"a\",\"mean\":[1]}]}", "too many means"},
        {"{\"columns\":[{\"name\":\"a\"}],\"code\":\"binary\"}", "columns come last"},
        {"{\"separator\":\"ab\",\"columns\":[{\"name\":\"a\"}]}", "one character"},
        {"{\"decimal\":\"\",\"columns\":[{\"name\":\"a\"}]}", "one character"},
        {"{\"missing_words\":[1],\"columns\":[{\"name\":\"a\"}]}", "a string is missing"},
        {"{\"columns\":[{\"name\":\"a\"}]} x", "something follows the end"},
        {"{\"columns\":[{\"name\":\"a\"}", "a comma or a closing bracket"},
    };
    nn_model *m = small_model(NULL, 2, 2);
    nn_csv *csv = (nn_csv *)m;
    test_case("no columns at all");
    CHECK(nn_csv_noted(&csv, m, NULL, &report) == NN_ERROR_ARGUMENT && !csv && data_says(&report, "has no columns"));
    CHECK(nn_csv_noted(&csv, NULL, NULL, &report) == NN_ERROR_NULL && nn_csv_noted(NULL, m, NULL, NULL) == NN_ERROR_NULL);
    CHECK(nn_csv_note(NULL, m) == NN_ERROR_NULL && !nn_csv_classes(NULL, NULL));
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_case("a note that cannot be, %zu", i);
        CHECK(nn_model_note(m, "csv", cases[i].note) == NN_OK);
        CHECK(nn_csv_noted(&csv, m, NULL, &report) == NN_ERROR_FORMAT && !csv && data_says(&report, cases[i].says));
    }
    test_case("what a later version adds is passed over");
    CHECK(nn_model_note(m, "csv", "{\"new\":{\"a\":[1,{}]},\"columns\":[{\"name\":\"a\",\"unit\":\"m\"}]}") == NN_OK);
    CHECK(nn_csv_noted(&csv, m, NULL, &report) == NN_OK), nn_csv_free(csv);
    nn_model_free(m);
}

static void hostile(void) {
    static const char note[] =
        "{\"header\":true,\"code\":\"binary\",\"missing\":\"mean\",\"missing_words\":[\"?\"],\"columns\":[{\"name\":\"n\",\"mean\":[2]},"
        "{\"name\":\"c\",\"role\":\"feature\",\"categories\":[\"1\",\"2\",\"a\"],\"mean\":[0.5,1e-3]},"
        "{\"name\":\"y\",\"role\":\"label\",\"categories\":[\"no\",\"yes\"]}]}";
    const char *path = data_text("h.csv", "n,c,y\n?,a,no\n5,b,yes\n");
    const size_t times = test_quick() ? 500 : 5000;
    uint64_t state = 7;
    nn_model *m = small_model(NULL, 2, 2);
    for (size_t i = 0; i < sizeof note + times; i++) {
        char broken[sizeof note];
        nn_dataset d;
        nn_csv *csv;
        memcpy(broken, note, sizeof note);
        if (i < sizeof note) broken[i] = '\0'; /* every length, then bytes at random */
        else
            for (size_t k = 0; k <= i % 2; k++) broken[test_below(&state, sizeof note - 1)] = "\"[]{},:0a1\\."[test_below(&state, 12)];
        test_case("broken note %zu", i);
        CHECK(nn_model_note(m, "csv", broken) == NN_OK);
        if (nn_csv_noted(&csv, m, NULL, &report) != NN_OK) {
            CHECK(*report.sentence && !csv && i != sizeof note - 1);
            continue;
        }
        if (nn_csv_load(&d, csv, path, NULL) == NN_OK) data_touch(&d), nn_dataset_free(&d);
        CHECK(nn_csv_note(csv, m) == NN_OK);
        nn_csv_free(csv);
    }
    nn_model_free(m);
}

static void failures(void) {
    data_ledger l;
    nn_csv *csv, *back = NULL;
    const nn_csv_desc d = {.label = "y", .missing = NN_CSV_MEAN};
    test_case("allocations that fail");
    DATA_FAIL(l, note_once(&l.hook), (void)0);
    CHECK(nn_csv_learn(&csv, data_text("f.csv", "n,c,y\n1,red,cat\n3,blue,dog\n2,,cat\n"), &d, NULL) == NN_OK);
    nn_model *m = small_model(NULL, 2, 2);
    CHECK(nn_csv_note(csv, m) == NN_OK);
    DATA_FAIL(l, nn_csv_noted(&back, m, &l.hook, &report), nn_csv_free(back));
    nn_model_free(m);
    nn_csv_free(csv);
    test_case("names that are not UTF-8");
    CHECK(nn_csv_learn(&csv, data_text("l.csv", "n,y\n1,caf\xe9\n2,tea\n"), &d, NULL) == NN_OK);
    m = small_model(NULL, 2, 2);
    CHECK(nn_csv_note(csv, m) == NN_ERROR_ARGUMENT && strstr(nn_error(m), "the note \"csv\" is not UTF-8"));
    nn_model_free(m);
    nn_csv_free(csv);
}

int main(void) {
    data_begin();
    texts();
    refused();
    columns();
    bad_columns();
    hostile();
    failures();
    data_end();
    return test_end("note");
}
