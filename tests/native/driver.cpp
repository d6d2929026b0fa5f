// Calls every function of the core on buffers of exact size, so that a sanitizer detects each access past the end.
// Prints "ok".
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "peerspec_native.h"

namespace {

uint64_t state = 1;

uint64_t word() { return (state = state * 6364136223846793005u + 1442695040888963407u) >> 33; }

void require(bool good, const char* what) {
  if (good) return;
  std::printf("failed: %s\n", what);
  std::exit(1);
}

// Memory on the heap of exact size: a sanitizer detects an access one byte past the end.
template <class T>
struct Buffer {
  explicit Buffer(int64_t size) : size(size), data(new T[size]) {}
  int64_t size;
  std::unique_ptr<T[]> data;
  T* get() { return data.get(); }
};

template <class T>
Buffer<T> small_numbers(int64_t size) {
  Buffer<T> out(size);
  for (int64_t i = 0; i < size; i++) out.data[i] = T(int64_t(word() % 17) - 8) / 8;
  return out;
}

Buffer<char> table(int format, int64_t count) {
  const int bytes = format == PEERSPEC_F64 ? 8 : format == PEERSPEC_F32 ? 4 : format == PEERSPEC_I8 ? 1 : 2;
  Buffer<char> out(count * bytes);
  for (int64_t i = 0; i < count; i++) {
    const double value = double(int64_t(word() % 17) - 8) / 8;
    const float narrow = float(value);
    const uint16_t half = uint16_t(word());  // any bits, NaN and subnormals included
    char* at = out.get() + i * bytes;
    if (bytes == 8) __builtin_memcpy(at, &value, 8);
    if (bytes == 4) __builtin_memcpy(at, &narrow, 4);
    if (bytes == 2) __builtin_memcpy(at, &half, 2);
    if (bytes == 1) __builtin_memcpy(at, &half, 1);
  }
  return out;
}

Buffer<int64_t> random_ids(int64_t count, int64_t below) {
  Buffer<int64_t> out(count);
  for (int64_t i = 0; i < count; i++) out.data[i] = int64_t(word() % uint64_t(below));
  return out;
}

template <class T>
void check_select(const peerspec_run& run, int format, int64_t rows, int64_t n, int64_t k) {
  auto s1 = small_numbers<T>(rows * n), s2 = small_numbers<T>(rows * n);
  if (rows > 1) s1.data[0] = T(NAN), s2.data[n - 1] = T(INFINITY), s1.data[n / 2] = T(-INFINITY);
  Buffer<T> scores(rows * k);
  Buffer<int64_t> ids(rows * k);
  require(!peerspec_select(&run, format, rows, n, k, s1.get(), s2.get(), scores.get(), ids.get()), "select");
  for (int64_t i = 0; i < rows * k; i++) require(ids.data[i] >= 0 && ids.data[i] < n * n, "ids in range");
}

template <class T>
void check_experts(const peerspec_run& run, int format, int activation, bool glu, int64_t d, int64_t m, int64_t pairs) {
  const int64_t tokens = 5, experts = 11;
  auto u = table(format, experts * d), v = table(format, experts * m), w = table(format, experts * d);
  const peerspec_experts e{format,  activation,           experts, d,       m,      u.get(),
                           v.get(), glu ? w.get() : nullptr, nullptr, nullptr, nullptr};
  auto x = small_numbers<T>(tokens * d), dy = small_numbers<T>(tokens * m), gates = small_numbers<T>(tokens * pairs);
  auto ids = random_ids(tokens * pairs, experts);
  Buffer<T> y(tokens * m), dx(tokens * d), dgates(tokens * pairs);
  Buffer<T> du(tokens * pairs), dv(tokens * pairs), dw(tokens * pairs);
  require(!peerspec_expert_stage(&run, &e, tokens, pairs, x.get(), ids.get(), gates.get(), y.get()), "expert_stage");
  require(!peerspec_expert_stage_backward(&run, &e, tokens, pairs, x.get(), ids.get(), gates.get(), dy.get(), dx.get(),
                                 dgates.get(), du.get(), dv.get(), glu ? dw.get() : nullptr),
          "backward");
  require(!peerspec_gather_sum(&run, format, experts, d, tokens, pairs, u.get(), ids.get(), gates.get(), dx.get()),
          "gather_sum");
  Buffer<int64_t> order(tokens * pairs), touched(experts), starts(experts + 1);
  int64_t found = 0;
  require(!peerspec_sort_ids(ids.size, experts, ids.get(), order.get(), touched.get(), starts.get(), &found), "sort");
  Buffer<T> rows(found * d);
  const int compute = sizeof(T) == 8 ? PEERSPEC_F64 : PEERSPEC_F32;
  require(!peerspec_scatter_sum(&run, compute, d, pairs, found, order.get(), starts.get(), du.get(), x.get(),
                                rows.get()),
          "scatter_sum");
  Buffer<T> first(experts * d), second(experts * d);
  for (int64_t i = 0; i < experts * d; i++) first.data[i] = second.data[i] = 0;
  for (int optimiser : {PEERSPEC_SGD, PEERSPEC_ADAGRAD, PEERSPEC_ADAM})
    require(!peerspec_update_rows(&run, optimiser, format, experts, d, found, touched.get(), rows.get(), u.get(),
                                  first.get(), second.get(), 0.1, 1e-8, 0.9, 0.999, 1),
            "update rows");
  for (int optimiser : {PEERSPEC_SGD, PEERSPEC_ADAGRAD, PEERSPEC_ADAM})
    require(!peerspec_scatter_update(&run, optimiser, format, experts, d, pairs, found, order.get(), touched.get(),
                                    starts.get(), du.get(), x.get(), u.get(), first.get(), second.get(), 0.1, 1e-8,
                                    0.9, 0.999, 2),
            "scatter_update");
  Buffer<double> sums(2 * experts);
  Buffer<uint8_t> mask(tokens);
  for (int64_t i = 0; i < 2 * experts; i++) sums.data[i] = 0;
  for (int64_t i = 0; i < tokens; i++) mask.data[i] = i % 2;
  for (const uint8_t* given : {static_cast<const uint8_t*>(nullptr), static_cast<const uint8_t*>(mask.get())})
    require(!peerspec_count_experts(&run, compute, experts, tokens, pairs, ids.get(), gates.get(), given, sums.get()),
            "count_experts");
  ids.data[ids.size - 1] = experts;
  require(peerspec_count_experts(&run, compute, experts, tokens, pairs, ids.get(), gates.get(), nullptr, sums.get()) ==
              PEERSPEC_BAD_ID,
          "bad id in count_experts");
  require(peerspec_expert_stage(&run, &e, tokens, pairs, x.get(), ids.get(), gates.get(), y.get()) == PEERSPEC_BAD_ID, "bad id");
}

void check_int8(const peerspec_run& run, int activation, bool glu, int64_t d, int64_t m, int64_t pairs) {
  const int64_t tokens = 5, experts = 11;
  auto u = table(PEERSPEC_I8, experts * d), v = table(PEERSPEC_I8, experts * m), w = table(PEERSPEC_I8, experts * d);
  auto scales = small_numbers<float>(experts), x = small_numbers<float>(tokens * d);
  auto gates = small_numbers<float>(tokens * pairs);
  peerspec_experts e{PEERSPEC_I8, activation, experts, d, m, u.get(), v.get(), glu ? w.get() : nullptr,
                     scales.get(), scales.get(), glu ? scales.get() : nullptr};
  auto ids = random_ids(tokens * pairs, experts);
  Buffer<float> y(tokens * m);
  require(!peerspec_expert_stage(&run, &e, tokens, pairs, x.get(), ids.get(), gates.get(), y.get()), "expert_stage of int8");
  e.v_scales = nullptr;
  require(peerspec_expert_stage(&run, &e, tokens, pairs, x.get(), ids.get(), gates.get(), y.get()) == PEERSPEC_BAD_ARGUMENT,
          "int8 without scales");
}

template <class T>
void check_layer(const peerspec_run& run, int format, int rows, int64_t tokens, int64_t n, int64_t d, bool all) {
  const int64_t heads = 2, d_key = all ? 40 : 6, k = n > 1 ? 3 : 1, width = d + 3, key_heads = all ? heads : 1;
  auto weight = table(format, heads * d_key * d), bias = table(format, heads * d_key);
  const int64_t keys_of_all = key_heads * 2 * n * d_key / 2;
  auto keys = table(format, keys_of_all);
  auto u = table(rows, n * n * d), v = table(rows, n * n * width);
  auto scales = small_numbers<float>(n * n);
  const peerspec_router router{format, all ? PEERSPEC_SIGMOID : PEERSPEC_SOFTMAX, d, heads, d_key, key_heads, n, k,
                               weight.get(), all ? bias.get() : nullptr, keys.get()};
  const peerspec_experts experts{rows, PEERSPEC_GELU, n * n, d, width, u.get(), v.get(), all ? u.get() : nullptr,
                                 scales.get(), scales.get(), all ? scales.get() : nullptr};
  auto x = small_numbers<T>(tokens * d);
  Buffer<T> q(tokens * heads * d_key), y(tokens * width), scores(tokens * heads * k), gates(scores.size);
  Buffer<int64_t> ids(scores.size);
  require(!peerspec_query(&run, &router, tokens, x.get(), q.get()), "query");
  require(!peerspec_retrieve(&run, &router, tokens, q.get(), scores.get(), ids.get()), "retrieve");
  Buffer<T> dq(q.size), dkeys(keys_of_all);
  require(!peerspec_retrieve_backward(&run, &router, tokens, q.get(), ids.get(), scores.get(), dq.get(), dkeys.get()),
          "gradients of retrieval");
  const int compute = sizeof(T) == 8 ? PEERSPEC_F64 : PEERSPEC_F32;
  require(!peerspec_gates(&run, compute, router.gate, tokens * heads, k, scores.get(), gates.get()), "gates");
  require(!peerspec_forward(&run, &router, &experts, tokens, x.get(), y.get(), scores.get(), ids.get(), gates.get()),
          "forward");
  for (int64_t i = 0; i < ids.size; i++) require(ids.data[i] >= 0 && ids.data[i] < n * n, "ids in range");
}

// The smallest positive float16, 2⁻²⁴, is widened exactly even if the processor treats subnormals of float as zero.
void check_flush_to_zero(int32_t isa) {
#if defined(__x86_64__)
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);
  const peerspec_run run{1, isa, nullptr, nullptr};
  const uint16_t u = 1, v = 0x3c00;
  const float x = 1, gate = 1;
  const int64_t id = 0;
  const peerspec_experts e{PEERSPEC_F16, PEERSPEC_IDENTITY, 1, 1, 1, &u, &v, nullptr, nullptr, nullptr, nullptr};
  float y = 0;
  require(!peerspec_expert_stage(&run, &e, 1, 1, &x, &id, &gate, &y) && y == 0x1p-24f, "float16's subnormals");
  _mm_setcsr(before);
#endif
}

}  // namespace

