#include "call.h"

#include <algorithm>
#include <thread>

namespace peerspec {
namespace {

// Owns the type and shape of a value.
struct Info {
  Info(const ort::Api& api, const ort::Value* value) : api(api) { check(api.tensor_info(value, &info)); }
  ~Info() { api.release_tensor_info(info); }
  const ort::Api& api;
  ort::TensorInfo* info = nullptr;
};

}  // namespace

std::string text(const Shape& shape) {
  std::string out = "[";
  for (const int64_t size : shape) out += (out.size() > 1 ? ", " : "") + std::to_string(size);
  return out + "]";
}

std::string name_of(Type type) {
  switch (type) {
    case Type::f32:
      return "float";
    case Type::f64:
      return "double";
    case Type::bf16:
      return "bfloat16";
    case Type::f16:
      return "float16";
    case Type::i8:
      return "int8";
    default:
      return "element type " + std::to_string(int(type));
  }
}

int64_t product(const Shape& shape) {
  int64_t out = 1;
  for (const int64_t size : shape) out *= size;
  return out;
}

int64_t integer_attribute(const ort::Api& api, const ort::KernelInfo* info, const char* name) {
  int64_t value;
  check(api.integer_attribute(info, name, &value));
  return value;
}

std::string string_attribute(const ort::Api& api, const ort::KernelInfo* info, const char* name) {
  size_t size = 0;
  check(api.string_attribute(info, name, nullptr, &size));
  std::string value(size, 0);
  check(api.string_attribute(info, name, value.data(), &size));
  return value.c_str();  // drops the zero at the end, which the size includes
}

void refuse(const ort::Api& api, const std::string& message) {
  throw Fault{api.create_status(ort::Code::invalid_argument, message.c_str())};
}

size_t Call::num_inputs() const {
  size_t count = 0;
  check(api.num_inputs(context, &count));
  return count;
}

Tensor Call::input(size_t index) const {
  const ort::Value* value = nullptr;
  check(api.input(context, index, &value));
  const Info info(api, value);
  size_t rank = 0;
  check(api.rank(info.info, &rank));
  Tensor tensor{nullptr, Shape(rank)};
  check(api.element_type(info.info, &tensor.type));
  check(api.axes(info.info, tensor.shape.data(), rank));
  void* data = nullptr;
  check(api.tensor_data(const_cast<ort::Value*>(value), &data));
  tensor.data = data;
  return tensor;
}

void* Call::output(size_t index, const Shape& shape) const {
  ort::Value* value = nullptr;
  check(api.output(context, index, shape.data(), shape.size(), &value));
  void* data = nullptr;
  if (value) check(api.tensor_data(value, &data));
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
  check(self.api.parallel_for(self.context, run_one, size_t(count), 0, &work));
}

void Call::require_done(int32_t status) const {
  require(status != PEERSPEC_BAD_ID,
          "an expert id lies outside 0..N-1; pass indices of a selection over these tables (IDX-1)");
  require(status != PEERSPEC_NO_MEMORY, "not enough memory for the call; pass fewer tokens at once");
  require(status == PEERSPEC_OK, "the native core does not take these sizes");
}

}  // namespace peerspec
