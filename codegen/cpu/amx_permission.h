// Linux lends the matrix unit's registers to processes that ask.
#pragma once

namespace unstride::cpu {

/// Asks once, for this process and all its threads; false where the kernel or the machine has no such thing. From then
/// on the frames of signal handlers are 8 KiB larger, so only those who are about to use it ask.
bool amx_permitted();

}  // namespace unstride::cpu