int main() {
  for (int32_t isa = PEERSPEC_PLAIN; isa <= peerspec_best_isa(); isa++) check_flush_to_zero(isa);
  for (int32_t isa = PEERSPEC_PLAIN; isa <= peerspec_best_isa(); isa++)
    for (int32_t threads : {1, 3}) {
      const peerspec_run run{threads, isa, nullptr, nullptr};
      for (int64_t n : {1, 7, 64, 128, 200})
        for (int64_t k : {1, 16, 33, 300})
          if (k <= n * n) {
            check_select<float>(run, PEERSPEC_F32, 20, n, k);
            check_select<double>(run, PEERSPEC_F64, 20, n, k);
          }
      for (int64_t tokens : {1, 5, 17, 130})
        for (int64_t n : {1, 7, 33})
          for (int64_t d : {1, 37, 300}) {
            for (int format : {PEERSPEC_F32, PEERSPEC_BF16, PEERSPEC_F16})
              check_layer<float>(run, format, format, tokens, n, d, d == 37);
            check_layer<float>(run, PEERSPEC_F32, PEERSPEC_I8, tokens, n, d, d == 37);
            check_layer<double>(run, PEERSPEC_F64, PEERSPEC_F64, tokens, n, d, d == 37);
          }
      for (int activation = PEERSPEC_RELU; activation <= PEERSPEC_IDENTITY; activation++)
        for (int64_t d : {1, 16, 37, activation == PEERSPEC_RELU ? 1030 : 17})  // 1030: more than one block
          for (int64_t pairs : {1, 8, 21}) {
            for (int format : {PEERSPEC_F32, PEERSPEC_BF16, PEERSPEC_F16})
              check_experts<float>(run, format, activation, d == 37, d, d + 3, pairs);
            check_experts<double>(run, PEERSPEC_F64, activation, d == 37, d, d + 3, pairs);
            check_int8(run, activation, d == 37, d, d + 3, pairs);
          }
    }
  std::puts("ok");
}
