// What tuning leaves on disk: docs/tuning.md describes the lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tuning/sample.h"
#include "runtime/tuning/search.h"

namespace unstride::tuning {

/// What times depend on besides the layer and the plan.
struct Environment {
  std::string processor;  ///< its name with family, model and stepping: virtual machines misreport the name alone
  std::string features;   ///< that compiled code may use
  std::string compiler;   ///< "LLVM 19.1.7"
  std::string generator;  ///< digest of the code generator's sources
  friend bool operator==(const Environment&, const Environment&) = default;
};

/// One layer at one length, and how it was measured. Units are the same exactly when all of it is.
struct Unit {
  std::string layer;   ///< canonical spec
  std::string target;  ///< triple, level and features: what the code is for, not how the user called it
  std::int64_t batch = 1, length = 0;
  int threads = 1;
  bool cold = false;
  Environment environment;

  /// 64 hexadecimal digits.
  std::string key() const;
  friend bool operator==(const Unit&, const Unit&) = default;
};

/// What choices are looked up by: the layer and the target.
std::string lookup_key(std::string_view layer, std::string_view target);

/// What a search came to.
struct Choice {
  Unit unit;
  std::string plan, default_plan;
  bool complete = false, settled = false;
  Interval time, default_time;    ///< seconds of a call, measured side by side; zeros where nothing was measured
  std::vector<Tried> tried = {};  ///< the best and the refused
  std::int64_t candidates = 0;    ///< legal plans
  std::int64_t rounds = 0;        ///< measured for it, by this process
  std::int64_t made = 0;          ///< seconds since the epoch
  double took = 0;                ///< seconds of this process
};

// One line each, without line end. What cannot be read is nothing: torn, or of another version.
std::string to_line(const Choice& choice);
std::optional<Choice> read_choice(std::string_view line);
std::string to_line(const std::string& unit, const Sample& sample);
struct UnitSample {
  std::string unit;
  Sample sample;
};
std::optional<UnitSample> read_sample(std::string_view line);
std::string to_line(const Unit& unit);

/// The lookup key of a choice's line, without reading the rest. Empty if it is no such line.
std::string_view lookup_key_of(std::string_view line);

}  // namespace unstride::tuning
