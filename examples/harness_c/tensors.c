#include "tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

File read_file(const char *path) {
    FILE *stream = fopen(path, "rb");
    if (!stream) fail("cannot read", path);
    uint64_t length = 0;
    for (int i = 0; i < 8; i++) length |= (uint64_t)(unsigned char)fgetc(stream) << 8 * i;
    fseek(stream, 0, SEEK_END);
    uint64_t size = (uint64_t)ftell(stream);
    if (size < 8 || length > size - 8) fail("not a safetensors file", path);
    File file = {need(length + 1, 1), need(size - 8 - length, 1), size - 8 - length};
    fseek(stream, 8, SEEK_SET);
    if (fread(file.header, 1, length, stream) != length || fread(file.bytes, 1, file.length, stream) != file.length)
        fail("cannot read all of", path);
    fclose(stream);
    return file;
}

bool has_tensor(const File *file, const char *name) { return json_member(file->header, name) != NULL; }

Tensor read_tensor(const File *file, const char *name) {
    const char *entry = json_member(file->header, name);
    if (!entry) fail("the file lacks the tensor", name);
    const char *shape = json_member(entry, "shape"), *offsets = json_member(entry, "data_offsets");
    Tensor tensor = {.count = 1};
    for (const char *item; (item = json_item(shape, tensor.rank)); tensor.rank++) {
        if (tensor.rank == 8) fail("more than eight axes", name);
        tensor.count *= tensor.shape[tensor.rank] = json_count(item);
    }
    bool single = json_is(json_member(entry, "dtype"), "F32");
    if (!single && !json_is(json_member(entry, "dtype"), "F64")) fail("neither F32 nor F64", name);
    size_t start = json_count(json_item(offsets, 0)), end = json_count(json_item(offsets, 1));
    if (end > file->length || start > end || (end - start) / (single ? 4 : 8) != tensor.count)
        fail("offsets that do not fit the shape", name);
    tensor.data = need(tensor.count, sizeof(double));
    if (!single) memcpy(tensor.data, file->bytes + start, end - start);
    for (size_t i = 0; single && i < tensor.count; i++) {
        float value;
        memcpy(&value, file->bytes + start + 4 * i, 4);
        tensor.data[i] = value;
    }
    return tensor;
}

void close_file(File *file) {
    free(file->header);
    free(file->bytes);
}

static unsigned char *add(Answer *answer, const char *name, const char *dtype, size_t width, size_t rank,
                          const size_t *shape, size_t *count) {
    char *to = answer->header, *stop = to + sizeof answer->header;
    *count = 1;
    size_t at = strlen(to);
    at += (size_t)snprintf(to + at, (size_t)(stop - to) - at, "%c\"%s\":{\"dtype\":\"%s\",\"shape\":[", at ? ',' : '{', name, dtype);
    for (size_t i = 0; i < rank; i++) {
        *count *= shape[i];
        at += (size_t)snprintf(to + at, (size_t)(stop - to) - at, "%s%zu", i ? "," : "", shape[i]);
    }
    size_t start = answer->length;
    answer->length += *count * width;
    snprintf(to + at, (size_t)(stop - to) - at, "],\"data_offsets\":[%zu,%zu]}", start, answer->length);
    answer->bytes = realloc(answer->bytes, answer->length + 1);
    if (!answer->bytes) fail("out of memory for", name);
    return answer->bytes + start;
}

void add_numbers(Answer *answer, const char *name, bool single, size_t rank, const size_t *shape, const double *data) {
    size_t count;
    unsigned char *to = add(answer, name, single ? "F32" : "F64", single ? 4 : 8, rank, shape, &count);
    if (!single) memcpy(to, data, count * 8);
    for (size_t i = 0; single && i < count; i++) {
        float value = (float)data[i];  // the rounding of a returned value (PRC-4)
        memcpy(to + 4 * i, &value, 4);
    }
}

void add_ids(Answer *answer, const char *name, size_t rank, const size_t *shape, const int64_t *data) {
    size_t count;
    unsigned char *to = add(answer, name, "I64", 8, rank, shape, &count);
    memcpy(to, data, count * 8);
}

void write_answer(Answer *answer, const char *path) {
    strcat(answer->header, "}");
    FILE *stream = fopen(path, "wb");
    if (!stream) fail("cannot write", path);
    uint64_t length = strlen(answer->header);
    for (int i = 0; i < 8; i++) fputc((int)(length >> 8 * i & 255), stream);
    fputs(answer->header, stream);
    fwrite(answer->bytes, 1, answer->length, stream);
    if (fclose(stream)) fail("cannot write all of", path);
    free(answer->bytes);
}
