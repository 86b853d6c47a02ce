/* test_file_bad.c - files that are damaged, or lie: a status and a sentence, nothing changed, and no more memory than the file is long */
#include "file.h"

#define SLACK ((size_t)1 << 20) /* what may be allocated beyond the size of the file */

static nn_model *victim; /* weights are loaded into it, or not */
static float *before;
static size_t sound; /* files that turned out to be fine */

static nn_model *small_model(void) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_image(2, 2, 1));
    x = nn_layer_leaky_relu(m, nn_layer_conv2d(m, x, 2, 1));
    x = nn_layer_batch_norm(m, nn_layer_dense(m, x, 3));
    nn_layer_loss(m, nn_layer_dropout(m, x, 0.5f), NN_LOSS_SOFTMAX_CE);
    const nn_build_desc d = {.seed = 1, .batch = 2};
    if (nn_model_build(m, &d) != NN_OK) abort();
    return m;
}

static void begin_victim(void) {
    victim = small_model();
    const nn_parameters all = nn_parameters_of(victim);
    before = (float *)malloc(all.total * sizeof *before);
    memcpy(before, all.values, all.total * sizeof *before);
}
static int victim_unchanged(void) {
    const nn_parameters all = nn_parameters_of(victim);
    return memcmp(before, all.values, all.total * sizeof *before) == 0;
}

/* Loads it as a model, whose activations may take 64 KiB. */
static nn_status load(const container *c, nn_report *report) {
    counted count;
    const nn_allocator allocator = counted_allocator(&count);
    const nn_model_load_desc d = {.allocator = &allocator, .memory = 1 << 16};
    nn_model *m = victim;
    unsigned char *exact = (unsigned char *)malloc(c->size ? c->size : 1); /* so that a byte too far is seen */
    memcpy(exact, c->bytes, c->size);
    const nn_status status = nn_model_load_memory(&m, exact, c->size, &d, report);
    CHECK((status == NN_OK) == (m != NULL) && (status == NN_OK) == (report->sentence[0] == '\0'));
    CHECK(count.peak <= c->size + SLACK);
    CHECK(memcmp(exact, c->bytes, c->size) == 0);
    if (m) {
        float x[64] = {0}, y[64];
        sound++;
        if (nn_shape_size(nn_node_shape(m, nn_model_node(m, "input_1"))) <= 64) CHECK(nn_predict(m, y, x, 0) == NN_OK || nn_error(m)[0]);
    }
    nn_model_free(m);
    CHECK(count.live == 0);
    free(exact);
    return status;
}

/* It must be refused as a model and as weights. */
static void refused(const container *c, nn_status wanted, const char *word) {
    nn_report report;
    const nn_status status = load(c, &report), weights = nn_weights_load_memory(victim, c->bytes, c->size, NULL, NULL);
    const int fine = status != NN_OK && weights != NN_OK && (wanted == NN_OK || status == wanted) && (!word || strstr(report.sentence, word));
    if (!CHECK(fine)) printf("%s: %s\n", nn_status_name(status), report.sentence);
    if (!CHECK(victim_unchanged())) abort();
}

/* ---- damage ---- */

static void damaged(const container *whole) {
    container c = {(unsigned char *)malloc(whole->size + 64), 0};
    const size_t stride = test_quick() ? 13 : 1;
    for (c.size = 0; c.size < whole->size; c.size += c.size < 16 ? 1 : stride) {
        memcpy(c.bytes, whole->bytes, c.size);
        test_case("cut to %zu bytes", c.size);
        refused(&c, NN_ERROR_FORMAT, NULL);
    }
    c.size = whole->size;
    for (size_t bit = 0; bit < 8 * whole->size; bit += stride) {
        memcpy(c.bytes, whole->bytes, whole->size);
        c.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        test_case("bit %zu flipped", bit);
        refused(&c, NN_OK, NULL);
    }
    for (size_t more = 1; more < 20; more++) {
        c.size = whole->size + more;
        memcpy(c.bytes, whole->bytes, whole->size);
        memset(c.bytes + whole->size, more % 2 ? 0 : 'x', more);
        test_case("%zu bytes too many", more);
        refused(&c, NN_ERROR_FORMAT, NULL);
    }
    free(c.bytes);
}

