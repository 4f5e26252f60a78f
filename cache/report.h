// How the cache speaks to people: one actionable line for each thing that went wrong, said once.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <unordered_set>

namespace unstride::cache {

/// Called with a line without line end. May be called from any thread; must not throw.
using Report = std::function<void(const std::string& line)>;

/// Says one line for each topic, and nothing when asked again. From any thread.
class ReportOnce {
 public:
  explicit ReportOnce(Report report) : report_(std::move(report)) {}

  void operator()(const std::string& topic, const std::string& line);

 private:
  Report report_;
  std::mutex mutex_;
  std::unordered_set<std::string> said_;
};

}  // namespace unstride::cache
