/*
 * sha256 [MIB]: the SHA-256 (FIPS 180-4) of so many MiB of bytes that count up, the last 64 bytes of padding included.
 */
#include "rt.h"

typedef unsigned int word;

static const word constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static word rotate(word x, int by)
{
    return x >> by | x << (32 - by);
}

static void add_block(word hash[8], const unsigned char *block)
{
    word schedule[64], state[8];
    for (int i = 0; i < 16; i++)
        schedule[i] = (word)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        word a = schedule[i - 15], b = schedule[i - 2];
        schedule[i] = schedule[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + schedule[i - 7] +
                      (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(state, hash, sizeof state);
    for (int i = 0; i < 64; i++) {
        word a = state[0], e = state[4];
        word one = state[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & state[5]) ^ (~e & state[6])) +
                   constants[i] + schedule[i];
        word two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                   ((a & state[1]) ^ (a & state[2]) ^ (state[1] & state[2]));
        for (int j = 7; j > 0; j--)
            state[j] = state[j - 1];
        state[4] += one;
        state[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        hash[i] += state[i];
}

int main(int argc, char **argv)
{
    long mib = argc > 1 ? parse_long(argv[1]) : 16;
    word hash[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    static unsigned char block[64];
    for (long i = 0; i < mib * MIB; i += 64) {
        for (int j = 0; j < 64; j++)
            block[j] = i + j;
        add_block(hash, block);
    }
    unsigned long bits = 8 * mib * MIB;
    memset(block, 0, sizeof block);
    block[0] = 0x80;
    for (int i = 0; i < 8; i++)
        block[63 - i] = bits >> (8 * i);
    add_block(hash, block);
    for (int i = 0; i < 8; i++) {
        char digits[9];
        format_to(digits, sizeof digits, "%x", hash[i]);
        printf("%.*s%s", 8 - (int)strlen(digits), "00000000", digits);
    }
    printf("\n");
    return 0;
}
