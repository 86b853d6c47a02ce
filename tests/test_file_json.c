/* test_file_json.c - the parts that files are read with: JSON, numbers as text, the checksum */
#include "internal.h"
#include "test.h"

#include <locale.h>

/* ---- JSON ---- */

static const char *check(const char *text) {
    static char copy[4096];
    snprintf(copy, sizeof copy, "%s", text);
    return test_nni_json_check(copy, strlen(copy));
}

static void whole_texts(void) {
    static const char *const good[] = {"{}", " [ ] ", "0", "-0.5e+10", "1E-2", "\"\"", "true", "false", "null", "[1,2,[3,{\"a\":[]}]]",
                                       "{\"a\":{\"b\":{}},\"c\":[{},{}]}", "\"\\u00e4\\ud834\\udd1e\\n\\/\"", "\"\xc3\xa4\xf0\x9d\x84\x9e\"",
                                       "\t\r\n {\"a\" : 1 , \"b\" : [ 1 , 2 ] } "};
    static const char *const bad[] = {"", "{", "}", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1 \"b\":2}", "[1 2]",
                                      "01", "1.", ".5", "+1", "1e", "1e+", "-", "--1", "0x1", "nan", "Infinity", "tru", "\"", "\"a", "\"\\\"",
                                      "\"\\x\"", "\"\\u12\"", "\"\\u123g\"", "\"\\ud834\"", "\"\\ud834\\u0041\"", "\"\\udd1e\"", "\"\\u0000\"",
                                      "\"\x01\"", "\"\n\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xc3\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"",
                                      "\"\xf0\x80\x80\x80\"", "\"\xf4\x90\x80\x80\"", "\"\x80\"", "[}", "{]", "[1}", "{\"a\":1]", "1 2", "{} {}",
                                      "[1]]", "truefalse"};
    for (size_t i = 0; i < COUNT(good); i++) {
        test_case("%s", good[i]);
        CHECK(check(good[i]) == NULL);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        test_case("bad %s", bad[i]);
        CHECK(check(bad[i]) != NULL);
    }
    char deep[4096];
    for (size_t depth = 60; depth < 70; depth++)
        for (int objects = 0; objects < 2; objects++) {
            char *at = deep;
            for (size_t i = 0; i < depth; i++) at += sprintf(at, objects ? "{\"a\":" : "[");
            at += sprintf(at, "1");
            for (size_t i = 0; i < depth; i++) *at++ = objects ? '}' : ']';
            *at = '\0';
            test_case("%zu brackets", depth);
            CHECK((check(deep) == NULL) == (depth <= 64));
        }
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    CHECK(strstr(check(deep), "64") != NULL);
}

static void strings(void) {
    static const char *const cases[][2] = {{"\"\"", ""}, {"\"a\\\"b\\\\c\\/\"", "a\"b\\c/"}, {"\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t"},
                                           {"\"\\u0041\\u00E4\\u20ac\\uD834\\uDD1E!\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e!"},
                                           {"\"\\uffff\\u07ff\\u0800\"", "\xef\xbf\xbf\xdf\xbf\xe0\xa0\x80"}, {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128];
        snprintf(text, sizeof text, "%s", cases[i][0]);
        const char *got = test_nni_json_string(text, strlen(text));
        test_case("%s", cases[i][0]);
        CHECK(got && strcmp(got, cases[i][1]) == 0);
    }
}

static void whole_numbers(void) {
    static const struct { const char *text; int fine; uint64_t value; } cases[] = {
        {"0", 1, 0}, {"18446744073709551615", 1, UINT64_MAX}, {"9223372036854775808", 1, (uint64_t)1 << 63}, {"18446744073709551616", 0, 0},
        {"99999999999999999999999999", 0, 0}, {"-1", 0, 0}, {"1.0", 0, 0}, {"1e3", 0, 0}, {"", 0, 0}, {"007", 0, 0}, {"-0", 0, 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        uint64_t value = 0;
        snprintf(text, sizeof text, "%s", cases[i].text);
        test_case("\"%s\"", text);
        CHECK(test_nni_json_uint(text, &value) == cases[i].fine && (!cases[i].fine || value == cases[i].value));
    }
}

/* ---- numbers as text and back ---- */

static void round_trip(double value, int single) {
    char text[64];
    double back = 0;
    test_nni_write_number(text, sizeof text, value, single);
    test_case("%a as %s", value, text);
    CHECK(strchr(text, ',') == NULL && strlen(text) <= (single ? 15u : 25u));
    CHECK(test_nni_json_double(text, &back));
    if (single) CHECK(same_bits((float)back, (float)value));
    else CHECK(memcmp(&back, &value, sizeof back) == 0 || (back != back && value != value));
}

static void numbers(void) {
    uint64_t state = 4;
    const size_t times = test_quick() ? 2000 : 20000;
    for (size_t i = 0; i < times; i++) {
        const uint64_t bits = test_random(&state);
        double wide;
        memcpy(&wide, &bits, sizeof wide);
        if (wide == wide) round_trip(wide, 0);
        const float narrow = float_of((uint32_t)bits);
        if (narrow == narrow) round_trip((double)narrow, 1);
    }
    static const float special[] = {0, -0.0f, 1, 0.1f, 1e-45f, 3.4028234664e38f, 16777216, INFINITY, -INFINITY, NAN, 1.17549435e-38f, 0.01f};
    for (size_t i = 0; i < COUNT(special); i++) round_trip((double)special[i], 1), round_trip((double)special[i], 0);
    char text[32];
    test_nni_write_number(text, sizeof text, (double)0.01f, 1);
    CHECK(strcmp(text, "0.01") == 0);
    static const char *const bad[] = {"1e999", "-1e999", "\"x\"", "\"\"", "\"infinity\"", "", "true",
                                      "0.00000000000000000000000000000000000000000000000000000000000000000000000001"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char copy[128];
        double value;
        snprintf(copy, sizeof copy, "%s", bad[i]);
        test_case("no number: %s", bad[i]);
        CHECK(!test_nni_json_double(copy, &value));
    }
}

/* With a comma in place of the point, where such a locale is installed. */
static void other_locale(void) {
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "de_DE.utf8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        test.skipped++;
        return;
    }
    CHECK(strtod("0,5", NULL) == 0.5);
    numbers();
    setlocale(LC_NUMERIC, "C");
}

/* ---- the checksum ---- */

static uint64_t slow_crc(const unsigned char *bytes, size_t n) {
    uint64_t crc = ~(uint64_t)0;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xc96c5795d7870f42u : crc >> 1;
    }
    return ~crc;
}

static void checksum(void) {
    unsigned char bytes[300];
    uint64_t state = 6;
    test_case("CRC-64/XZ of 123456789");
    CHECK(test_nni_checksum("123456789", 9) == 0x995dc9bbdf1939fau);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)test_random(&state);
    for (size_t n = 0; n < 200; n++)
        for (size_t skew = 0; skew < 8; skew++) {
            test_case("%zu bytes from %zu", n, skew);
            CHECK(test_nni_checksum(bytes + skew, n) == slow_crc(bytes + skew, n));
        }
}

int main(void) {
    whole_texts();
    strings();
    whole_numbers();
    numbers();
    other_locale();
    checksum();
    return test_end("file_json");
}
