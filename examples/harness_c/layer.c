#include "layer.h"

#include <math.h>
#include <stdlib.h>

#include "json.h"

static const double PI = 3.14159265358979323846;

// A comparison and not fmax, because a NaN must stay a NaN (NFT-1).
double relu(double a) { return a < 0 ? 0 : a; }
double gelu(double a) { return 0.5 * a * (1 + erf(a / sqrt(2))); }
double gelu_tanh(double a) { return 0.5 * a * (1 + tanh(sqrt(2 / PI) * (a + 0.044715 * a * a * a))); }
double silu(double a) { return a / (1 + exp(-a)); }
double identity(double a) { return a; }

static double dot(const double *a, const double *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static double rounded(double value, bool single) { return single ? (float)value : value; }

// The positions of the k largest values, equal values by lower position. The comparison with < leaves equal values, also
// -0 and +0, in the order of their positions, and every position is valid even if there are NaNs (SEL-4, NFT-3).
static void stable_topk(const double *value, size_t count, size_t k, size_t *position) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (found == k && !(value[position[k - 1]] < value[i])) continue;
        size_t at = found < k ? found++ : k - 1;
        for (; at && value[position[at - 1]] < value[i]; at--) position[at] = position[at - 1];
        position[at] = i;
    }
}

// The two stages of section 2.2: the top k' of each half, then the top k cells of their grid, listed row by row. The sum
// of two floats is computed in double and then rounded to float, which gives the same as one rounding (SCO-4).
void select_experts(const double *s1, const double *s2, size_t n, size_t k, bool single, double *scores, int64_t *ids) {
    size_t side = k < n ? k : n;
    size_t *rank1 = need(side, sizeof *rank1), *rank2 = need(side, sizeof *rank2), *cell = need(k, sizeof *cell);
    double *sum = need(side * side, sizeof *sum);
    stable_topk(s1, n, side, rank1);
    stable_topk(s2, n, side, rank2);
    for (size_t a = 0; a < side; a++)
        for (size_t b = 0; b < side; b++) sum[a * side + b] = rounded(s1[rank1[a]] + s2[rank2[b]], single);
    stable_topk(sum, side * side, k, cell);
    for (size_t p = 0; p < k; p++) {
        scores[p] = sum[cell[p]];
        ids[p] = (int64_t)(rank1[cell[p] / side] * n + rank2[cell[p] % side]);  // IDX-1
    }
    free(rank1), free(rank2), free(cell), free(sum);
}

static void find_gates(const Layer *layer, const double *scores, double *gates) {
    double top = scores[0], sum = 0;
    for (size_t p = 0; p < layer->top_k; p++) top = scores[p] > top ? scores[p] : top;
    for (size_t p = 0; p < layer->top_k; p++) {
        if (layer->sigmoid) gates[p] = 1 / (1 + exp(-scores[p]));  // GAT-3
        else sum += gates[p] = exp(scores[p] - top);               // GAT-2
    }
    for (size_t p = 0; p < layer->top_k; p++)
        gates[p] = rounded(layer->sigmoid ? gates[p] : gates[p] / sum, layer->single);
}

static void half_scores(const Layer *layer, size_t head, size_t half, const double *query, double *scores) {
    size_t width = layer->d_key / 2, set = layer->key_heads == 1 ? 0 : head;  // SCO-3
    const double *keys = layer->keys + (set * 2 + half) * layer->n * width;
    for (size_t i = 0; i < layer->n; i++)
        scores[i] = rounded(dot(query + half * width, keys + i * width, width), layer->single);
}

void forward(const Layer *layer, const double *x, double *y, double *scores, int64_t *ids, double *gates) {
    size_t d = layer->d_key, width = layer->d_model;
    double *query = need(d, sizeof *query), *s1 = need(layer->n, sizeof *s1), *s2 = need(layer->n, sizeof *s2);
    for (size_t m = 0; m < layer->d_out; m++) y[m] = 0;
    for (size_t head = 0; head < layer->heads; head++, scores += layer->top_k, ids += layer->top_k, gates += layer->top_k) {
        for (size_t c = 0; c < d; c++) {
            size_t row = head * d + c;
            query[c] = dot(layer->query + row * width, x, width) + (layer->bias ? layer->bias[row] : 0);  // QRY-1
        }
        half_scores(layer, head, 0, query, s1);
        half_scores(layer, head, 1, query, s2);
        select_experts(s1, s2, layer->n, layer->top_k, layer->single, scores, ids);
        find_gates(layer, scores, gates);
        for (size_t p = 0; p < layer->top_k; p++) {
            size_t expert = (size_t)ids[p];
            double a = dot(layer->u + expert * width, x, width);
            double weight = layer->w ? layer->activation(dot(layer->w + expert * width, x, width)) * a  // EXP-2
                                     : layer->activation(a);                                            // EXP-1
            for (size_t m = 0; m < layer->d_out; m++)
                y[m] += gates[p] * weight * layer->v[expert * layer->d_out + m];  // OUT-1
        }
    }
    free(query), free(s1), free(s2);
}
