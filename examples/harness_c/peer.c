// The program that `peerspec check --command ./peer` runs to judge the PEER layer in C: docs/any-language.md.
//
// It reads one JSON object per line from standard input and answers each with one line on standard output. Tensors are
// exchanged in files.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "json.h"
#include "layer.h"
#include "tensors.h"

#define HELLO                                                                                          \
    "{\"reply\": \"start\", \"protocol\": 1, \"name\": \"C\", \"methods\": [\"forward\", \"select\"], " \
    "\"profiles\": [\"float32\", \"float64\", \"select\", \"query-bias\", \"glu\", \"sigmoid\", \"per-head-keys\"]}"

static double (*find_activation(const char *config))(double) {
    static const struct { const char *name; double (*function)(double); } known[] = {
        {"relu", relu}, {"gelu", gelu}, {"gelu_tanh", gelu_tanh}, {"silu", silu}, {"identity", identity}};
    const char *name = json_member(config, "activation");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (json_is(name, known[i].name)) return known[i].function;
    fail("an unknown activation", name);  // CFG-5: never guess
}

static size_t isqrt(size_t square) {
    size_t root = 0;
    while ((root + 1) * (root + 1) <= square) root++;
    return root;
}

static const double *parameter(const File *file, const char *name) {
    return has_tensor(file, name) ? read_tensor(file, name).data : NULL;
}

static Layer open_layer(const char *message) {
    const char *config = json_member(message, "config");
    char *path = json_text(json_member(message, "layer"));
    File file = read_file(path);
    if (!json_is(json_member(config, "query_norm"), "none")) fail("this program has no query norm, got", config);
    Layer layer = {
        .d_model = json_count(json_member(config, "d_model")),
        .d_out = json_count(json_member(config, "d_out")),
        .heads = json_count(json_member(config, "heads")),
        .n = isqrt(json_count(json_member(config, "num_experts"))),
        .top_k = json_count(json_member(config, "top_k")),
        .d_key = json_count(json_member(config, "d_key")),
        .key_heads = json_count(json_member(config, "key_heads")),
        .activation = find_activation(config),
        .sigmoid = json_is(json_member(config, "gate"), "sigmoid"),
        .single = json_is(json_member(message, "dtype"), "float32"),
        .query = parameter(&file, "query.weight"),
        .bias = parameter(&file, "query.bias"),
        .keys = parameter(&file, "keys"),
        .u = parameter(&file, "experts.u"),
        .v = parameter(&file, "experts.v"),
        .w = parameter(&file, "experts.w"),
    };
    close_file(&file);
    free(path);
    return layer;
}

static void close_layer(const Layer *layer) {
    const double *tables[] = {layer->query, layer->bias, layer->keys, layer->u, layer->v, layer->w};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) free((void *)tables[i]);
}

// Mask and training mode affect only batch statistics, and this program claims no query norm (SHP-2).
static void answer_forward(const char *message, const File *inputs, Answer *answer) {
    Layer layer = open_layer(message);
    Tensor x = read_tensor(inputs, "x");
    size_t lead = x.rank - 1, tokens = 1, pairs = layer.heads * layer.top_k;
    for (size_t i = 0; i < lead; i++) tokens *= x.shape[i];  // SHP-1: leading axes are independent tokens
    double *y = need(tokens * layer.d_out, sizeof *y), *scores = need(tokens * pairs, sizeof *scores);
    double *gates = need(tokens * pairs, sizeof *gates);
    int64_t *ids = need(tokens * pairs, sizeof *ids);
    for (size_t t = 0; t < tokens; t++)
        forward(&layer, x.data + t * layer.d_model, y + t * layer.d_out, scores + t * pairs, ids + t * pairs, gates + t * pairs);

    size_t shape[10];
    memcpy(shape, x.shape, lead * sizeof *shape);
    shape[lead] = layer.d_out;
    add_numbers(answer, "y", layer.single, lead + 1, shape, y);
    shape[lead] = layer.heads;
    shape[lead + 1] = layer.top_k;
    add_numbers(answer, "scores", layer.single, lead + 2, shape, scores);
    add_ids(answer, "indices", lead + 2, shape, ids);
    add_numbers(answer, "gates", layer.single, lead + 2, shape, gates);
    free(y), free(scores), free(ids), free(gates), free(x.data);
    close_layer(&layer);
}

static void answer_select(const char *message, const File *inputs, Answer *answer) {
    Tensor s1 = read_tensor(inputs, "scores1"), s2 = read_tensor(inputs, "scores2");
    size_t last = s1.rank - 1, n = s1.shape[last], rows = n ? s1.count / n : 0, k = json_count(json_member(message, "k"));
    bool single = json_is(json_member(message, "dtype"), "float32");
    double *scores = need(rows * k, sizeof *scores);
    int64_t *ids = need(rows * k, sizeof *ids);
    for (size_t row = 0; row < rows; row++)
        select_experts(s1.data + row * n, s2.data + row * n, n, k, single, scores + row * k, ids + row * k);
    s1.shape[last] = k;
    add_numbers(answer, "scores", single, s1.rank, s1.shape, scores);
    add_ids(answer, "indices", s1.rank, s1.shape, ids);
    free(scores), free(ids), free(s1.data), free(s2.data);
}

static void answer(const char *message, const char *method) {
    char *from = json_text(json_member(message, "inputs")), *to = json_text(json_member(message, "answer"));
    File inputs = read_file(from);
    Answer answer = {0};
    (strcmp(method, "forward") ? answer_select : answer_forward)(message, &inputs, &answer);
    write_answer(&answer, to);
    close_file(&inputs);
    free(from), free(to);
    printf("{\"reply\": \"%s\"}\n", method);
}

static bool read_line(char **line, size_t *room) {
    size_t length = 0;
    for (int letter; (letter = getchar()) != EOF && letter != '\n'; (*line)[length++] = (char)letter)
        if (length + 2 > *room && !(*line = realloc(*line, *room = 2 * *room + 256))) fail("out of memory", "");
    if (*line) (*line)[length] = 0;
    return length > 0;
}

int main(int count, char **words) {
    if (count == 7 && !strcmp(words[1], "generate")) {
        generate(strtoull(words[2], NULL, 10), words[3], atoi(words[4]), atoi(words[5]), strtoull(words[6], NULL, 10));
        return 0;
    }
    if (count > 1) fail("usage: peer, or peer generate SEED NAME BITS EXPONENT COUNT; not", words[1]);
    char *line = NULL;
    for (size_t room = 0; read_line(&line, &room);) {
        char *method = json_text(json_member(line, "method"));
        bool stop = !strcmp(method, "stop");
        if (!strcmp(method, "start")) puts(HELLO);
        else if (!strcmp(method, "forward") || !strcmp(method, "select")) answer(line, method);
        else if (!stop) fail("an unknown method", method);
        free(method);
        fflush(stdout);  // otherwise the suite waits for a line that is still in the buffer
        if (stop) break;
    }
    free(line);
    return 0;
}
