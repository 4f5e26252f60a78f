// The header of a .npy file: a Python dict with the keys descr, fortran_order and shape, in any order.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace unstride::tools {

struct NpyHeader {
  std::string descr;  ///< "<f4"
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// What is wrong with a header, without the file's name.
struct NpyHeaderError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

NpyHeader parse_npy_header(std::string_view text);

}  // namespace unstride::tools
