// What the machine can do at most: the rate of fused multiply-adds from registers, and the rate of a gather that does
// nothing but read. benchmarks/cpu/machine.py compiles it.
#include <algorithm>
#include <chrono>
#include <cstdint>

namespace {

constexpr int accumulators = 12;  // more than the latency of an addition times the additions of a cycle
constexpr int64_t group = 8;      // rows that are fetched together
constexpr int64_t block = 16;     // tokens of a part

using Peak = float (*)(int64_t rounds);
using Gather = void (*)(const float* table, int64_t width, const int64_t* ids, int64_t count, float* sums);

// PLAIN has no fused multiply-add on x86: there it is a multiplication and an addition. The sums start with different
// values, so that no compiler takes two of them for one.
#define PEAK(name, features, bytes)                                                   \
  features float name(int64_t rounds) {                                               \
    typedef float Vec __attribute__((vector_size(bytes)));                            \
    Vec sums[accumulators], factor = Vec{} + 0.999f, term = Vec{} + 1.0f;             \
    for (int i = 0; i < accumulators; i++) sums[i] = Vec{} + float(i);                \
    for (int64_t r = 0; r < rounds; r++)                                              \
      _Pragma("GCC unroll 12") for (Vec& sum : sums) sum = sum * factor + term;       \
    for (const Vec& sum : sums) term += sum;                                          \
    return term[0];                                                                   \
  }

// Adds the rows, a group at a time. A prefetch of one cache line for each KiB of the next group translates the address
// and starts the hardware prefetcher; to prefetch all lines, other distances and other levels of the cache were slower.
#define GATHER(name, features, bytes)                                                                     \
  features void name(const float* table, int64_t width, const int64_t* ids, int64_t count, float* sums) { \
    typedef float Vec __attribute__((vector_size(bytes), aligned(4)));                                    \
    for (int64_t k = 0; k + group <= count; k += group) {                                                 \
      const float* rows[group];                                                                           \
      for (int64_t r = 0; r < group; r++) rows[r] = table + ids[k + r] * width;                           \
      for (int64_t r = k + group; r < std::min(k + 2 * group, count); r++)                                \
        for (int64_t c = 0; c < width; c += 256) __builtin_prefetch(table + ids[r] * width + c);          \
      for (int64_t c = 0; c < width; c += bytes / 4) {                                                    \
        Vec sum = *reinterpret_cast<const Vec*>(sums + c);                                                \
        _Pragma("GCC unroll 8") for (const float* row : rows) sum += *reinterpret_cast<const Vec*>(row + c); \
        *reinterpret_cast<Vec*>(sums + c) = sum;                                                          \
      }                                                                                                   \
    }                                                                                                     \
  }

#define BOTH(isa, features, bytes) PEAK(peak_##isa, features, bytes) GATHER(gather_##isa, features, bytes)
BOTH(plain, , 16)
BOTH(avx2, __attribute__((target("avx2,fma"))), 32)
BOTH(avx512, __attribute__((target("avx512f"))), 64)

constexpr Peak peaks[] = {peak_plain, peak_avx2, peak_avx512};
constexpr Gather gathers[] = {gather_plain, gather_avx2, gather_avx512};

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

// Operations per second on `threads` threads: the best of some trials of about ten milliseconds, so that the start of a
// thread does not count.
extern "C" double machine_peak(int32_t isa, int32_t threads) {
  constexpr int64_t rounds = 6000000;
  double best = 0;
  for (int trial = 0; trial < 4; trial++) {
    float sink = 0;
    const double start = seconds();
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : sink)
    for (int t = 0; t < threads; t++) sink += peaks[isa](rounds);
    const double taken = seconds() - start;
    if (sink) best = std::max(best, 2.0 * rounds * accumulators * (4 << isa) * threads / taken);
  }
  return best;
}

// Reads the rows of `pairs` ids for each token from both tables; the sums are thrown away. The width is a multiple of
// sixteen and at most 4096.
extern "C" void machine_gather(int32_t isa, int32_t threads, const float* u, const float* v, int64_t width,
                               const int64_t* ids, int64_t tokens, int64_t pairs) {
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (int64_t first = 0; first < tokens; first += block) {
    alignas(64) float sums[4096] = {};
    const int64_t count = std::min(block, tokens - first) * pairs;
    for (const float* table : {u, v}) gathers[isa](table, width, ids + first * pairs, count, sums);
    volatile float used = sums[0];
    static_cast<void>(used);
  }
}
