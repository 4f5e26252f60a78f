// Which build of a library is loaded: the identifier that the linker puts into it.
#pragma once

#include <string>

namespace unstride::support {

/// The GNU build-id, in hexadecimal digits, of the loaded file that holds `address` (of a function or a constant).
/// Empty when the file has none.
std::string build_id_of(const void* address);

}  // namespace unstride::support
