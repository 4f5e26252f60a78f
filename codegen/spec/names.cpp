// What the public enumerations are called, how large an element is, and what its sums are: read from the tables.
#include "codegen/spec/fields.h"
#include "unstride/spec.hpp"

namespace unstride {

std::string_view name(DType dtype) noexcept {
  const auto* row = spec::row_of(spec::dtypes, dtype);
  return row ? row->name : "unknown";
}

std::int64_t size_in_bytes(DType dtype) noexcept {
  const auto* row = spec::row_of(spec::dtypes, dtype);
  return row ? row->bytes : 0;
}

DType accumulator_of(DType dtype) noexcept {
  const auto* row = spec::row_of(spec::dtypes, dtype);
  return row ? row->accumulator : dtype;
}

}  // namespace unstride
