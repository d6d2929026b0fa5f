// The layer of SPEC.md, one token at a time, every number a double. In the precision float32, only half scores, scores,
// gates and y are rounded to float. All other computation may have more precision (PRC-2).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t d_model, d_out, heads, n, top_k, d_key, key_heads;
    double (*activation)(double);
    bool sigmoid, single;                           // single: the compute dtype is float32
    const double *query, *bias, *keys, *u, *v, *w;  // bias and w are NULL where the configuration has none
} Layer;

// One token: from x [D] to y [M] and the routing, [h, k] each.
void forward(const Layer *layer, const double *x, double *y, double *scores, int64_t *ids, double *gates);
// From one pair of half scores [n] each to the first k experts of the selection order (SEL-1).
void select_experts(const double *s1, const double *s2, size_t n, size_t k, bool single, double *scores, int64_t *ids);

double relu(double a), gelu(double a), gelu_tanh(double a), silu(double a), identity(double a);
