// What the core uses of XLA's C interface for foreign functions, version 0.1: the layouts are XLA's, the names are ours.
//
// Most structures begin with their size and a list of extensions, and XLA adds fields only at the end, so these are the
// structures of this version up to the last field that the core reads. What it does not read is a plain pointer. XLA
// accepts functions of an older version than its own. A test compares every field and code with the header of jaxlib.
#pragma once

#include <cstddef>
#include <cstdint>

namespace peerspec {
namespace xla {

constexpr int major_version = 0, minor_version = 1;

enum class Code : int { invalid_argument = 3, resource_exhausted = 8, out_of_range = 11, internal = 13 };
enum class Element : int { s32 = 4, s64 = 5, f16 = 10, f32 = 11, f64 = 12, bf16 = 16 };
enum class Attribute : int { array = 1, scalar = 3, text = 4 };
enum class Kind : int { metadata = 1 };

struct Context;  // of one call
struct Error;    // belongs to whoever gets it

struct Extension {
  size_t size;
  Kind kind;
  Extension* next;
};

struct Head {
  size_t size;
  Extension* extensions;
};

struct Version {
  Head head;
  int major, minor;
};

struct Metadata {
  size_t size;
  Version version;
  uint32_t traits;
};

struct MetadataExtension {
  Extension extension;
  Metadata* metadata;
};

struct Buffer {
  Head head;
  Element element;
  void* data;
  int64_t rank;
  int64_t* axes;
};

struct Text {
  const char* data;
  size_t size;
};

struct Scalar {
  Element element;
  void* value;
};

struct Numbers {
  Element element;
  size_t size;
  void* data;
};

// The arguments, or the results: each value is a Buffer.
struct Buffers {
  Head head;
  int64_t size;
  void* kinds;
  void** values;
};

struct Attributes {
  Head head;
  int64_t size;
  Attribute* kinds;
  Text** names;
  void** values;
};

struct Api;

struct CallFrame {
  Head head;
  const Api* api;
  Context* context;
  int stage;
  Buffers arguments, results;
  Attributes attributes;
};

struct ErrorCreate {
  Head head;
  const char* message;
  Code code;
};

struct ErrorDestroy {
  Head head;
  Error* error;
};

struct StreamGet {
  Head head;
  Context* context;
  void* stream;
};

struct Schedule {
  Head head;
  Context* context;
  void (*task)(void*);
  void* data;
};

struct NumThreads {
  Head head;
  Context* context;
  int64_t* threads;
};

struct Api {
  Head head;
  Version version;
  void* internal;
  Error* (*error_create)(ErrorCreate*);
  void* error_message;
  void (*error_destroy)(ErrorDestroy*);
  void* handler_register;
  Error* (*stream_get)(StreamGet*);
  void *type_register, *context_get, *state_set, *state_get, *memory_allocate, *memory_free;
  Error* (*schedule)(Schedule*);
  Error* (*num_threads)(NumThreads*);
};

}  // namespace xla
}  // namespace peerspec
