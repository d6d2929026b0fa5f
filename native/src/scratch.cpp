#include "scratch.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

namespace peerspec {
namespace {

constexpr std::size_t line = 64, huge_page = std::size_t(1) << 21;
// Smaller blocks the allocator keeps by itself. Larger ones it takes from the system anew for every call, page by page,
// which for a few tokens costs more than what is computed in them; the largest would be a burden if they were kept.
constexpr std::size_t least_kept = std::size_t(1) << 16, most_kept = std::size_t(1) << 24;

// The size of a block, in the line before it.
std::size_t& size_of(void* block) { return *reinterpret_cast<std::size_t*>(static_cast<char*>(block) - line); }

void release(void* block) { std::free(static_cast<char*>(block) - line); }

// The blocks that a thread keeps, until it ends.
class Kept {
 public:
  ~Kept() {
    while (count) release(blocks[--count]);
  }

  // The smallest that is large enough, or null.
  void* take(std::size_t bytes) {
    int best = -1;
    for (int i = 0; i < count; i++)
      if (size_of(blocks[i]) >= bytes && (best < 0 || size_of(blocks[i]) < size_of(blocks[best]))) best = i;
    if (best < 0) return nullptr;
    std::swap(blocks[best], blocks[--count]);
    return blocks[count];
  }

  // In place of the smallest where there is no room.
  void keep(void* block) {
    if (count < most) {
      blocks[count++] = block;
      return;
    }
    int least = 0;
    for (int i = 1; i < count; i++)
      if (size_of(blocks[i]) < size_of(blocks[least])) least = i;
    if (size_of(blocks[least]) < size_of(block)) std::swap(blocks[least], block);
    release(block);
  }

 private:
  static constexpr int most = 4;
  void* blocks[most];
  int count = 0;
};

thread_local Kept kept;

bool is_kept([[maybe_unused]] std::size_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  return false;  // a block that is larger than was asked for would hide an access beyond
#else
  return bytes >= least_kept && bytes <= most_kept;
#endif
}

}  // namespace

void* borrow(std::size_t bytes) {
  if (is_kept(bytes))
    if (void* block = kept.take(bytes)) return block;
  const std::size_t aligned = bytes >= huge_page ? huge_page : line, rounded = ((line + bytes) / aligned + 1) * aligned;
  char* start = static_cast<char*>(std::aligned_alloc(aligned, rounded));
  if (!start) return nullptr;
#ifdef MADV_HUGEPAGE
  if (aligned == huge_page) madvise(start, rounded, MADV_HUGEPAGE);
#endif
  void* block = start + line;
  size_of(block) = bytes;
  return block;
}

void give_back(void* block) {
  if (!block) return;
  if (is_kept(size_of(block)))
    kept.keep(block);
  else
    release(block);
}

}  // namespace peerspec