/* ---- containers that lie ---- */

#define TENSOR "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"
static const struct {
    const char *header, *word;
    nn_status status;
} lies[] = {
    {"", "begin", NN_ERROR_FORMAT},
    {"[]", "begin", NN_ERROR_FORMAT},
    {" {}", "begin", NN_ERROR_FORMAT},
    {"{", "byte", NN_ERROR_FORMAT},
    {"{}x", "follows", NN_ERROR_FORMAT},
    {"{}", "data", NN_ERROR_FORMAT},
    {"{\"a\":{" TENSOR "}", NULL, NN_ERROR_FORMAT},
    {"{\"a\":{" TENSOR "},}", NULL, NN_ERROR_FORMAT},
    {"{\"a\":{" TENSOR ",\"more\":1}}", "key that no tensor has", NN_ERROR_FORMAT},
    {"{\"a\":{" TENSOR ",\"shape\":[2]}}", "twice", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "lacks", NN_ERROR_FORMAT},
    {"{\"a\":[1,2]}", "object", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", "type of numbers", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}}", "string", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", "array", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "negative", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", "whole", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "do not fit", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,8]}}", "do not fit", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483648],\"data_offsets\":[0,8589934592]}}", "outside", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", "overflows", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387906],\"data_offsets\":[0,8]}}", NULL, NN_ERROR_FORMAT}, /* 4 times it is 8 */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]}}", "overflows", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551616],\"data_offsets\":[0,8]}}", "2^64", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2,1,1,1,1,1,1,1,1],\"data_offsets\":[0,8]}}", "8 dimensions", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "outside", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", "outside", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[18446744073709551608,0]}}", "outside", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "two numbers", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,16]}}", "two numbers", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-1,8]}}", "negative", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "cut short, or something was added", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "begins at byte 4", NN_ERROR_FORMAT},
    {"{\"a\":{" TENSOR "},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "begins at byte 4", NN_ERROR_FORMAT},
    {"{\"a\":{" TENSOR "},\"b\":{" TENSOR "}}", "begins at byte 0", NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[2,8]}}", "begins at byte 2",
     NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "two tensors",
     NN_ERROR_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "two tensors",
     NN_ERROR_FORMAT},
    {"{\"__metadata__\":{\"a\":1},\"a\":{" TENSOR "}}", "string", NN_ERROR_FORMAT},
    {"{\"__metadata__\":[],\"a\":{" TENSOR "}}", "object", NN_ERROR_FORMAT},
    {"{\"__metadata__\":{},\"__metadata__\":{},\"a\":{" TENSOR "}}", "twice", NN_ERROR_FORMAT},
    {"{\"__metadata__\":{\"a\":\"\",\"a\":\"\"},\"a\":{" TENSOR "}}", "twice", NN_ERROR_FORMAT},
    {"{\"\\u005f_metadata__\":{\"a\":\"b\"},\"a\":{" TENSOR "}}", "other words", NN_ERROR_FORMAT},
    {"{\"\\u005f_metadata__\":{},\"a\":{" TENSOR "}}", "ambiguous", NN_ERROR_FORMAT},
    {"{\"a\":{" TENSOR "}}", "no network", NN_ERROR_FORMAT},
    {"{\"__metadata__\":{\"nn.format\":\"1\"},\"a\":{" TENSOR "}}", "checksum", NN_ERROR_FORMAT},
    {"{\"__metadata__\":{\"nn.checksum\":\"0000000000000000\"},\"a\":{" TENSOR "}}", "checksum", NN_ERROR_FORMAT},
};

