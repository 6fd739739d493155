#include "postgres/types/dense.h"

#include "common/base/error.h"

namespace postern {

void throw_arith(unsigned flags, ArithResult result) {
  if (flags & kArithDivisionByZero) throw SqlError{sqlstate::kDivisionByZero, "division by zero"};
  const char* message = "value out of range: overflow";
  switch (result) {
    case ArithResult::kInt2: message = "smallint out of range"; break;
    case ArithResult::kInt4: message = "integer out of range"; break;
    case ArithResult::kInt8: message = "bigint out of range"; break;
    case ArithResult::kOid: message = "OID out of range"; break;
    case ArithResult::kChar: message = "\"char\" out of range"; break;
    case ArithResult::kFloat:
      if (!(flags & kArithOverflow)) message = "value out of range: underflow";
      break;
  }
  throw SqlError{sqlstate::kNumericValueOutOfRange, message};
}

namespace dense_detail {

bool join_nulls(const Vector* args, int nargs, uint32_t n, uint8_t* out) {
  bool any = false;
  for (int a = 0; a < nargs; a++) {
    const Vector& v = args[a];
    if (!v.nulls || (v.stride == 0 && !v.nulls[0])) continue;
    if (v.stride == 0) {
      std::memset(out, 1, n);
      return true;
    }
    if (!any) {
      for (uint32_t i = 0; i < n; i++) out[i] = v.nulls[i] != 0;
    } else {
      for (uint32_t i = 0; i < n; i++) out[i] |= v.nulls[i] != 0;
    }
    any = true;
  }
  if (!any) std::memset(out, 0, n);
  return any;
}

}  // namespace dense_detail
}  // namespace postern
