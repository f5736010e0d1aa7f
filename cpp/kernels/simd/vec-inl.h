// The vector type of one instruction set, on GCC's vector extensions: +, -, *, /, comparisons, ?: and [] are the compiler's own;
// what it lacks (exact fma, square root, loads from unaligned memory) stands here. CHAINRULE_VECTOR_BYTES is the width. Compiled
// once per instruction set, inside an anonymous namespace: nothing here may be seen by the linker.

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
};
template <class T>
using Vec = typename VecOf<T>::type;

template <class T>
inline constexpr std::size_t kLanes = CHAINRULE_VECTOR_BYTES / sizeof(T);
/// Vectors in one row of a panel.
template <class T>
inline constexpr std::size_t kVectorsPerPanel = kPanelWidth<T> / kLanes<T>;

#if defined(__FMA__) || defined(__aarch64__)
inline constexpr bool kFused = true;
#else
inline constexpr bool kFused = false;
#endif

/// A float vector's lanes as doubles take two vectors of doubles: the elementary functions of float are computed in them.
typedef float HalfVec __attribute__((vector_size(CHAINRULE_VECTOR_BYTES / 2)));

template <class T>
CHAINRULE_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}

template <class T>
CHAINRULE_INLINE void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof(v));
}

template <class T>
CHAINRULE_INLINE Vec<T> splat(T s) {
  return s - Vec<T>{};
}

/// The first n < kLanes lanes of p, zeros after them; reads nothing past p + n. Through memory it would wait for its own stores.
#if defined(__AVX512F__) && CHAINRULE_VECTOR_BYTES == 64
CHAINRULE_INLINE Vec<float> load_first(const float* p, std::size_t n) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1), p);
}
CHAINRULE_INLINE Vec<double> load_first(const double* p, std::size_t n) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1U << n) - 1), p);
}
#elif defined(__AVX2__) && CHAINRULE_VECTOR_BYTES == 32
CHAINRULE_INLINE Vec<float> load_first(const float* p, std::size_t n) {
  typedef std::int32_t Ints __attribute__((vector_size(32)));
  const Ints lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return _mm256_maskload_ps(p, (__m256i)(lane < static_cast<std::int32_t>(n)));
}
CHAINRULE_INLINE Vec<double> load_first(const double* p, std::size_t n) {
  typedef std::int64_t Longs __attribute__((vector_size(32)));
  const Longs lane = {0, 1, 2, 3};
  return _mm256_maskload_pd(p, (__m256i)(lane < static_cast<std::int64_t>(n)));
}
#else
template <class T>
CHAINRULE_INLINE Vec<T> load_first(const T* p, std::size_t n) {
  Vec<T> v = {};
  __builtin_memcpy(&v, p, n * sizeof(T));
  return v;
}
#endif

template <class T>
CHAINRULE_INLINE void store_first(T* p, Vec<T> v, std::size_t n) {
  __builtin_memcpy(p, &v, n * sizeof(T));
}

