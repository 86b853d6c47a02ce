/* checksum.h - CRC-64, as xz has it: finds every damage within 64 bits, any two flipped bits, and all else but one in 2^64 */
#ifndef NN_FILE_CHECKSUM_H
#define NN_FILE_CHECKSUM_H

#include "../config.h"

#ifdef NN_IMPLEMENTATION

#include "dtype.h"

#define NNI_CRC_POLYNOMIAL 0xc96c5795d7870f42u /* of ECMA-182, lowest bit first */

/* Eight bytes at a time: table[k][b] is what byte b does with k more behind it. */
typedef struct nni_checksum {
    uint64_t table[8][256];
    uint64_t crc;
} nni_checksum;

static void nni_checksum_begin(nni_checksum *c) {
    for (uint32_t b = 0; b < 256; b++) {
        uint64_t crc = b;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? NNI_CRC_POLYNOMIAL : 0);
        c->table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++) c->table[k][b] = c->table[0][c->table[k - 1][b] & 255] ^ c->table[k - 1][b] >> 8;
    c->crc = ~(uint64_t)0;
}

static void nni_checksum_add(nni_checksum *c, const void *from, size_t n) {
    const unsigned char *bytes = (const unsigned char *)from;
    uint64_t crc = c->crc;
    for (; n >= 8; bytes += 8, n -= 8) {
        const uint64_t v = crc ^ nni_load_little(bytes, 8);
        crc = c->table[7][v & 255] ^ c->table[6][v >> 8 & 255] ^ c->table[5][v >> 16 & 255] ^ c->table[4][v >> 24 & 255] ^
              c->table[3][v >> 32 & 255] ^ c->table[2][v >> 40 & 255] ^ c->table[1][v >> 48 & 255] ^ c->table[0][v >> 56];
    }
    for (; n > 0; bytes++, n--) crc = c->table[0][(crc ^ *bytes) & 255] ^ crc >> 8;
    c->crc = crc;
}

static uint64_t nni_checksum_end(const nni_checksum *c) { return ~c->crc; }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_CHECKSUM_H */
