// How waits inside the engine notice a cancel, a timeout or the end of the session. The session sets the check; it throws 57014 or 57P01.
#pragma once

namespace postern::txn {

using InterruptCheck = void (*)();
InterruptCheck set_interrupt_check(InterruptCheck check);   // returns the former one; nullptr: none
void check_interrupts();                                    // never call it with a latch held or inside a critical section

}  // namespace postern::txn
