#include "call.h"

#include <algorithm>
#include <thread>

namespace peerspec {
namespace {

// Owns the type and shape of a value.
struct Info {
  Info(const OrtApi& api, const OrtValue* value) : api(api) { check(api.GetTensorTypeAndShape(value, &info)); }
  ~Info() { api.ReleaseTensorTypeAndShapeInfo(info); }
  const OrtApi& api;
  OrtTensorTypeAndShapeInfo* info = nullptr;
};

}  // namespace

std::string text(const Shape& shape) {
  std::string out = "[";
  for (const int64_t size : shape) out += (out.size() > 1 ? ", " : "") + std::to_string(size);
  return out + "]";
}

std::string name_of(Type type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return "float";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      return "double";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
      return "bfloat16";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      return "float16";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
      return "int8";
    default:
      return "element type " + std::to_string(type);
  }
}

int64_t product(const Shape& shape) {
  int64_t out = 1;
  for (const int64_t size : shape) out *= size;
  return out;
}

int64_t integer_attribute(const OrtApi& api, const OrtKernelInfo* info, const char* name) {
  int64_t value;
  check(api.KernelInfoGetAttribute_int64(info, name, &value));
  return value;
}

std::string string_attribute(const OrtApi& api, const OrtKernelInfo* info, const char* name) {
  size_t size = 0;
  check(api.KernelInfoGetAttribute_string(info, name, nullptr, &size));
  std::string value(size, 0);
  check(api.KernelInfoGetAttribute_string(info, name, value.data(), &size));
  return value.c_str();  // drops the zero at the end, which the size includes
}

void refuse(const OrtApi& api, const std::string& message) {
  throw Fault{api.CreateStatus(ORT_INVALID_ARGUMENT, message.c_str())};
}

size_t Call::num_inputs() const {
  size_t count = 0;
  check(api.KernelContext_GetInputCount(context, &count));
  return count;
}

Tensor Call::input(size_t index) const {
  const OrtValue* value = nullptr;
  check(api.KernelContext_GetInput(context, index, &value));
  const Info info(api, value);
  size_t rank = 0;
  check(api.GetDimensionsCount(info.info, &rank));
  Tensor tensor{nullptr, Shape(rank)};
  check(api.GetTensorElementType(info.info, &tensor.type));
  check(api.GetDimensions(info.info, tensor.shape.data(), rank));
  void* data = nullptr;
  check(api.GetTensorMutableData(const_cast<OrtValue*>(value), &data));
  tensor.data = data;
  return tensor;
}

void* Call::output(size_t index, const Shape& shape) const {
  OrtValue* value = nullptr;
  check(api.KernelContext_GetOutput(context, index, shape.data(), shape.size(), &value));
  void* data = nullptr;
  if (value) check(api.GetTensorMutableData(value, &data));
  return data;
}

void Call::require(bool condition, const std::string& message) const {
  if (!condition) refuse(api, name + ": " + message);
}

// ONNX Runtime does not tell the number of threads of a session. If this number is larger, some tasks find no work.
peerspec_run Call::run() const {
  static const auto threads = int32_t(std::max(1u, std::thread::hardware_concurrency()));
  return {threads, PEERSPEC_BEST, for_each, const_cast<Call*>(this)};
}

// Zero batches: each free thread takes the next index, one at a time.
void Call::for_each(void* call, int64_t count, peerspec_task task, void* argument) {
  struct Work {
    peerspec_task task;
    void* argument;
  } work{task, argument};
  const auto run_one = [](void* data, size_t index) {
    const Work& work = *static_cast<const Work*>(data);
    work.task(work.argument, int64_t(index));
  };
  const Call& self = *static_cast<const Call*>(call);
  check(self.api.KernelContext_ParallelFor(self.context, run_one, size_t(count), 0, &work));
}

void Call::require_done(int32_t status) const {
  require(status != PEERSPEC_BAD_ID,
          "an expert id lies outside 0..N-1; pass indices of a selection over these tables (IDX-1)");
  require(status != PEERSPEC_NO_MEMORY, "not enough memory for the call; pass fewer tokens at once");
  require(status == PEERSPEC_OK, "the native core does not take these sizes");
}

}  // namespace peerspec
