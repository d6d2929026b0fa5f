#pragma once
#include <stdint.h>

// Prints the first `count` entries of a tensor, one per line: the bits of the float64 number in hexadecimal.
void generate(uint64_t seed, const char *name, int bits, int exponent, uint64_t count);
