// What one plan did in a stretch of rounds: what the search records, and what it takes up again.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unstride::tuning {

enum class Outcome { ok, failed, wrong };  ///< failed: could not be compiled; wrong: gave wrong results

std::string_view name(Outcome outcome);

struct Sample {
  std::string plan;
  Outcome outcome = Outcome::ok;
  std::string reason = {};  ///< of an outcome that is not ok
  int rung = 0;
  int first_round = 0;               ///< of `seconds` in its rung
  int calls = 1;                     ///< behind each time
  std::vector<double> seconds = {};  ///< of one call, by round
  std::string conditions = {};       ///< Subject::conditions, after the last of them
};

/// Everything recorded of one unit. Only times of one source (a process) and round were measured side by side.
class History {
 public:
  void add(const std::string& source, const Sample& sample);
  bool empty() const { return times_.empty() && refused_.empty(); }

  /// What is known to be wrong with a plan; null if nothing is.
  const Sample* refused(const std::string& plan) const;
  /// The rounds of this rung that have all of these plans: result[plan][round].
  std::vector<std::vector<double>> rounds(int rung, const std::vector<std::string>& plans) const;

 private:
  using Round = std::pair<std::string, int>;                                          // source, round
  std::map<int, std::map<Round, std::map<std::string, double, std::less<>>>> times_;  // by rung
  std::map<std::string, Sample, std::less<>> refused_;
};

}  // namespace unstride::tuning
