// A machine that exists only as numbers: plans with known times, noise from a seed, and a clock that moves when
// something is measured.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "runtime/tuning/search.h"
#include "unstride/error.hpp"

namespace unstride::tuning {

class SimulatedClock final : public Clock {
 public:
  double now() override { return now_; }
  void advance(double seconds) { now_ = now_ + seconds; }

 private:
  std::atomic<double> now_ = 1000;  // builders read it
};

struct SimulatedPlan {
  std::string plan;
  double seconds = 1e-3;     ///< of a call, without noise
  double predicted = 1;      ///< by the model
  std::string failure = {};  ///< of building it
  std::string wrong = {};
  std::string family = {};
};

struct Noise {
  double spread = 0;  ///< of each call, relative: log-normal
  double drift = 0;   ///< slow changes of the whole machine, relative
  double spikes = 0;  ///< share of samples that take three times as long
  std::uint64_t seed = 1;
};

class SimulatedSubject final : public Subject {
 public:
  SimulatedSubject(SimulatedClock& clock, std::vector<SimulatedPlan> plans, Noise noise = {})
      : clock_(clock), plans_(std::move(plans)), noise_(noise), random_(noise.seed) {
    for (const SimulatedPlan& plan : plans_) candidates_.push_back({plan.plan, plan.predicted, plan.family});
    std::ranges::stable_sort(candidates_, {}, &Candidate::predicted);
    default_ = candidates_.front().plan;
  }

  const std::string& default_plan() const override { return default_; }
  const std::vector<Candidate>& candidates() const override { return candidates_; }
  std::unique_ptr<Contender> build(const std::string& plan) override {
    const std::lock_guard lock(mutex_);
    clock_.advance((built.empty() ? first_build_seconds.value_or(build_seconds) : build_seconds) / builders_at_once);
    built.push_back(plan);
    const SimulatedPlan& found = *std::ranges::find(plans_, plan, &SimulatedPlan::plan);
    if (!found.failure.empty()) throw CompileError(found.failure);
    return std::make_unique<Run>(*this, found);
  }

  int builders() const override { return builders_at_once; }

  double build_seconds = 0.02;
  std::optional<double> first_build_seconds = {};
  int builders_at_once = 1;
  std::vector<std::string> built;
  int samples = 0;
  bool first_of_three_is_slow = false;  ///< of each three samples, once the plans were built
  std::function<void()> before_sample = [] {};

 private:
  class Run final : public Contender {
   public:
    Run(SimulatedSubject& subject, const SimulatedPlan& plan) : subject_(subject), plan_(plan) {}
    std::string check() override {
      subject_.clock_.advance(plan_.seconds);
      return plan_.wrong;
    }
    double time(int calls) override {
      subject_.before_sample();
      ++subject_.samples;
      // Each of three plans took a sample when it was built.
      const bool slow = subject_.first_of_three_is_slow && subject_.samples > 3 && subject_.samples % 3 == 1;
      const double seconds = plan_.seconds * subject_.noise_factor() * (slow ? 2 : 1);
      subject_.clock_.advance(seconds * calls + plan_.seconds);
      return seconds;
    }

   private:
    SimulatedSubject& subject_;
    const SimulatedPlan& plan_;
  };

  double noise_factor() {
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    const double drift = 1 + noise_.drift * std::sin(clock_.now() * 1.7);
    const double spike = uniform(random_) < noise_.spikes ? 3 : 1;
    return std::exp(noise_.spread * normal(random_)) * drift * spike;
  }

  std::mutex mutex_;  // build() is called from several threads at once
  SimulatedClock& clock_;
  std::vector<SimulatedPlan> plans_;
  Noise noise_;
  std::mt19937_64 random_;
  std::vector<Candidate> candidates_;
  std::string default_;
};

/// Forty plans of two kinds. The model's order is not the true one: "b 7" is the fastest, 20 % before the default.
inline std::vector<SimulatedPlan> forty_plans() {
  std::vector<SimulatedPlan> plans;
  for (int i = 0; i < 40; ++i) {
    const std::string name = (i % 2 == 0 ? "a " : "b ") + std::to_string(i);
    plans.push_back({.plan = name, .seconds = 1e-3 * (1 + 0.011 * ((i * 7) % 40)), .predicted = 1 + 0.02 * i});
  }
  plans[7].seconds = 0.8e-3;
  return plans;
}

}  // namespace unstride::tuning
