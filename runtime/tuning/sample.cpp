#include "runtime/tuning/sample.h"

#include <algorithm>

namespace unstride::tuning {

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::failed:
      return "compile failed";
    case Outcome::wrong:
      return "wrong";
    case Outcome::ok:
      break;
  }
  return "ok";
}

void History::add(const std::string& source, const Sample& sample) {
  if (sample.outcome != Outcome::ok) {
    refused_.insert_or_assign(sample.plan, sample);
    return;
  }
  for (std::size_t i = 0; i < sample.seconds.size(); ++i)
    times_[sample.rung][{source, sample.first_round + static_cast<int>(i)}].insert_or_assign(sample.plan,
                                                                                             sample.seconds[i]);
}

const Sample* History::refused(const std::string& plan) const {
  const auto found = refused_.find(plan);
  return found == refused_.end() ? nullptr : &found->second;
}

std::vector<std::vector<double>> History::rounds(int rung, const std::vector<std::string>& plans) const {
  std::vector<std::vector<double>> result(plans.size());
  const auto found = times_.find(rung);
  if (found == times_.end()) return result;
  for (const auto& [round, times] : found->second) {
    const auto& here = times;
    if (!std::ranges::all_of(plans, [&](const std::string& plan) { return here.contains(plan); })) continue;
    for (std::size_t i = 0; i < plans.size(); ++i) result[i].push_back(here.at(plans[i]));
  }
  return result;
}

}  // namespace unstride::tuning