static void lying(void) {
    static const char data[8] = {0};
    for (size_t i = 0; i < COUNT(lies); i++) {
        container c = container_of(lies[i].header, strlen(lies[i].header), data, sizeof data);
        test_case("%s", lies[i].header);
        refused(&c, lies[i].status, lies[i].word);
        free(c.bytes);
    }
    static const uint64_t lengths[] = {0, 1, 7, 9, 100000001, (uint64_t)1 << 31, (uint64_t)1 << 32, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        container c = container_of("{}      ", 8, NULL, 0);
        container_length(c.bytes, lengths[i]);
        test_case("a header of %llu bytes", (unsigned long long)lengths[i]);
        refused(&c, NN_ERROR_FORMAT, NULL);
        free(c.bytes);
    }
}

/* Brackets without end, very many tensors, texts and digits: all within the file's size in memory, and fast. */
static void monstrous(void) {
    const size_t n = test_quick() ? 200000 : 3000000;
    char *header = (char *)malloc(n + 100);
    static const char *const repeated[] = {"[", "{\"a\":", "0", "[],", " ", "\"", "\\u0041"};
    for (size_t i = 0; i < COUNT(repeated); i++) {
        size_t at = (size_t)sprintf(header, i == 6 ? "{\"" : "{\"a\":");
        while (at + 10 < n) at += (size_t)sprintf(header + at, "%s", repeated[i]);
        container c = container_of(header, at, NULL, 0);
        test_case("very many %s", repeated[i]);
        refused(&c, NN_ERROR_FORMAT, NULL);
        free(c.bytes);
    }
    for (size_t count = 16383; count < 16387; count += 3) { /* as many as are read, and more */
        char *many = (char *)malloc(count * 80 + 10), *at = many;
        for (size_t i = 0; i < count; i++)
            at += sprintf(at, "%c\"t%zu\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}", i ? ',' : '{', i, i, i + 1);
        *at++ = '}';
        char *data = (char *)calloc(count, 1);
        container c = container_of(many, (size_t)(at - many), data, count);
        test_case("%zu tensors", count);
        refused(&c, count > 16384 ? NN_ERROR_UNSUPPORTED : NN_ERROR_FORMAT, count > 16384 ? "16384" : "no network");
        free(c.bytes);
        free(data);
        free(many);
    }
    free(header);
}

/* ---- networks that lie: right checksums around wrong words ---- */

/* A copy with `from` replaced by `to` in its header, sealed again. */
static container changed(const container *whole, const char *from, const char *to) {
    const size_t header = (size_t)container_header(whole), m = strlen(from), n = strlen(to);
    char *text = (char *)malloc(header + n + 16);
    memcpy(text, whole->bytes + 8, header);
    text[header] = '\0';
    char *at = strstr(text, from);
    if (!CHECK(at != NULL)) printf("%s is not in the header\n", from), abort();
    memmove(at + n, at + m, header - (size_t)(at - text) - m);
    memcpy(at, to, n);
    container c = container_of(text, header + n - m, whole->bytes + 8 + header, whole->size - 8 - header);
    container_seal(&c);
    free(text);
    return c;
}

