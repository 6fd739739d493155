// SQL functions of float4 and float8: comparison, arithmetic, conversions, and random numbers. Elementary functions are in float_math.cc.
#include <cmath>

#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/dense.h"
#include "postgres/types/jenkins_hash.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/scalar_types.h"
#include "postgres/types/session_services.h"

namespace postern {
namespace {

// NaN equals NaN and is above everything. Written without branches.
template <class A, class B> inline bool eq(A a, B b) { return (a == b) | ((a != a) & (b != b)); }
template <class A, class B> inline bool ne(A a, B b) { return !eq(a, b); }
template <class A, class B> inline bool lt(A a, B b) { return (a < b) | ((a == a) & (b != b)); }
template <class A, class B> inline bool le(A a, B b) { return (a <= b) | (b != b); }
template <class A, class B> inline bool gt(A a, B b) { return lt(b, a); }
template <class A, class B> inline bool ge(A a, B b) { return le(b, a); }
template <class A, class B> inline int32_t cmp(A a, B b) { return scalar_types::compare_floats<double>(a, b); }
template <class F> inline F larger(F a, F b) { return gt(a, b) ? a : b; }
template <class F> inline F smaller(F a, F b) { return lt(a, b) ? a : b; }

template <class F> inline bool is_inf(F v) { return std::abs(v) > std::numeric_limits<F>::max(); }

inline unsigned overflow_if(bool c) { return c * kArithOverflow; }
inline unsigned underflow_if(bool c) { return c * kArithUnderflow; }

template <class A, class B, class R>
inline unsigned add(A a, B b, R* r) {
  *r = static_cast<R>(a) + static_cast<R>(b);
  return overflow_if(is_inf(*r) & !is_inf(a) & !is_inf(b));
}
template <class A, class B, class R>
inline unsigned sub(A a, B b, R* r) {
  *r = static_cast<R>(a) - static_cast<R>(b);
  return overflow_if(is_inf(*r) & !is_inf(a) & !is_inf(b));
}
template <class A, class B, class R>
inline unsigned mul(A a, B b, R* r) {
  *r = static_cast<R>(a) * static_cast<R>(b);
  return overflow_if(is_inf(*r) & !is_inf(a) & !is_inf(b)) | underflow_if((*r == 0) & (a != 0) & (b != 0));
}
template <class A, class B, class R>
inline unsigned div(A a, B b, R* r) {
  *r = static_cast<R>(a) / static_cast<R>(b);
  unsigned by_zero = (b == 0) & (a == a);
  return by_zero * kArithDivisionByZero | overflow_if(is_inf(*r) & !is_inf(a) & (b != 0)) | underflow_if((*r == 0) & (a != 0) & !is_inf(b));
}
template <class F> inline F negate(F a) { return -a; }
template <class F> inline F absolute(F a) { return std::abs(a); }
template <class F> inline F same(F a) { return a; }

// Round to even, then check the range; NaN fails both comparisons.
template <class F, class I>
inline unsigned to_int(F v, I* r) {
  constexpr F kLimit = static_cast<F>(uint64_t{1} << (sizeof(I) * 8 - 1));
  F rounded = std::rint(v);
  bool ok = (rounded >= -kLimit) & (rounded < kLimit);
  *r = static_cast<I>(ok ? rounded : F{0});
  return !ok;
}
inline double to_float8(float v) { return v; }
inline unsigned to_float4(double v, float* r) {
  *r = static_cast<float>(v);
  return overflow_if(is_inf(*r) & !is_inf(v)) | underflow_if((*r == 0) & (v != 0));
}

int32_t hash_double(double v) {
  if (v == 0) return 0;
  if (v != v) v = std::numeric_limits<double>::quiet_NaN();
  return static_cast<int32_t>(jenkins_hash64(std::bit_cast<uint64_t>(v)));
}
int32_t hash_float(float v) { return hash_double(v); }

// xoroshiro128** (Blackman and Vigna), seeded by splitmix64: the generator behind random(), so setseed() gives the sequences users know.
class Xoroshiro {
 public:
  bool seeded() const { return s0_ | s1_; }
  void seed(uint64_t seed) {
    s0_ = splitmix(seed);
    s1_ = splitmix(seed);
    if (!seeded()) s0_ = 1;
  }
  void seed(uint64_t a, uint64_t b) {
    s0_ = a;
    s1_ = b ? b : 1;
  }
  double next() {
    uint64_t result = std::rotl(s0_ * 5, 7) * 9;
    uint64_t x = s1_ ^ s0_;
    s0_ = std::rotl(s0_, 24) ^ x ^ x << 16;
    s1_ = std::rotl(x, 37);
    return std::ldexp(static_cast<double>(result >> 12), -52);
  }

