// Compares random calls of the core with simple loops for some seconds: fuzz SECONDS SEED. Prints the number of rounds.
//
// Buffers have their exact size, so that a sanitizer detects each access past the end. A failure prints the seed of its
// round; to repeat only this round: fuzz 0 THAT_SEED.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "peerspec_native.h"

namespace {

uint64_t round_seed;
std::mt19937_64 words;

void require(bool good, const char* what) {
  if (good) return;
  std::printf("failed: %s; again with: fuzz 0 %llu\n", what, static_cast<unsigned long long>(round_seed));
  std::exit(1);
}

int64_t below(int64_t count) { return int64_t(words() % uint64_t(count)); }
bool one_in(int64_t count) { return below(count) == 0; }
// Often small numbers, and numbers around powers of two, where vectors end.
int64_t size_up_to(int64_t most) {
  const int64_t near = (int64_t(1) << below(8)) + below(3) - 1;
  return std::clamp<int64_t>(one_in(2) ? near : 1 + below(one_in(2) ? 8 : most), 1, most);
}
double number() { return std::normal_distribution<double>()(words); }

template <class T>
using Array = std::unique_ptr<T[]>;

template <class T, class Draw>
Array<T> filled(int64_t count, const Draw& draw) {
  Array<T> out(new T[count]);
  for (int64_t i = 0; i < count; i++) out[i] = T(draw());
  return out;
}

peerspec_run random_run() {
  return {int32_t(1 + below(3)), int32_t(below(peerspec_best_isa() + 1)), nullptr, nullptr};
}

// A table as bytes, and the values of its numbers.
struct Table {
  Array<char> bytes;
  Array<float> scales;
  std::vector<double> values;
};

template <class Store>
void put(Table& table, int64_t at, Store bits, double value) {
  std::memcpy(table.bytes.get() + at * int64_t(sizeof bits), &bits, sizeof bits);
  table.values[at] = value;
}

Table random_table(int format, int64_t rows, int64_t width) {
  const int64_t bytes[] = {4, 8, 2, 2, 1};
  Table table{Array<char>(new char[rows * width * bytes[format]]), {}, std::vector<double>(rows * width)};
  if (format == PEERSPEC_I8) table.scales = filled<float>(rows, [] { return number() / 64; });
  for (int64_t i = 0; i < rows * width; i++) {
    const double value = number();
    if (format == PEERSPEC_F64) put(table, i, value, value);
    if (format == PEERSPEC_F32) put(table, i, float(value), float(value));
    if (format == PEERSPEC_I8) {
      const int8_t whole = int8_t(words());
      put(table, i, whole, float(whole) * table.scales[i / width]);  // rounded to float, as the header says
    }
    if (format == PEERSPEC_BF16) {
      const float narrow = float(value);
      uint32_t word;
      std::memcpy(&word, &narrow, 4);
      word &= 0xffff0000;
      float rounded;
      std::memcpy(&rounded, &word, 4);
      put(table, i, uint16_t(word >> 16), rounded);
    }
    if (format == PEERSPEC_F16) {
      const uint16_t bits = uint16_t(words() & 0xbfff);  // sign, exponents up to that of 1, any mantissa
      const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
      const double size = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
      put(table, i, bits, bits >> 15 ? -size : size);
    }
  }
  return table;
}

double activate(int kind, double a) {
  switch (kind) {
    case PEERSPEC_RELU:
      return a > 0 ? a : 0;
    case PEERSPEC_GELU:
      return a / 2 * (1 + std::erf(a * std::sqrt(0.5)));
    case PEERSPEC_GELU_TANH:
      return a / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (a + 0.044715 * a * a * a)));
    case PEERSPEC_SILU:
      return a / (1 + std::exp(-a));
    default:
      return a;
  }
}