#define Q "\\\""
static const struct {
    const char *from, *to, *word;
    nn_status status; /* NN_STATUS_COUNT: any failure */
} changes[] = {
    {Q "batch" Q ":2", Q "batch" Q ":0", "batch", NN_ERROR_SIZE},
    {Q "batch" Q ":2", Q "batch" Q ":2147483648", "batch", NN_ERROR_SIZE},
    {Q "batch" Q ":2", Q "batch" Q ":18446744073709551616", "2^64", NN_ERROR_FORMAT},
    {Q "batch" Q ":2", Q "batch" Q ":-1", "whole", NN_ERROR_FORMAT},
    {Q "batch" Q ":2,", "", "no batch", NN_ERROR_FORMAT},
    {Q "batch" Q ":2,", Q "batch" Q ":2," Q "batch" Q ":2,", "twice", NN_ERROR_FORMAT},
    {"\"nn.format\":\"1\"", "\"nn.format\":\"2\"", "format 2", NN_ERROR_UNSUPPORTED},
    {"\"nn.format\":\"1\"", "\"nn.format\":\"0\"", "format 0", NN_ERROR_UNSUPPORTED},
    {"\"nn.format\":\"1\"", "\"nn.format\":\"x\"", "nn.format", NN_ERROR_FORMAT},
    {"\"nn.format\":\"1\",", "", "nn.format", NN_ERROR_FORMAT},
    {"\"nn.seed\":\"1\"", "\"nn.seed\":\"18446744073709551616\"", "nn.seed", NN_ERROR_FORMAT},
    {"\"nn.step\":\"0\",", "", "nn.step", NN_ERROR_FORMAT},
    {"\"nn.model\"", "\"nn.mobel\"", "no network", NN_ERROR_FORMAT},
    {"\"nn.checksum\"", "\"nn.checksun\"", "checksum", NN_ERROR_FORMAT},
    {Q "op" Q ":" Q "conv2d" Q, Q "op" Q ":" Q "conv9d" Q, "kind of node", NN_ERROR_FORMAT},
    {Q "op" Q ":" Q "conv2d" Q ",", "", "begin with", NN_ERROR_FORMAT},
    {Q "name" Q ":" Q "conv2d_1" Q ",", "", "lacks", NN_ERROR_FORMAT},
    {Q "name" Q ":" Q "conv2d_1" Q ",", Q "name" Q ":" Q "input_1" Q ",", "another node", NN_ERROR_FORMAT},
    {Q "name" Q ":" Q "conv2d_1" Q ",", Q "name" Q ":" Q "a.b" Q ",", "dot", NN_ERROR_FORMAT},
    {Q "name" Q ":" Q "conv2d_1" Q ",", Q "name" Q ":" Q Q ",", "characters", NN_ERROR_FORMAT},
    {Q "from" Q ":[" Q "input_1" Q "]", Q "from" Q ":[" Q "conv2d_1" Q "]", "before it", NN_ERROR_FORMAT},
    {Q "from" Q ":[" Q "input_1" Q "]", Q "from" Q ":[]", "inputs", NN_ERROR_FORMAT},
    {Q "from" Q ":[" Q "input_1" Q "]", Q "from" Q ":[" Q "input_1" Q "," Q "input_1" Q "]", "inputs", NN_ERROR_FORMAT},
    {Q "from" Q ":[" Q "input_1" Q "]", Q "from" Q ":[" Q "input_1" Q "]," Q "from" Q ":[" Q "input_1" Q "]", "twice", NN_ERROR_FORMAT},
    {Q "from" Q ":[" Q "input_1" Q "]", Q "from" Q ":" Q "input_1" Q, "array", NN_ERROR_FORMAT},
    {Q "filters" Q ":2", Q "filters" Q ":0", "filters", NN_ERROR_FORMAT},
    {Q "filters" Q ":2", Q "filters" Q ":3", "shape", NN_ERROR_FORMAT},
    {Q "filters" Q ":2", Q "filters" Q ":4294967296", NULL, NN_STATUS_COUNT},
    {Q "filters" Q ":2", Q "filters" Q ":9223372036854775808", NULL, NN_STATUS_COUNT},
    {Q "filters" Q ":2", Q "filters" Q ":2," Q "filters" Q ":2", "twice", NN_ERROR_FORMAT},
    {Q "filters" Q ":2", Q "filtres" Q ":2", "does not have", NN_ERROR_FORMAT},
    {Q "filters" Q ":2", Q "filters" Q ":2," Q "groups" Q ":7", "groups", NN_ERROR_FORMAT},
    {Q "filters" Q ":2", Q "filters" Q ":2," Q "pad_top" Q ":18446744073709551615", NULL, NN_STATUS_COUNT},
    {Q "filters" Q ":2", Q "filters" Q ":2," Q "pad_top" Q ":1000000", NULL, NN_STATUS_COUNT},
    {Q "filters" Q ":2", Q "filters" Q ":2," Q "wants_value" Q ":1", "true or false", NN_ERROR_FORMAT},
    {Q "bias" Q ":true", Q "bias" Q ":false", NULL, NN_OK}, /* a tensor too many, as training state is */
    {Q "height" Q ":2", Q "height" Q ":2147483648", NULL, NN_STATUS_COUNT},
    {Q "height" Q ":2", Q "height" Q ":0", NULL, NN_ERROR_FORMAT},
    {Q "units" Q ":3", Q "units" Q ":4611686018427387904", NULL, NN_STATUS_COUNT},
    {Q "units" Q ":3", Q "units" Q ":3," Q "like" Q ":" Q "conv2d_1" Q, "is none", NN_ERROR_FORMAT},
    {Q "units" Q ":3", Q "units" Q ":3," Q "like" Q ":" Q "dense_1" Q, "not there", NN_ERROR_FORMAT},
    {Q "keep" Q ":0.5", Q "keep" Q ":0.0", "keep", NN_ERROR_FORMAT},
    {Q "keep" Q ":0.5", Q "keep" Q ":1e999", "too large", NN_ERROR_FORMAT},
    {Q "keep" Q ":0.5", Q "keep" Q ":" Q "nan" Q, "keep", NN_ERROR_FORMAT},
    {Q "slope" Q ":0.01", Q "slope" Q ":-1", "slope", NN_ERROR_FORMAT},
    {Q "epsilon" Q ":1e-05", Q "epsilon" Q ":0", "epsilon", NN_ERROR_FORMAT},
    {Q "groups" Q ":1", Q "groups" Q ":1," Q "folded" Q ":true", NULL, NN_OK}, /* it could be: what follows is missing then */
    {Q "prediction" Q ":" Q "softmax_1" Q, Q "prediction" Q ":" Q "input_1" Q, "prediction", NN_ERROR_FORMAT},
    {Q "prediction" Q ":" Q "softmax_1" Q, Q "prediction" Q ":" Q "conv2d_1" Q, "prediction", NN_ERROR_FORMAT},
    {Q "prediction" Q ":" Q "softmax_1" Q, Q "loss" Q ":" Q "none" Q, "cannot have", NN_ERROR_FORMAT},
    {Q "prediction" Q ":" Q "softmax_1" Q, Q "parameters" Q ":{}," Q "frozen" Q ":true", "follows", NN_ERROR_FORMAT},
    {Q "prediction" Q ":" Q "softmax_1" Q, Q "parameters" Q ":{" Q "weights" Q ":{}}", "parameter", NN_ERROR_FORMAT},
    {"\"conv2d_1.weights\"", "\"conv2d_1.wights\"", "conv2d_1.weights", NN_ERROR_FORMAT},
    {"\"shape\":[1,1,1,2]", "\"shape\":[1,1,2,1]", "shape", NN_ERROR_FORMAT},
    {"\"shape\":[1,1,1,2]", "\"shape\":[1,1,1,1,2]", "shape", NN_ERROR_FORMAT},
    {"\"F32\",\"shape\":[1,1,1,2]", "\"I32\",\"shape\":[1,1,1,2]", "shape", NN_ERROR_FORMAT},
};

