// Scratch memory for one call, aligned to cache lines, so that a row of a panel is one cache line.
#pragma once

#include <cstddef>
#include <cstdint>

namespace peerspec {

// Returns at least this many bytes, or null. The thread pools large blocks for its next call.
void* borrow(std::size_t bytes);
void give_back(void* block);

namespace {

template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count) : data(static_cast<T*>(borrow(count * sizeof(T)))) {}
  ~Scratch() { give_back(data); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  explicit operator bool() const { return data; }
  T* get() const { return data; }

 private:
  T* data;
};

}  // namespace
}  // namespace peerspec
