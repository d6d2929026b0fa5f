// A call from XLA: its buffers, its attributes and its errors.
//
// This code uses only the C interface of XLA. The build of the core then needs no jaxlib, the structures carry their
// sizes, and XLA refuses at registration a handler that it cannot call. The binary form of XLA's C++ wrapper is not
// stable.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "interface.h"
#include "peerspec_native.h"

namespace peerspec {

// A handler throws this if the buffers or attributes are not those that it was written for.
struct BadCall {
  std::string message;
};

// A handler throws this if the caller may not pass the values in the buffers.
struct BadValues {
  std::string message;
};

inline xla::Error* xla_error(xla::CallFrame* frame, xla::Code code, const std::string& message) {
  constexpr size_t size = offsetof(xla::ErrorCreate, code) + sizeof(code);  // without the padding after it
  xla::ErrorCreate args{{size, nullptr}, message.c_str(), code};
  return frame->api->error_create(&args);
}

// Returns whether a function of XLA returned an error, and frees it.
inline bool failed(const xla::CallFrame* frame, xla::Error* error) {
  if (!error) return false;
  xla::ErrorDestroy args{{sizeof(args), nullptr}, error};
  frame->api->error_destroy(&args);
  return true;
}

// An array of the call.
struct Array {
  const xla::Buffer* buffer;

  int64_t rank() const { return buffer->rank; }
  void* data() const { return buffer->data; }
  int64_t axis(int64_t i) const { return buffer->axes[i < 0 ? buffer->rank + i : i]; }
  int64_t size() const {
    int64_t product = 1;
    for (int64_t i = 0; i < buffer->rank; i++) product *= buffer->axes[i];
    return product;
  }
  int32_t format() const {
    switch (buffer->element) {
      case xla::Element::f32:
        return PEERSPEC_F32;
      case xla::Element::f64:
        return PEERSPEC_F64;
      case xla::Element::bf16:
        return PEERSPEC_BF16;
      case xla::Element::f16:
        return PEERSPEC_F16;
      default:
        throw BadCall{"an array has a dtype other than float32, float64, bfloat16 and float16"};
    }
  }
  bool is_int64() const { return buffer->element == xla::Element::s64; }
};

class Call {
 public:
  explicit Call(xla::CallFrame* frame) : frame_(frame) {}

  int64_t num_arguments() const { return frame_->arguments.size; }
  int64_t num_results() const { return frame_->results.size; }
  Array argument(int64_t i) const {
    if (i >= num_arguments()) throw BadCall{"an argument is missing"};
    return {static_cast<const xla::Buffer*>(frame_->arguments.values[i])};
  }
  Array result(int64_t i) const {
    if (i >= num_results()) throw BadCall{"a result is missing"};
    return {static_cast<const xla::Buffer*>(frame_->results.values[i])};
  }
  int64_t integer(const char* name) const {
    return *static_cast<const int64_t*>(scalar(name, xla::Element::s64, "int64"));
  }
  double real(const char* name) const {
    return *static_cast<const double*>(scalar(name, xla::Element::f64, "float64"));
  }
  std::string text(const char* name) const {
    const auto* found = static_cast<const xla::Text*>(attribute(name, xla::Attribute::text, "a text"));
    return std::string(found->data, found->size);
  }
  std::vector<int64_t> integers(const char* name) const {
    const auto* found = static_cast<const xla::Numbers*>(attribute(name, xla::Attribute::array, "an array"));
    if (found->element != xla::Element::s64) throw BadCall{std::string("attribute '") + name + "' is not int64"};
    const auto* data = static_cast<const int64_t*>(found->data);
    return std::vector<int64_t>(data, data + found->size);
  }
  xla::CallFrame* frame() const { return frame_; }

 private:
  const void* attribute(const char* name, xla::Attribute kind, const char* called) const {
    const xla::Attributes& given = frame_->attributes;
    for (int64_t i = 0; i < given.size; i++) {
      if (given.kinds[i] == kind && std::string(given.names[i]->data, given.names[i]->size) == name) return given.values[i];
    }
    throw BadCall{std::string("attribute '") + name + "' is missing or is not " + called};
  }
  const void* scalar(const char* name, xla::Element type, const char* called) const {
    const auto* found = static_cast<const xla::Scalar*>(attribute(name, xla::Attribute::scalar, called));
    if (found->element != type) throw BadCall{std::string("attribute '") + name + "' is not " + called};
    return found->value;
  }

  xla::CallFrame* frame_;
};

// Ids as int64, as the core takes them. JAX uses int32 if every id fits.
class Ids {
 public:
  explicit Ids(const Array& array) : size_(array.size()) {
    if (array.is_int64()) {
      data_ = static_cast<const int64_t*>(array.data());
      return;
    }
    if (array.buffer->element != xla::Element::s32) throw BadCall{"ids are neither int32 nor int64"};
    own_.reset(new int64_t[size_]);
    const auto* narrow = static_cast<const int32_t*>(array.data());
    for (int64_t i = 0; i < size_; i++) own_[i] = narrow[i];
    data_ = own_.get();
  }
  const int64_t* data() const { return data_; }
  int64_t size() const { return size_; }

 private:
  int64_t size_;
  const int64_t* data_;
  std::unique_ptr<int64_t[]> own_;
};

inline void store_ids(const int64_t* ids, int64_t count, const Array& out) {
  for (int64_t i = 0; i < count; i++) {
    if (out.is_int64())
      static_cast<int64_t*>(out.data())[i] = ids[i];
    else
      static_cast<int32_t*>(out.data())[i] = int32_t(ids[i]);
  }
}

}  // namespace peerspec