 private:
  static uint64_t splitmix(uint64_t& state) {
    uint64_t z = state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
  }
  uint64_t s0_ = 0, s1_ = 0;
};
constinit Xoroshiro g_random;

double random_float8(FnContext& cx) {
  if (!g_random.seeded()) {
    if (cx.services) g_random.seed(cx.services->random64(), cx.services->random64());
    else g_random.seed(1);
  }
  return g_random.next();
}
Datum set_seed(FnContext& cx, double seed) {
  if (!(seed >= -1 && seed <= 1)) {
    std::string text;
    scalar_types::float8_out(cx, from_float8(seed), text);
    throw SqlError{sqlstate::kInvalidParameterValue, "setseed parameter " + text + " is out of allowed range [-1,1]"};
  }
  g_random.seed(static_cast<uint64_t>(static_cast<int64_t>(static_cast<double>((int64_t{1} << 52) - 1) * seed)));
  return 0;
}

using F4 = float;
using F8 = double;
constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    TOTAL_FN(287, (eq<F4, F4>)), TOTAL_FN(288, (ne<F4, F4>)), TOTAL_FN(289, (lt<F4, F4>)), TOTAL_FN(290, (le<F4, F4>)), TOTAL_FN(291, (gt<F4, F4>)),
    TOTAL_FN(292, (ge<F4, F4>)),
    TOTAL_FN(293, (eq<F8, F8>)), TOTAL_FN(294, (ne<F8, F8>)), TOTAL_FN(295, (lt<F8, F8>)), TOTAL_FN(296, (le<F8, F8>)), TOTAL_FN(297, (gt<F8, F8>)),
    TOTAL_FN(298, (ge<F8, F8>)),
    TOTAL_FN(299, (eq<F4, F8>)), TOTAL_FN(300, (ne<F4, F8>)), TOTAL_FN(301, (lt<F4, F8>)), TOTAL_FN(302, (le<F4, F8>)), TOTAL_FN(303, (gt<F4, F8>)),
    TOTAL_FN(304, (ge<F4, F8>)),
    TOTAL_FN(305, (eq<F8, F4>)), TOTAL_FN(306, (ne<F8, F4>)), TOTAL_FN(307, (lt<F8, F4>)), TOTAL_FN(308, (le<F8, F4>)), TOTAL_FN(309, (gt<F8, F4>)),
    TOTAL_FN(310, (ge<F8, F4>)),
    TOTAL_FN(354, (cmp<F4, F4>)), TOTAL_FN(355, (cmp<F8, F8>)), TOTAL_FN(2194, (cmp<F4, F8>)), TOTAL_FN(2195, (cmp<F8, F4>)),
    TOTAL_FN(209, larger<F4>), TOTAL_FN(211, smaller<F4>), TOTAL_FN(223, larger<F8>), TOTAL_FN(224, smaller<F8>),
    CHECKED_FN(204, (add<F4, F4, F4>)), CHECKED_FN(205, (sub<F4, F4, F4>)), CHECKED_FN(202, (mul<F4, F4, F4>)), CHECKED_FN(203, (div<F4, F4, F4>)),
    CHECKED_FN(218, (add<F8, F8, F8>)), CHECKED_FN(219, (sub<F8, F8, F8>)), CHECKED_FN(216, (mul<F8, F8, F8>)), CHECKED_FN(217, (div<F8, F8, F8>)),
    CHECKED_FN(281, (add<F4, F8, F8>)), CHECKED_FN(282, (sub<F4, F8, F8>)), CHECKED_FN(279, (mul<F4, F8, F8>)), CHECKED_FN(280, (div<F4, F8, F8>)),
    CHECKED_FN(285, (add<F8, F4, F8>)), CHECKED_FN(286, (sub<F8, F4, F8>)), CHECKED_FN(283, (mul<F8, F4, F8>)), CHECKED_FN(284, (div<F8, F4, F8>)),
    TOTAL_FN(206, negate<F4>), TOTAL_FN(220, negate<F8>), TOTAL_FN(207, absolute<F4>), TOTAL_FN(1394, absolute<F4>), TOTAL_FN(221, absolute<F8>),
    TOTAL_FN(1395, absolute<F8>), TOTAL_FN(1913, same<F4>), TOTAL_FN(1914, same<F8>),
    CHECKED_FN(237, (to_int<F8, int16_t>)), CHECKED_FN(238, (to_int<F4, int16_t>)), CHECKED_FN(317, (to_int<F8, int32_t>)),
    CHECKED_FN(319, (to_int<F4, int32_t>)), CHECKED_FN(483, (to_int<F8, int64_t>)), CHECKED_FN(653, (to_int<F4, int64_t>)),
    TOTAL_FN(311, to_float8), CHECKED_FN(312, to_float4),
    STRICT_FN(451, hash_float), STRICT_FN(452, hash_double),
    STRICT_FN(1598, random_float8), STRICT_FN(1599, set_seed),
}));

}  // namespace

constinit const FnTables kFloatFns{kFns, {}, {}};

}  // namespace postern
