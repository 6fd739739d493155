// Fault injection for common/os: a test arms one plan, and the Nth matching call fails with the given errno. Costs one predictable load per call.
#pragma once
#include <cstdint>

namespace postern::os {

enum class Call : uint8_t { kOpen, kRead, kWrite, kSync, kTruncate, kAllocate, kStat, kUnlink, kRename, kDir, kLock };

struct FaultPlan {
  Call call = Call::kWrite;
  int after = 0;         // this many matching calls still succeed
  int error = 5;         // errno of the failing one (EIO); for kRead/kWrite 0 means a short transfer, which must be survived
  bool sticky = false;   // all later ones fail too
  int fd = -1;           // only this descriptor; -1 any
};
void arm_fault(const FaultPlan& plan);
void disarm_fault();
uint64_t fault_hits();   // how often the plan has struck: proof that the rare path was reached

}  // namespace postern::os
