// The inputs of the suite (SPEC.md, section 9.2): any entry of a tensor from its seed, name and index.
#include "generate.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint64_t word(uint64_t seed, const char *name, uint64_t index) {  // INP-1
    uint64_t f = 0xCBF29CE484222325u;
    for (; *name; name++) f = (f ^ (unsigned char)*name) * 0x100000001B3u;
    return mix(mix(seed ^ f) + (index + 1) * 0x9E3779B97F4A7C15u);
}

static double entry(uint64_t seed, const char *name, uint64_t index, int bits, int exponent) {  // INP-2
    int64_t r = (int64_t)(word(seed, name, index) >> (64 - bits));
    return ldexp((double)(r - (INT64_C(1) << (bits - 1))), exponent - bits + 1);
}

void generate(uint64_t seed, const char *name, int bits, int exponent, uint64_t count) {
    for (uint64_t index = 0; index < count; index++) {
        double value = entry(seed, name, index, bits, exponent);
        uint64_t pattern;
        memcpy(&pattern, &value, 8);
        printf("%016" PRIx64 "\n", pattern);
    }
}
