// What is tuned, as the search sees it: plans by their text, and a way to build, check and time each. A back end
// implements it for its device; nothing here knows what a plan says.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace unstride::tuning {

/// A plan that was built, with the data it computes on.
class Contender {
 public:
  virtual ~Contender() = default;
  /// Empty when its results are right, else what is wrong. The default plan's contender defines what is right under
  /// strict math, where every plan gives the same bits; under fast math a bound does.
  virtual std::string check() = 0;
  /// Seconds of a call, of so many or more that come one right after the other, by the clock of the device. Data are
  /// brought into the caches first, or out of them before each call, as the subject was set up.
  virtual double time(int calls) = 0;
};

struct Candidate {
  std::string plan;
  double predicted = 0;     ///< cost by the model, in any unit
  std::string family = {};  ///< the same for plans that differ in sizes alone
};

/// One layer at one length, for one target and number of threads.
class Subject {
 public:
  virtual ~Subject() = default;
  /// What the layer is computed by without tuning.
  virtual const std::string& default_plan() const = 0;
  /// All legal plans, the cheapest predicted first. This order decides between plans that are equally fast.
  virtual const std::vector<Candidate>& candidates() const = 0;
  /// The first to be built is the default. Throws Error when the plan cannot be compiled. From several threads at once.
  virtual std::unique_ptr<Contender> build(const std::string& plan) = 0;
  /// Does what it can of build() in advance, away from the processors that measure.
  virtual void build_ahead(const std::string&) {}
  /// How many threads may build at once while nothing is measured.
  virtual int builders() const { return 1; }
  /// What times depend on that changes meanwhile, for the record: "SM 1755 MHz, memory 3201 MHz". Empty: nothing is
  /// told.
  virtual std::string conditions() const { return {}; }
  /// How many contenders memory holds at once.
  virtual std::size_t most_contenders() const { return 1000; }
};

}  // namespace unstride::tuning
