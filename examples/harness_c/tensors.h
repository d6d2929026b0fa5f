// safetensors files: the length of a JSON header in eight bytes, the header, then the numbers, little-endian.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *header;          // JSON: name -> dtype, shape, data_offsets
    unsigned char *bytes;  // data_offsets count from here
    size_t length;
} File;

typedef struct {
    size_t rank, shape[8], count;
    double *data;          // exact for float32 and float64
} Tensor;

File read_file(const char *path);
Tensor read_tensor(const File *file, const char *name);
bool has_tensor(const File *file, const char *name);
void close_file(File *file);

// An answer: tensors are added one by one, then written together.
typedef struct {
    char header[2048];
    unsigned char *bytes;
    size_t length;
} Answer;

void add_numbers(Answer *answer, const char *name, bool single, size_t rank, const size_t *shape, const double *data);
void add_ids(Answer *answer, const char *name, size_t rank, const size_t *shape, const int64_t *data);
void write_answer(Answer *answer, const char *path);
