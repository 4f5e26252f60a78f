// The plans of one kernel. Which of them computes a call depends on the call's columns alone, and all are compiled
// together: a new length never compiles.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/plan/cpu_plan.h"

namespace unstride::plan {

struct Variant {
  static constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();

  CpuPlan plan;
  std::int64_t most_columns = any;  ///< of a call that it computes

  friend bool operator==(const Variant&, const Variant&) = default;
};

struct KernelPlan {
  KernelPlan() = default;
  KernelPlan(const CpuPlan& plan) : variants{{plan}} {}  // NOLINT(google-explicit-constructor): the usual case

  std::vector<Variant> variants;  ///< by most_columns, ascending; the last takes any number

  /// The one for every length that no other is for.
  const CpuPlan& general() const { return variants.back().plan; }
  /// The index of the variant for a call of so many columns.
  std::size_t index_for(std::int64_t columns) const;

  friend bool operator==(const KernelPlan&, const KernelPlan&) = default;
};

/// "columns<=8: row_lanes vectors=...; column_lanes channels=...": CpuPlans, each but the last after its range.
std::string to_string(const KernelPlan& plan);
/// Reads what to_string writes. Throws ArgumentError that names the part it can't read.
KernelPlan parse_kernel_plan(std::string_view text);

}  // namespace unstride::plan
