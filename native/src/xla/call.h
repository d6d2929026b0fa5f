// A call from XLA: its buffers, its attributes and its errors.
//
// This code uses only the C interface of XLA, one header in third_party/. The build of the core then needs no jaxlib,
// the structures carry their sizes, and XLA refuses at registration a handler that it cannot call. The C++ wrapper of
// XLA is ten times as long, and its binary form is not stable.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "peerspec_native.h"
#include "xla/ffi/api/c_api.h"

namespace peerspec {

// A handler throws this if the buffers or attributes are not those that it was written for.
struct BadCall {
  std::string message;
};

// A handler throws this if the caller may not pass the values in the buffers.
struct BadValues {
  std::string message;
};

inline XLA_FFI_Error* xla_error(XLA_FFI_CallFrame* frame, XLA_FFI_Error_Code code, const std::string& message) {
  XLA_FFI_Error_Create_Args args{XLA_FFI_Error_Create_Args_STRUCT_SIZE, nullptr, message.c_str(), code};
  return frame->api->XLA_FFI_Error_Create(&args);
}

// Returns whether a function of XLA returned an error, and frees it.
inline bool failed(const XLA_FFI_CallFrame* frame, XLA_FFI_Error* error) {
  if (!error) return false;
  XLA_FFI_Error_Destroy_Args args{XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, nullptr, error};
  frame->api->XLA_FFI_Error_Destroy(&args);
  return true;
}

// An array of the call.
struct Array {
  const XLA_FFI_Buffer* buffer;

  int64_t rank() const { return buffer->rank; }
  void* data() const { return buffer->data; }
  int64_t axis(int64_t i) const { return buffer->dims[i < 0 ? buffer->rank + i : i]; }
  int64_t size() const {
    int64_t product = 1;
    for (int64_t i = 0; i < buffer->rank; i++) product *= buffer->dims[i];
    return product;
  }
  int32_t format() const {
    switch (buffer->dtype) {
      case XLA_FFI_DataType_F32:
        return PEERSPEC_F32;
      case XLA_FFI_DataType_F64:
        return PEERSPEC_F64;
      case XLA_FFI_DataType_BF16:
        return PEERSPEC_BF16;
      case XLA_FFI_DataType_F16:
        return PEERSPEC_F16;
      default:
        throw BadCall{"an array has a dtype other than float32, float64, bfloat16 and float16"};
    }
  }
  bool is_int64() const { return buffer->dtype == XLA_FFI_DataType_S64; }
};

class Call {
 public:
  explicit Call(XLA_FFI_CallFrame* frame) : frame_(frame) {}

  int64_t num_arguments() const { return frame_->args.size; }
  int64_t num_results() const { return frame_->rets.size; }
  Array argument(int64_t i) const {
    if (i >= num_arguments()) throw BadCall{"an argument is missing"};
    return {static_cast<const XLA_FFI_Buffer*>(frame_->args.args[i])};
  }
  Array result(int64_t i) const {
    if (i >= num_results()) throw BadCall{"a result is missing"};
    return {static_cast<const XLA_FFI_Buffer*>(frame_->rets.rets[i])};
  }
  int64_t integer(const char* name) const {
    return *static_cast<const int64_t*>(scalar(name, XLA_FFI_DataType_S64, "int64"));
  }
  double real(const char* name) const {
    return *static_cast<const double*>(scalar(name, XLA_FFI_DataType_F64, "float64"));
  }
  std::string text(const char* name) const {
    const auto* found = static_cast<const XLA_FFI_ByteSpan*>(attribute(name, XLA_FFI_AttrType_STRING, "a text"));
    return std::string(found->ptr, found->len);
  }
  std::vector<int64_t> integers(const char* name) const {
    const auto* found = static_cast<const XLA_FFI_Array*>(attribute(name, XLA_FFI_AttrType_ARRAY, "an array"));
    if (found->dtype != XLA_FFI_DataType_S64) throw BadCall{std::string("attribute '") + name + "' is not int64"};
    const auto* data = static_cast<const int64_t*>(found->data);
    return std::vector<int64_t>(data, data + found->size);
  }
  XLA_FFI_CallFrame* frame() const { return frame_; }

 private:
  const void* attribute(const char* name, XLA_FFI_AttrType type, const char* called) const {
    const XLA_FFI_Attrs& attrs = frame_->attrs;
    for (int64_t i = 0; i < attrs.size; i++) {
      if (attrs.types[i] == type && std::string(attrs.names[i]->ptr, attrs.names[i]->len) == name) return attrs.attrs[i];
    }
    throw BadCall{std::string("attribute '") + name + "' is missing or is not " + called};
  }
  const void* scalar(const char* name, XLA_FFI_DataType type, const char* called) const {
    const auto* found = static_cast<const XLA_FFI_Scalar*>(attribute(name, XLA_FFI_AttrType_SCALAR, called));
    if (found->dtype != type) throw BadCall{std::string("attribute '") + name + "' is not " + called};
    return found->value;
  }

  XLA_FFI_CallFrame* frame_;
};

// Ids as int64, as the core takes them. JAX uses int32 if every id fits.
class Ids {
 public:
  explicit Ids(const Array& array) : size_(array.size()) {
    if (array.is_int64()) {
      data_ = static_cast<const int64_t*>(array.data());
      return;
    }
    if (array.buffer->dtype != XLA_FFI_DataType_S32) throw BadCall{"ids are neither int32 nor int64"};
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
