// How a refusal reads: the field, what was given (if anything was), what is allowed.
#include "unstride/error.hpp"

#include <fmt/format.h>

#include <utility>

namespace unstride {
namespace {

std::string message(const std::string& field, const std::string& value, const std::string& allowed) {
  if (value.empty()) return fmt::format("{}: {}", field, allowed);
  return fmt::format("{}: {}: {}", field, value, allowed);
}

}  // namespace

SpecError::SpecError(std::string field, std::string value, std::string allowed)
    : Error(message(field, value, allowed)),
      field_(std::move(field)),
      value_(std::move(value)),
      allowed_(std::move(allowed)) {}

}  // namespace unstride
