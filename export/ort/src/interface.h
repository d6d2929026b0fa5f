// What the kernels use of ONNX Runtime's C interface, version 17: the layouts are ONNX Runtime's, the names are ours.
//
// Tables of functions only grow at their ends, so every runtime since 1.17 has these functions in these places; what the
// kernels do not call is a plain pointer. A test compares every place and code with a real header.
#pragma once

#include <cstddef>
#include <cstdint>

namespace peerspec {
namespace ort {

constexpr uint32_t interface_version = 17;  // the first that gives kernels the thread pool of the session

enum class Code : int { fail = 1, invalid_argument = 2 };
enum class Element : int { undefined = 0, f32 = 1, i8 = 3, i64 = 7, f16 = 10, f64 = 11, bf16 = 16 };
enum class Characteristic : int { required = 0, optional = 1 };
enum class Memory : int { usual = 0 };

struct Status;  // null stands for success; else it belongs to whoever gets it
struct Value;
struct TensorInfo;
struct KernelInfo;
struct KernelContext;
struct CustomOpDomain;
struct SessionOptions;
struct Api;

// A kernel: its name, what it takes and returns, and the functions that make, run and destroy it. The runtime reads no
// field of a version later than `version`.
struct CustomOp {
  using Self = const CustomOp*;
  uint32_t version;
  void* create_without_status;
  const char* (*name_of)(Self);
  const char* (*provider)(Self);
  Element (*input_type)(Self, size_t);
  size_t (*num_inputs)(Self);
  Element (*output_type)(Self, size_t);
  size_t (*num_outputs)(Self);
  void* compute_without_status;
  void (*destroy)(void*);
  Characteristic (*input_characteristic)(Self, size_t);
  Characteristic (*output_characteristic)(Self, size_t);
  Memory (*input_memory)(Self, size_t);
  int (*least_variadic_inputs)(Self);
  int (*alike_variadic_inputs)(Self);
  int (*least_variadic_outputs)(Self);
  int (*alike_variadic_outputs)(Self);
  Status* (*create)(Self, const Api*, const KernelInfo*, void**);
  Status* (*compute)(void*, KernelContext*);
  void* infer_shapes;
  int (*first_version)(Self);
  int (*last_version)(Self);
};

struct Api {
  Status* (*create_status)(Code, const char*);
  void* from_1[25];
  Status* (*create_domain)(const char*, CustomOpDomain**);
  Status* (*add_to_domain)(CustomOpDomain*, const CustomOp*);
  Status* (*add_domain)(SessionOptions*, CustomOpDomain*);
  void* from_29[22];
  Status* (*tensor_data)(Value*, void**);
  void* from_52[8];
  Status* (*element_type)(const TensorInfo*, Element*);
  Status* (*rank)(const TensorInfo*, size_t*);
  Status* (*axes)(const TensorInfo*, int64_t*, size_t);
  void* from_63[2];
  Status* (*tensor_info)(const Value*, TensorInfo**);
  void* from_66[20];
  Status* (*integer_attribute)(const KernelInfo*, const char*, int64_t*);
  Status* (*string_attribute)(const KernelInfo*, const char*, char*, size_t*);
  Status* (*num_inputs)(const KernelContext*, size_t*);
  void* from_89[1];
  Status* (*input)(const KernelContext*, size_t, const Value**);
  Status* (*output)(KernelContext*, size_t, const int64_t*, size_t, Value**);
  void* from_92[7];
  void (*release_tensor_info)(TensorInfo*);
  void* from_100[174];
  Status* (*parallel_for)(const KernelContext*, void (*)(void*, size_t), size_t, size_t, void*);
};

struct ApiBase {
  const Api* (*get)(uint32_t);
  const char* (*version)();
};

}  // namespace ort
}  // namespace peerspec