static void lying_networks(const container *whole) {
    nn_report report;
    CHECK(load(whole, &report) == NN_OK);
    for (size_t i = 0; i < COUNT(changes); i++) {
        container c = changed(whole, changes[i].from, changes[i].to);
        test_case("%s becomes %s", changes[i].from, changes[i].to);
        const nn_status status = load(&c, &report);
        const int expected = changes[i].status == NN_STATUS_COUNT ? status != NN_OK : status == changes[i].status;
        if (!CHECK(expected && (!changes[i].word || strstr(report.sentence, changes[i].word))))
            printf("%s: %s\n", nn_status_name(status), report.sentence);
        free(c.bytes);
    }
}

/* ---- at random ---- */

static void mutate(container *c, uint64_t *state) {
    static const char *const numbers[] = {"0", "1", "2", "-1", "3.5", "1e400", "2147483648", "4294967296", "9223372036854775808",
                                          "18446744073709551615", "18446744073709551616", "\"x\"", "[]", "{}", "null", "true", "65536"};
    const size_t header = (size_t)container_header(c), at = 8 + test_below(state, header), length = test_below(state, 20);
    if (test_below(state, 3)) { /* a number of the header becomes another */
        size_t digit = at, digits = 0;
        while (digit < 8 + header && !(c->bytes[digit] >= '0' && c->bytes[digit] <= '9')) digit++;
        while (digit + digits < 8 + header && c->bytes[digit + digits] >= '0' && c->bytes[digit + digits] <= '9') digits++;
        const char *text = numbers[test_below(state, COUNT(numbers))];
        const size_t n = strlen(text);
        unsigned char *bytes = (unsigned char *)malloc(c->size + n + 1);
        memcpy(bytes, c->bytes, digit);
        memcpy(bytes + digit, text, n);
        memcpy(bytes + digit + n, c->bytes + digit + digits, c->size - digit - digits);
        free(c->bytes);
        c->bytes = bytes;
        c->size += n - digits;
        container_length(c->bytes, header + n - digits);
    } else if (test_below(state, 2)) {
        c->bytes[at] = "{}[]\",:\\0aeF "[test_below(state, 13)];
    } else { /* one part over another */
        const size_t from = 8 + test_below(state, header), n = at > from ? c->size - at : c->size - from;
        memmove(c->bytes + at, c->bytes + from, n < length ? n : length);
    }
}

