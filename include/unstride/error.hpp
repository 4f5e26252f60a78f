// Everything unstride throws derives from Error, so a caller can catch one type.
#pragma once

#include <stdexcept>
#include <string>

#include "unstride/export.hpp"

namespace unstride {

class UNSTRIDE_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A layer spec that cannot be accepted. what() reads "spec.stride: 0: must be at least 1".
class UNSTRIDE_API SpecError : public Error {
 public:
  /// field: dotted path such as "spec.prologue.op"; value: what was given, as JSON text (empty when the
  /// field is missing); allowed: what would have been accepted.
  SpecError(std::string field, std::string value, std::string allowed);

  const std::string& field() const noexcept { return field_; }
  const std::string& value() const noexcept { return value_; }
  const std::string& allowed() const noexcept { return allowed_; }

 private:
  std::string field_, value_, allowed_;
};

/// An argument of a call that does not fit the kernel it is given to: a buffer of the wrong size or type,
/// a negative length. what() names the argument.
class UNSTRIDE_API ArgumentError : public Error {
 public:
  using Error::Error;
};

/// A target that is unknown, or that this machine or this build cannot compile for or run on.
class UNSTRIDE_API TargetError : public Error {
 public:
  using Error::Error;
};

/// The compiler behind a target failed. what() carries its log.
class UNSTRIDE_API CompileError : public Error {
 public:
  using Error::Error;
};

}  // namespace unstride
