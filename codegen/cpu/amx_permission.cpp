#include "codegen/cpu/amx_permission.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace unstride::cpu {

bool amx_permitted() {
#ifdef SYS_arch_prctl
  // asm/prctl.h of kernels since 5.16: the headers of a distribution may be older than its kernel.
  constexpr long request_permission = 0x1023, tile_data = 18;
  static const bool permitted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return permitted;
#else
  return false;
#endif
}

}  // namespace unstride::cpu