static void at_random(const container *whole) {
    uint64_t state = 12;
    const size_t times = test_quick() ? 2000 : 30000;
    size_t counts[NN_STATUS_COUNT] = {0};
    sound = 0;
    for (size_t i = 0; i < times; i++) {
        container c = {(unsigned char *)malloc(whole->size + 1), whole->size};
        nn_report report;
        memcpy(c.bytes, whole->bytes, whole->size);
        for (size_t n = 1 + test_below(&state, 3); n > 0; n--) mutate(&c, &state);
        container_seal(&c);
        test_case("mutation %zu", i);
        counts[load(&c, &report)]++;
        free(c.bytes);
    }
    test_case("mutations");
    CHECK(sound > times / 100 && sound < times / 2); /* some changes harm nothing: a batch, a slope */
    CHECK(counts[NN_ERROR_FORMAT] > times / 2 && counts[NN_ERROR_MEMORY] == 0);
    printf("%zu mutations: %zu sound, %zu malformed, %zu too large\n", times, sound, counts[NN_ERROR_FORMAT], counts[NN_ERROR_SIZE]);
}

/* ---- from the disk ---- */

static void from_disk(const container *whole) {
    counted count;
    nn_report report;
    const nn_allocator allocator = counted_allocator(&count);
    const nn_model_load_desc d = {.allocator = &allocator};
    for (size_t size = 0; size < whole->size; size += 97) {
        nn_model *m = victim;
        file_write(file_path("bad"), whole->bytes, size);
        test_case("a file of %zu bytes", size);
        count.peak = 0;
        CHECK(nn_model_load(&m, file_path("bad"), &d, &report) == NN_ERROR_FORMAT && !m && strstr(report.sentence, file_path("bad")));
        CHECK(count.live == 0 && count.peak <= size + SLACK);
        CHECK(nn_weights_load(victim, file_path("bad"), NULL, NULL) == NN_ERROR_FORMAT && strstr(nn_error(victim), file_path("bad")));
        CHECK(victim_unchanged());
    }
    file_count(1);
}

int main(void) {
    begin_victim();
    nn_model *m = small_model();
    container whole = container_of_model(m);
    damaged(&whole);
    lying();
    monstrous();
    lying_networks(&whole);
    at_random(&whole);
    from_disk(&whole);
    free(whole.bytes);
    nn_model_free(m);
    nn_model_free(victim);
    free(before);
    return test_end("file_bad");
}