template <class T>
void experts() {
  const int format = sizeof(T) == 8 ? int(PEERSPEC_F64) : int(std::vector<int>{PEERSPEC_F32, PEERSPEC_BF16,
                                                                            PEERSPEC_F16, PEERSPEC_I8}[below(4)]);
  const int kind = int(below(PEERSPEC_IDENTITY + 1));
  const bool glu = one_in(2);
  const int64_t rows = size_up_to(40), d = size_up_to(140), m = size_up_to(140);
  const int64_t tokens = size_up_to(9), pairs = size_up_to(40);
  const Table u = random_table(format, rows, d), v = random_table(format, rows, m), w = random_table(format, rows, d);
  const peerspec_experts e{format, kind, rows, d, m, u.bytes.get(), v.bytes.get(), glu ? w.bytes.get() : nullptr,
                           u.scales.get(), v.scales.get(), glu ? w.scales.get() : nullptr};
  auto x = filled<T>(tokens * d, number), gates = filled<T>(tokens * pairs, number);
  auto ids = filled<int64_t>(tokens * pairs, [&] { return below(rows); });
  Array<T> y(new T[tokens * m]), again(new T[tokens * m]);
  const auto expert_stage = [&](const peerspec_run& run, Array<T>& out) {
    return peerspec_expert_stage(&run, &e, tokens, pairs, x.get(), ids.get(), gates.get(), out.get());
  };
  peerspec_run run = random_run();
  require(expert_stage(run, y) == PEERSPEC_OK, "expert_stage");
  run.threads = 4 - run.threads;
  require(expert_stage(run, again) == PEERSPEC_OK && !std::memcmp(y.get(), again.get(), tokens * m * sizeof(T)), "threads");

  // The error of an inner product is at most D roundings of Σ|a||b|. The error of σ is that error times its slope, at
  // most 1.13, and 16 roundings of its argument. The sum over K pairs adds K roundings, and the products add a few.
  const double unit = sizeof(T) == 8 ? std::ldexp(1, -53) : std::ldexp(1, -24);
  const double roundings = 1.13 * (glu ? 2 : 1) * double(d + 16) + double(pairs) + 8;
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t c = 0; c < m; c++) {
      double sum = 0, size = 0;
      for (int64_t p = t * pairs; p < (t + 1) * pairs; p++) {
        double inner = 0, inner_size = 0, gating = 0, gating_size = 0;
        for (int64_t i = 0; i < d; i++) {
          const double a = u.values[ids[p] * d + i] * x[t * d + i], b = w.values[ids[p] * d + i] * x[t * d + i];
          inner += a, inner_size += std::fabs(a), gating += b, gating_size += std::fabs(b);
        }
        const double scale = gates[p] * v.values[ids[p] * m + c];
        sum += scale * (glu ? activate(kind, gating) * inner : activate(kind, inner));
        size += std::fabs(scale) * inner_size * (glu ? gating_size : 1);
      }
      require(std::fabs(double(y[t * m + c]) - sum) <= roundings * unit * size + 1e-37, "y");
    }

  const int64_t at = below(tokens * d);
  x[at] = T(NAN);
  require(expert_stage(run, again) == PEERSPEC_OK, "expert_stage with NaN");
  for (int64_t i = 0; i < tokens * m; i++)
    require(i / m == at / d ? again[i] != again[i] : !std::memcmp(&again[i], &y[i], sizeof(T)), "NaN stays in its token");
  ids[below(tokens * pairs)] = one_in(2) ? rows + below(1000) : -1 - below(1000);
  require(expert_stage(run, again) == PEERSPEC_BAD_ID, "bad id");
}

template <class T>
void selection() {
  const int64_t n = size_up_to(one_in(4) ? 150 : 12), rows = size_up_to(20), k = size_up_to(std::min<int64_t>(n * n, 50));
  const bool ties = one_in(2), specials = one_in(4);
  const auto draw = [&]() -> double {
    if (specials && one_in(5)) return std::vector<double>{NAN, INFINITY, -INFINITY, 3e38}[below(4)];
    return ties ? (one_in(3) ? -0.0 : double(below(4)) / 3) : number();
  };
  auto s1 = filled<T>(rows * n, draw), s2 = filled<T>(rows * n, draw);
  Array<T> scores(new T[rows * k]);
  Array<int64_t> ids(new int64_t[rows * k]);
  const peerspec_run run = random_run();
  require(!peerspec_select(&run, sizeof(T) == 8 ? PEERSPEC_F64 : PEERSPEC_F32, rows, n, k, s1.get(), s2.get(),
                           scores.get(), ids.get()),
          "select");
  for (int64_t r = 0; r < rows; r++) {
    const T *a = &s1[r * n], *b = &s2[r * n];
    const auto first = [&](int64_t one, int64_t two) {  // the selection order, SEL-1
      const int64_t i = one / n, j = one % n, i2 = two / n, j2 = two % n;
      const T sum = a[i] + b[j], sum2 = a[i2] + b[j2];
      if (sum != sum2) return sum > sum2;
      if (a[i] != a[i2]) return a[i] > a[i2];
      if (i != i2) return i < i2;
      return b[j] != b[j2] ? b[j] > b[j2] : j < j2;
    };
    std::vector<int64_t> got(&ids[r * k], &ids[r * k] + k), distinct = got;
    std::sort(distinct.begin(), distinct.end());
    require(std::unique(distinct.begin(), distinct.end()) == distinct.end(), "distinct ids");
    require(distinct.front() >= 0 && distinct.back() < n * n, "ids in range");
    for (int64_t c = 0; c < k; c++) {
      const T sum = a[got[c] / n] + b[got[c] % n];
      require(scores[r * k + c] == sum || sum != sum, "scores");
    }
    if (specials) continue;
    std::vector<int64_t> all(n * n);
    for (int64_t i = 0; i < n * n; i++) all[i] = i;
    std::partial_sort(all.begin(), all.begin() + k, all.end(), first);
    require(std::equal(got.begin(), got.end(), all.begin()), "ids");
  }
}

