#include "cache/report.h"

namespace unstride::cache {

namespace {

// More different complaints than anyone reads; the set must not grow for ever in a long-lived process.
constexpr std::size_t max_topics = 1000;

}  // namespace

void ReportOnce::operator()(const std::string& topic, const std::string& line) {
  if (!report_) return;
  {
    const std::lock_guard lock(mutex_);
    if (said_.size() >= max_topics || !said_.insert(topic).second) return;
  }
  report_(line);
}

}  // namespace unstride::cache
