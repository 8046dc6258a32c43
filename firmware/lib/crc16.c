#include "crc16.h"

/* The remainder of x^n modulo x^16 + x^12 + x^5 + 1, for the n that are needed. */
#define X16 0x1021
#define X17 0x2042
#define X18 0x4084
#define X19 0x8108
#define X20 0x1231
#define X21 0x2462
#define X22 0x48C4
#define X23 0x9188
#define X24 0x3331
#define X25 0x6662
#define X26 0xCCC4
#define X27 0x89A9
#define X28 0x0373
#define X29 0x06E6
#define X30 0x0DCC
#define X31 0x1B98
#define X32 0x3730
#define X33 0x6E60
#define X34 0xDCC0
#define X35 0xA9A1
#define X36 0x4363
#define X37 0x86C6
#define X38 0x1DAD
#define X39 0x3B5A

/* The CRC is linear: that of a byte is the sum of those of its bits. */
#define BIT(b, n, remainder) ((b) >> (n) & 1 ? (remainder) : 0)
#define ENTRY(b, r0, r1, r2, r3, r4, r5, r6, r7)                                                                     \
    BIT(b, 0, r0) ^ BIT(b, 1, r1) ^ BIT(b, 2, r2) ^ BIT(b, 3, r3) ^ BIT(b, 4, r4) ^ BIT(b, 5, r5) ^ BIT(b, 6, r6) ^ \
        BIT(b, 7, r7)
#define ENTRY_0(b) ENTRY(b, X16, X17, X18, X19, X20, X21, X22, X23)
#define ENTRY_1(b) ENTRY(b, X24, X25, X26, X27, X28, X29, X30, X31)
#define ENTRY_2(b) ENTRY(b, X32, X33, X34, X35, X36, X37, X38, X39)
#define ENTRIES_4(e, b) e(b), e((b) + 1), e((b) + 2), e((b) + 3)
#define ENTRIES_16(e, b) ENTRIES_4(e, b), ENTRIES_4(e, (b) + 4), ENTRIES_4(e, (b) + 8), ENTRIES_4(e, (b) + 12)
#define ENTRIES_64(e, b) ENTRIES_16(e, b), ENTRIES_16(e, (b) + 16), ENTRIES_16(e, (b) + 32), ENTRIES_16(e, (b) + 48)
#define ENTRIES(e) ENTRIES_64(e, 0), ENTRIES_64(e, 64), ENTRIES_64(e, 128), ENTRIES_64(e, 192)

const uint16_t crc16_table[3][256] = {{ENTRIES(ENTRY_0)}, {ENTRIES(ENTRY_1)}, {ENTRIES(ENTRY_2)}};

uint32_t crc16(const uint8_t *bytes, uint32_t size) {
    uint32_t crc = 0;
    for (const uint8_t *end = bytes + size; bytes != end; bytes++) crc = crc16_step(crc, *bytes);
    return crc;
}
