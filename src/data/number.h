/* number.h - text to float, rounded correctly, whatever the locale */
#ifndef NN_NUMBER_H
#define NN_NUMBER_H

#include "../config.h"

#ifdef NN_IMPLEMENTATION

/* Unsigned integers of up to 960 bits, lowest word first: 128 digits and 10^180 fit. */
#define NNI_BIG_WORDS 30
typedef struct nni_big {
    uint32_t word[NNI_BIG_WORDS];
} nni_big;

static void nni_big_mul_add(nni_big *b, uint32_t factor, uint32_t term) {
    uint64_t carry = term;
    for (size_t i = 0; i < NNI_BIG_WORDS; i++) {
        carry += (uint64_t)b->word[i] * factor;
        b->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
}
static int nni_big_bits(const nni_big *b) {
    for (int i = NNI_BIG_WORDS - 1; i >= 0; i--)
        if (b->word[i]) return 32 * i + 32 - __builtin_clz(b->word[i]);
    return 0;
}
static void nni_big_shift(nni_big *b, int left) {
    const int words = left / 32, bits = left % 32;
    for (int i = NNI_BIG_WORDS - 1; i >= 0; i--) {
        const uint64_t high = i - words >= 0 ? b->word[i - words] : 0, low = i - words >= 1 ? b->word[i - words - 1] : 0;
        b->word[i] = (uint32_t)((high << 32 | low) >> (32 - bits));
    }
}
/* a -= b where a >= b; else 0 and nothing is changed. */
static int nni_big_take(nni_big *a, const nni_big *b) {
    nni_big rest;
    int64_t borrow = 0;
    for (size_t i = 0; i < NNI_BIG_WORDS; i++) {
        borrow += (int64_t)a->word[i] - (int64_t)b->word[i];
        rest.word[i] = (uint32_t)borrow;
        borrow = borrow < 0 ? -1 : 0;
    }
    if (borrow) return 0;
    *a = rest;
    return 1;
}

#define NNI_DIGITS 128 /* of a number; a last one stands for all that follow, of which only counts whether they are 0 */

/* A number as text: digits without leading zeros, times ten to a power. */
typedef struct nni_decimal {
    uint8_t digit[NNI_DIGITS + 1];
    int digits, power, negative;
} nni_decimal;

/* digits * 10^power, rounded once to nearest even: long division, one bit of the float at a time. Above all floats: infinity.
 */
static float nni_decimal_exact(const nni_decimal *d) {
    nni_big above, below;
    memset(&above, 0, sizeof above);
    memset(&below, 0, sizeof below);
    if (d->digits + d->power > 40) return __builtin_inff();
    if (d->digits + d->power < -50) return 0.0f;
    for (int i = 0; i < d->digits; i++) nni_big_mul_add(&above, 10, d->digit[i]);
    below.word[0] = 1;
    for (int i = 0; i < d->power; i++) nni_big_mul_add(&above, 10, 0);
    for (int i = 0; i > d->power; i--) nni_big_mul_add(&below, 10, 0);
    int exponent = nni_big_bits(&above) - nni_big_bits(&below); /* above / below is in [2^(exponent-1), 2^(exponent+1)) */
    if (exponent > 0) nni_big_shift(&below, exponent);
    else nni_big_shift(&above, -exponent);
    nni_big once = above;
    if (!nni_big_take(&once, &below)) {
        exponent--;
        nni_big_shift(&above, 1);
    }
    const int bits = exponent < -126 ? exponent + 150 : 24; /* fewer among the subnormals */
    if (bits < 0) return 0.0f;
    uint32_t fraction = 0;
    for (int i = 0; i < bits; i++) {
        fraction = 2 * fraction + (uint32_t)nni_big_take(&above, &below);
        nni_big_shift(&above, 1);
    }
    const int half = nni_big_take(&above, &below), more = nni_big_bits(&above) > 0; /* what is cut off: a half, and something
                                                                                       beside it */
    fraction += (uint32_t)(half & (more | (int)(fraction & 1)));
    /* As an integer, a float is its exponent above its fraction, and a carry out of the fraction is right. */
    const uint32_t word = exponent < -126 ? fraction : (uint32_t)(exponent + 126) * 0x800000u + fraction;
    float value;
    if (exponent > 127) return __builtin_inff();
    memcpy(&value, &word, sizeof value);
    return value;
}

/* Where digits and power are small, a double holds both, and one operation rounds once. Rounding that to a float is right too
 * unless it lies just between two floats. */
static float nni_decimal_value(const nni_decimal *d) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->digits == 0) return 0.0f;
    if (d->digits <= 15 && d->power >= -22 && d->power <= 22) {
        uint64_t whole = 0, bits;
        for (int i = 0; i < d->digits; i++) whole = 10 * whole + d->digit[i];
        const double value = d->power < 0 ? (double)whole / tens[-d->power] : (double)whole * tens[d->power];
        memcpy(&bits, &value, sizeof bits);
        if ((bits & 0x1fffffff) != 0x10000000 && value > 1.2e-38 && value < 3.4e38) return (float)value;
    }
    return nni_decimal_exact(d);
}

/* All n bytes of a text as a number: [+-] digits [point digits] [e [+-] digits]. 1: here it is. 0: it is none. -1: it is above
 * all floats. What lies nearer to 0 than the smallest float is 0. */
static NNI_UNUSED int nni_parse_float(float *value, const char *text, size_t n, char point) {
    nni_decimal d;
    size_t i = 0;
    int any = 0, behind = 0;
    d.digits = d.power = 0;
    d.negative = n && text[0] == '-';
    if (n && (text[0] == '-' || text[0] == '+')) i++;
    for (; i < n; i++) {
        if (text[i] == point && !behind) {
            behind = 1;
            continue;
        }
        if (text[i] < '0' || text[i] > '9') break;
        any = 1;
        if (d.power > 100000 || d.power < -100000) return 0; /* longer than any number */
        if (d.digits == 0 && text[i] == '0') d.power -= behind;
        else if (d.digits < NNI_DIGITS) {
            d.digit[d.digits++] = (uint8_t)(text[i] - '0');
            d.power -= behind;
        } else {
            d.digit[NNI_DIGITS - 1] |= text[i] != '0'; /* odd: no longer just between two floats */
            d.power += !behind;
        }
    }
    if (!any) return 0;
    if (i < n && (text[i] == 'e' || text[i] == 'E')) {
        const int minus = i + 1 < n && text[i + 1] == '-';
        int power = 0;
        i += 1 + (i + 1 < n && (text[i + 1] == '-' || text[i + 1] == '+'));
        if (i == n) return 0;
        for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) power = power < 1000000 ? 10 * power + text[i] - '0' : power;
        d.power += minus ? -power : power;
    }
    if (i != n) return 0;
    const float size = nni_decimal_value(&d);
    *value = d.negative ? -size : size;
    return size > 3.40282347e38f ? -1 : 1;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_NUMBER_H */
