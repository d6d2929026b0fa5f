// Memory for one call, aligned to cache lines: a panel's row never lies across two.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace peerspec {
namespace {

template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count) : data(static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) / 64 + 1) * 64))) {}
  ~Scratch() { std::free(data); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  explicit operator bool() const { return data; }
  T* get() const { return data; }

 private:
  T* data;
};

}  // namespace
}  // namespace peerspec
