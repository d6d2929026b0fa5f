#pragma once
#include <stdint.h>

// Prints the first `count` entries of a tensor, one a line: the bits of the number as float64, in hexadecimal.
void generate(uint64_t seed, const char *name, int bits, int exponent, uint64_t count);
