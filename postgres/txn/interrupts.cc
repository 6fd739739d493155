#include "postgres/txn/interrupts.h"

#include <utility>

namespace postern::txn {
namespace {
InterruptCheck g_check = nullptr;
}

InterruptCheck set_interrupt_check(InterruptCheck check) { return std::exchange(g_check, check); }
void check_interrupts() {
  if (g_check) g_check();
}

}  // namespace postern::txn
