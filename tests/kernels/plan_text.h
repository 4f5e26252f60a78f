// Variations of a plan, through its text as CompileOptions::plan takes it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace unstride::testing {

using PlanFields = std::vector<std::pair<std::string, std::int64_t>>;

/// The value of "field=" in the text of a plan; 0 and a failure when there is none.
inline std::int64_t plan_field(const std::string& plan, const std::string& field) {
  const auto at = (" " + plan).find(" " + field + "=");
  if (at == plan.npos) {
    ADD_FAILURE() << "plan \"" << plan << "\" has no " << field;
    return 0;
  }
  return std::stoll(plan.substr(at + field.size() + 1));
}

/// The plan with some of its fields set to other values.
inline std::string with_fields(std::string plan, const PlanFields& fields) {
  for (const auto& [field, value] : fields) {
    const auto at = (" " + plan).find(" " + field + "=");
    if (at == plan.npos) {
      ADD_FAILURE() << "plan \"" << plan << "\" has no " << field;
      continue;
    }
    const auto end = plan.find(' ', at);
    plan.replace(at, (end == plan.npos ? plan.size() : end) - at, field + "=" + std::to_string(value));
  }
  return plan;
}

}  // namespace unstride::testing