void scatter_sums() {
  const int64_t rows = size_up_to(60), tokens = size_up_to(9), pairs = size_up_to(30), width = size_up_to(100);
  auto ids = filled<int64_t>(tokens * pairs, [&] { return below(rows); });
  auto weights = filled<double>(tokens * pairs, [] { return below(9) - 4; });
  auto x = filled<double>(tokens * width, [] { return below(9) - 4; });  // whole numbers: every sum is exact
  const int64_t room = std::min(tokens * pairs, rows);
  Array<int64_t> order(new int64_t[tokens * pairs]), touched(new int64_t[room]), starts(new int64_t[room + 1]);
  int64_t found = 0;
  require(!peerspec_sort_ids(tokens * pairs, rows, ids.get(), order.get(), touched.get(), starts.get(), &found), "sort");
  Array<double> out(new double[found * width]);
  const peerspec_run run = random_run();
  require(!peerspec_scatter_sum(&run, PEERSPEC_F64, width, pairs, found, order.get(), starts.get(), weights.get(),
                                x.get(), out.get()),
          "scatter_sum");
  std::vector<double> dense(rows * width);
  for (int64_t p = 0; p < tokens * pairs; p++)
    for (int64_t c = 0; c < width; c++) dense[ids[p] * width + c] += weights[p] * x[p / pairs * width + c];
  for (int64_t r = 0; r < found; r++) {
    require(!r || touched[r - 1] < touched[r], "touched rows ascend");
    require(std::equal(&out[r * width], &out[r * width] + width, &dense[touched[r] * width]), "rows");
  }
}

void counts() {
  const int64_t rows = size_up_to(300), tokens = size_up_to(300), pairs = size_up_to(200);
  auto ids = filled<int64_t>(tokens * pairs, [&] { return below(rows); });
  auto gates = filled<float>(tokens * pairs, [] { return below(9) - 4; });  // whole numbers: every sum is exact
  auto mask = filled<uint8_t>(tokens, [] { return below(2); });
  auto sums = filled<double>(2 * rows, [] { return below(9); });
  std::vector<double> want(&sums[0], &sums[0] + 2 * rows);
  for (int64_t p = 0; p < tokens * pairs; p++)
    if (mask[p / pairs]) want[2 * ids[p]]++, want[2 * ids[p] + 1] += gates[p];
  const peerspec_run run = random_run();
  require(!peerspec_count_experts(&run, PEERSPEC_F32, rows, tokens, pairs, ids.get(), gates.get(), mask.get(),
                                  sums.get()),
          "count_experts");
  require(std::equal(want.begin(), want.end(), &sums[0]), "counts");
}

}  // namespace

int main(int count, char** arguments) {
  const double seconds = count > 1 ? std::atof(arguments[1]) : 1;
  uint64_t seed = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 0;
  const auto start = std::chrono::steady_clock::now();
  int64_t rounds = 0;
  do {
    words.seed(round_seed = seed++);
    switch (below(6)) {
      case 0:
        experts<double>();
        break;
      case 1:
        selection<float>();
        break;
      case 2:
        selection<double>();
        break;
      case 3:
        scatter_sums();
        break;
      case 4:
        counts();
        break;
      default:
        experts<float>();
    }
    rounds++;
  } while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds);
  std::printf("ok, %lld rounds\n", static_cast<long long>(rounds));
}
