// Scratch memory, pooled by thread.
#include "scratch.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

namespace peerspec {
namespace {

constexpr std::size_t cache_line = 64, huge_page = std::size_t(1) << 21;
// Only blocks of these sizes are pooled. The allocator keeps smaller blocks by itself. It would request larger ones
// from the system in each call, page by page, which for a few tokens takes longer than the computation. The largest
// blocks would occupy too much memory between calls.
constexpr std::size_t min_pooled = std::size_t(1) << 16, max_pooled = std::size_t(1) << 24;

// The size of a block, which is stored in the cache line before it.
std::size_t& size_of(void* block) { return *reinterpret_cast<std::size_t*>(static_cast<char*>(block) - cache_line); }

void release(void* block) { std::free(static_cast<char*>(block) - cache_line); }

// The idle blocks of one thread; freed when the thread ends.
class BufferPool {
 public:
  ~BufferPool() {
    while (count) release(blocks[--count]);
  }

  // Takes the smallest block that is large enough; null if there is none.
  void* take(std::size_t bytes) {
    int best = -1;
    for (int i = 0; i < count; i++)
      if (size_of(blocks[i]) >= bytes && (best < 0 || size_of(blocks[i]) < size_of(blocks[best]))) best = i;
    if (best < 0) return nullptr;
    std::swap(blocks[best], blocks[--count]);
    return blocks[count];
  }

  // Adds a block. If the pool is full, frees the smallest block.
  void put(void* block) {
    if (count < capacity) {
      blocks[count++] = block;
      return;
    }
    int smallest = 0;
    for (int i = 1; i < count; i++)
      if (size_of(blocks[i]) < size_of(blocks[smallest])) smallest = i;
    if (size_of(blocks[smallest]) < size_of(block)) std::swap(blocks[smallest], block);
    release(block);
  }

 private:
  static constexpr int capacity = 4;
  void* blocks[capacity];
  int count = 0;
};

thread_local BufferPool pool;

bool is_pooled([[maybe_unused]] std::size_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  return false;  // AddressSanitizer does not see an access past the end if the block is larger than requested
#else
  return bytes >= min_pooled && bytes <= max_pooled;
#endif
}

}  // namespace

void* borrow(std::size_t bytes) {
  if (is_pooled(bytes))
    if (void* block = pool.take(bytes)) return block;
  const std::size_t aligned = bytes >= huge_page ? huge_page : cache_line;
  const std::size_t rounded = ((cache_line + bytes) / aligned + 1) * aligned;
  char* start = static_cast<char*>(std::aligned_alloc(aligned, rounded));
  if (!start) return nullptr;
#ifdef MADV_HUGEPAGE
  if (aligned == huge_page) madvise(start, rounded, MADV_HUGEPAGE);
#endif
  void* block = start + cache_line;
  size_of(block) = bytes;
  return block;
}

void give_back(void* block) {
  if (!block) return;
  if (is_pooled(size_of(block)))
    pool.put(block);
  else
    release(block);
}

}  // namespace peerspec
