// NumPy's .npy files: arrays of floating-point numbers in C order, formats 1.0 to 3.0. NumPy has no bfloat16: its bits
// are kept as uint16, which is also how they come out of other programs (torch: x.view(torch.uint16).numpy()).
//
//     "\x93NUMPY" major minor | header length (2 bytes in 1.0, else 4) | header: a Python dict in ASCII | the elements
//
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. A file is believed only as far as it goes:
// memory is taken as data arrives, never because a header announces it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "unstride/element.hpp"

namespace unstride::tools {

struct NpyArray {
  std::vector<std::int64_t> shape;
  std::variant<std::vector<float>, std::vector<double>, std::vector<Float16>, std::vector<BFloat16>> data;

  DType dtype() const;
};

/// Throws Error naming the file and what is wrong with it.
NpyArray read_npy(const std::filesystem::path& path);

/// The same from a stream; `name` stands for it in errors.
NpyArray read_npy(std::istream& in, const std::string& name);

/// Writes format 1.0, bfloat16 as uint16. Throws Error; see write_file.
template <typename T>
void write_npy(const std::filesystem::path& path, std::span<const std::int64_t> shape, std::span<const T> data);

/// A shape as Python writes it: "(2, 512, 32)", "(7,)", "()".
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace unstride::tools