// a * b + c, rounded once. Contraction is off in the whole build, so that these are the only fused operations.
#if defined(__AVX512F__) && CHAINRULE_VECTOR_BYTES == 64
CHAINRULE_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm512_fmadd_ps(a, b, c); }
CHAINRULE_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return _mm512_fmadd_pd(a, b, c); }
// The unmasked forms pass an undefined vector, of which GCC 12 warns.
CHAINRULE_INLINE Vec<float> sqrt(Vec<float> v) { return _mm512_maskz_sqrt_ps(static_cast<__mmask16>(-1), v); }
CHAINRULE_INLINE Vec<double> sqrt(Vec<double> v) { return _mm512_maskz_sqrt_pd(static_cast<__mmask8>(-1), v); }
#elif defined(__FMA__) && CHAINRULE_VECTOR_BYTES == 32
CHAINRULE_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm256_fmadd_ps(a, b, c); }
CHAINRULE_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return _mm256_fmadd_pd(a, b, c); }
CHAINRULE_INLINE Vec<float> sqrt(Vec<float> v) { return _mm256_sqrt_ps(v); }
CHAINRULE_INLINE Vec<double> sqrt(Vec<double> v) { return _mm256_sqrt_pd(v); }
#elif defined(__FMA__) && CHAINRULE_VECTOR_BYTES == 16
CHAINRULE_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm_fmadd_ps(a, b, c); }
CHAINRULE_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return _mm_fmadd_pd(a, b, c); }
CHAINRULE_INLINE Vec<float> sqrt(Vec<float> v) { return _mm_sqrt_ps(v); }
CHAINRULE_INLINE Vec<double> sqrt(Vec<double> v) { return _mm_sqrt_pd(v); }
#elif defined(__FMA__) && CHAINRULE_VECTOR_BYTES == 64
// The source of AVX-512 without AVX-512, in halves: for tests on other processors.
template <class T>
struct Halves {
  typedef T Half __attribute__((vector_size(CHAINRULE_VECTOR_BYTES / 2)));
  Half low;
  Half high;
};
template <class T>
CHAINRULE_INLINE Halves<T> halves(Vec<T> v) {
  Halves<T> h;
  __builtin_memcpy(&h, &v, sizeof(h));
  return h;
}
template <class T>
CHAINRULE_INLINE Vec<T> whole(Halves<T> h) {
  Vec<T> v;
  __builtin_memcpy(&v, &h, sizeof(v));
  return v;
}
CHAINRULE_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  const auto x = halves<float>(a), y = halves<float>(b), z = halves<float>(c);
  return whole<float>({_mm256_fmadd_ps(x.low, y.low, z.low), _mm256_fmadd_ps(x.high, y.high, z.high)});
}
CHAINRULE_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  const auto x = halves<double>(a), y = halves<double>(b), z = halves<double>(c);
  return whole<double>({_mm256_fmadd_pd(x.low, y.low, z.low), _mm256_fmadd_pd(x.high, y.high, z.high)});
}
CHAINRULE_INLINE Vec<float> sqrt(Vec<float> v) {
  const auto x = halves<float>(v);
  return whole<float>({_mm256_sqrt_ps(x.low), _mm256_sqrt_ps(x.high)});
}
CHAINRULE_INLINE Vec<double> sqrt(Vec<double> v) {
  const auto x = halves<double>(v);
  return whole<double>({_mm256_sqrt_pd(x.low), _mm256_sqrt_pd(x.high)});
}
#elif defined(__aarch64__) && CHAINRULE_VECTOR_BYTES == 16
CHAINRULE_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
CHAINRULE_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
CHAINRULE_INLINE Vec<float> sqrt(Vec<float> v) { return (Vec<float>)vsqrtq_f32((float32x4_t)v); }
CHAINRULE_INLINE Vec<double> sqrt(Vec<double> v) { return (Vec<double>)vsqrtq_f64((float64x2_t)v); }
#else
// Without the instruction: the C library's fma is exact on every processor, and slow. Not inlined: thousands of its calls would be
// 0.3 MB of code. Nor are the elementary functions: beside such a fma a call is nothing.
#define CHAINRULE_ELEMENTARY [[maybe_unused, gnu::noinline]]
[[maybe_unused, gnu::noinline]] Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  Vec<double> r;
  for (std::size_t i = 0; i < kLanes<double>; ++i) r[i] = __builtin_fma(a[i], b[i], c[i]);
  return r;
}
#if defined(CHAINRULE_REFERENCE)
CHAINRULE_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  Vec<float> r;
  for (std::size_t i = 0; i < kLanes<float>; ++i) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
}
#else
// For float the product is exact in double. The sum is rounded to double towards odd (Boldo and Melquiond, "Emulation of FMA and
// correctly rounded sums", 2008), after which rounding to float gives what one rounding would: 53 >= 24 + 2 bits.
CHAINRULE_INLINE HalfVec fma_half(HalfVec a, HalfVec b, HalfVec c) {
  typedef std::int64_t Bits __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
  const Vec<double> p = __builtin_convertvector(a, Vec<double>) * __builtin_convertvector(b, Vec<double>);
  const Vec<double> q = __builtin_convertvector(c, Vec<double>);
  const Vec<double> sum = p + q;
  const Vec<double> q_part = sum - p;
  const Vec<double> error = (p - (sum - q_part)) + (q - q_part);  // Knuth's TwoSum; NaN where the sum is not finite
  const Bits bits = (Bits)sum;
  const Bits inexact = (Bits)(error > 0.0) | (Bits)(error < 0.0);
  const Bits away = ((Bits)(error > 0.0) == (Bits)(sum > 0.0));  // -1: the exact sum is larger in magnitude than `sum`
  const Bits step = (away & 2) - 1;                              // +1 or -1: the neighbour on the exact sum's side, by its bits
  const Bits odd = bits & 1;
  const Bits moved = bits + (step & inexact & (odd - 1));
  return __builtin_convertvector((Vec<double>)moved, HalfVec);
}
[[maybe_unused, gnu::noinline]] Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  HalfVec x[2], y[2], z[2];
  __builtin_memcpy(x, &a, sizeof(a));
  __builtin_memcpy(y, &b, sizeof(b));
  __builtin_memcpy(z, &c, sizeof(c));
  const HalfVec r[2] = {fma_half(x[0], y[0], z[0]), fma_half(x[1], y[1], z[1])};
  Vec<float> v;
  __builtin_memcpy(&v, r, sizeof(v));
  return v;
}
#endif
CHAINRULE_INLINE Vec<float> sqrt(Vec<float> v) {
  for (std::size_t i = 0; i < kLanes<float>; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
}
CHAINRULE_INLINE Vec<double> sqrt(Vec<double> v) {
  for (std::size_t i = 0; i < kLanes<double>; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
}
#endif

// a < b ? b : a as written: a NaN in the comparison gives a, on every instruction set.
template <class V>
CHAINRULE_INLINE V max(V a, V b) {
  return a < b ? b : a;
}
template <class V>
CHAINRULE_INLINE V min(V a, V b) {
  return b < a ? b : a;
}

/// A float vector as doubles, and back with one rounding.
struct DoublePair {
  Vec<double> low;
  Vec<double> high;
};
CHAINRULE_INLINE DoublePair to_doubles(Vec<float> v) {
  HalfVec half[2];
  __builtin_memcpy(half, &v, sizeof(v));
  return {__builtin_convertvector(half[0], Vec<double>), __builtin_convertvector(half[1], Vec<double>)};
}
CHAINRULE_INLINE Vec<float> to_floats(DoublePair pair) {
  const HalfVec half[2] = {__builtin_convertvector(pair.low, HalfVec), __builtin_convertvector(pair.high, HalfVec)};
  Vec<float> v;
  __builtin_memcpy(&v, half, sizeof(v));
  return v;
}
