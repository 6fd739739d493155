// Pins: hazard pointers in this process's slot.
#include <bit>

#include "common/base/check.h"
#include "postgres/buffer/pool.h"

namespace postern::buffer {
namespace {
uint64_t g_pin_mask = 0;  // which of my slot's pins are in use
}

uint8_t add_pin(uint32_t b) {
  auto index = static_cast<uint32_t>(std::countr_one(g_pin_mask));
  POSTERN_CHECK(index < region::kMaxPins);
  g_pin_mask |= 1ull << index;
  region::ProcSlot& s = region::my_slot();
  if (s.pins_used.load(std::memory_order_relaxed) <= index) s.pins_used.store(index + 1, std::memory_order_relaxed);
  s.pins[index].store(b, std::memory_order_seq_cst);  // full barrier: visible before the caller looks at the buffer's state
  return static_cast<uint8_t>(index);
}

void remove_pin(uint8_t index) {
  region::ProcSlot& s = region::my_slot();
  s.pins[index].store(0, std::memory_order_release);
  g_pin_mask &= ~(1ull << index);
  if (g_pin_mask < 1ull << index) s.pins_used.store(static_cast<uint32_t>(std::bit_width(g_pin_mask)), std::memory_order_release);
}

bool pinned_by_other_than(uint32_t b, uint8_t my_index) {
  int high = region::slot_high_water();
  int me = raw(region::my_slot_no());
  for (int i = 0; i < high; ++i) {
    region::ProcSlot& s = region::slot(SlotNo(i));
    uint32_t used = s.pins_used.load(std::memory_order_acquire);
    for (uint32_t k = 0; k < used && k < region::kMaxPins; ++k)
      if (s.pins[k].load(std::memory_order_acquire) == b && !(i == me && k == my_index)) return true;
  }
  return false;
}
bool pinned_by_anyone(uint32_t b) { return pinned_by_other_than(b, 255); }

}  // namespace postern::buffer
