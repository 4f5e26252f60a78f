// Measured plans, from the cache's folder to the kernel: who is believed, and what is said. With the static layers, to
// plant measurements.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "codegen/cpu/targets.h"
#include "codegen/plan/cpu_planner.h"
#include "engine_testing.h"
#include "runtime/cpu_subject.h"
#include "runtime/fast_math_check.h"
#include "runtime/processor.h"
#include "runtime/tuning/journal.h"

namespace unstride::testing {
namespace {

constexpr std::int64_t tuned_length = 200;

class TunedPlans : public ::testing::Test {
 protected:
  Engine engine(int threads = 1, CacheMode mode = CacheMode::read_write) {
    return Engine({.threads = threads,
                   .cache = {.mode = mode, .directory = folder / "cache", .log = [this](const std::string& line) {
                               log.push_back(line);
                             }}});
  }

  // As a tuner on this machine would have left it.
  void plant(const std::string& plan, int threads = 1) {
    const plan::CpuTarget target = cpu::target("cpu");
    tuning::Journal({.root = folder / "cache"})
        .add(tuning::Choice{.unit = {.layer = to_json(spec),
                                     .target = target.triple + " " + target.base_cpu + " " + target.features,
                                     .length = tuned_length,
                                     .threads = threads,
                                     .environment = cpu_environment(target)},
                            .plan = plan,
                            .default_plan = "whatever it was",
                            .complete = true,
                            .time = {},
                            .default_time = {}});
  }

  // Legal, and not what the model chose for any range.
  std::string another_plan() const {
    const plan::PlanChoice choice = plan::choose_plan({spec, cpu::target("cpu")});
    for (const plan::Candidate& candidate : choice.candidates)
      if (std::ranges::find(choice.plan.variants, candidate.plan, &plan::Variant::plan) == choice.plan.variants.end())
        return to_string(candidate.plan);
    return {};
  }

  TestFolder folder;
  const LayerSpec spec = small_layer();
  std::vector<std::string> log;
};

TEST_F(TunedPlans, AreTakenAroundTheLengthTheyWereMeasuredAt) {
  const std::string model = engine().compile(spec).info().plan;
  plant(another_plan());
  const CompileInfo info = engine().compile(spec).info();
  EXPECT_NE(info.plan, model);
  EXPECT_NE(info.plan.find(another_plan()), std::string::npos);
  EXPECT_EQ(info.plan_source, "tuning");
  EXPECT_EQ(planned_by(info, tuned_length), "exact");
  EXPECT_EQ(planned_by(info, tuned_length + 1), "nearest");
  EXPECT_EQ(planned_by(info, 1), "model");
  EXPECT_EQ(planned_by(info, 10 * tuned_length), "model");
}

TEST_F(TunedPlans, OfAnotherNumberOfThreadsAreTheNearest) {
  plant(another_plan(), 7);
  const CompileInfo info = engine().compile(spec).info();
  EXPECT_NE(info.plan.find(another_plan()), std::string::npos);
  EXPECT_EQ(planned_by(info, tuned_length), "nearest");
}

TEST_F(TunedPlans, ChangeNoBit) {
  const auto outputs = [&](const Kernel& kernel) {
    std::vector<float> x(static_cast<std::size_t>(spec.in_channels * tuned_length));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) - 8.1f;
    std::vector<float> values = initial_parameters<float>(spec, 3);
    const std::vector<float> bias(values.begin() + spec.weight_count(), values.end());
    values.resize(static_cast<std::size_t>(spec.weight_count()));
    std::vector<float> y(static_cast<std::size_t>(spec.out_channels * kernel.output_length(tuned_length)));
    kernel.run(x, kernel.pack(values, bias), y, {.length = tuned_length});
    return y;
  };
  const std::vector<float> before = outputs(engine().compile(spec));
  plant(another_plan());
  EXPECT_EQ(outputs(engine().compile(spec)), before);
}

TEST_F(TunedPlans, ThatAreNotLegalAnyMoreAreSkippedAndNamedOnce) {
  const std::string model = engine().compile(spec).info().plan;
  plant(
      "row_lanes vectors=2 columns=14 input=packed prefetch=none taps=4 channel_block=16 strip=13 "
      "column_block=26");
  const Engine user = engine();
  EXPECT_EQ(user.explain(spec).plan, model);
  EXPECT_EQ(user.compile(spec).info().plan, model);
  EXPECT_EQ(user.compile(spec).info().plan_source, "model");
  ASSERT_EQ(log.size(), 1u);
  EXPECT_NE(log[0].find("strip must be a multiple"), std::string::npos) << log[0];
  EXPECT_NE(log[0].find("tune again"), std::string::npos) << log[0];
}

TEST_F(TunedPlans, GiveWayToAPlanThatIsDemanded) {
  plant(another_plan());
  const CompileInfo info = engine().compile(spec, {.plan = "row_lanes"}).info();
  EXPECT_EQ(info.plan_source, "given");
  EXPECT_EQ(planned_by(info, tuned_length), "given");
}

TEST_F(TunedPlans, AreNotLookedForWithoutACacheFolder) {
  plant(another_plan());
  EXPECT_EQ(engine(1, CacheMode::off).compile(spec).info().plan_source, "model");
}

TEST_F(TunedPlans, AreExplainedAndEmitted) {
  plant(another_plan());
  const CacheExplanation explanation = engine().explain(spec);
  EXPECT_EQ(explanation.plan_source, "tuning");
  ASSERT_EQ(explanation.tuned.size(), 1u);
  EXPECT_NE(explanation.tuned[0].find("measured at 200"), std::string::npos);
  EXPECT_NE(engine().emit(spec, Emit::plan).find("measured at 200"), std::string::npos);
  EXPECT_EQ(engine().emit(spec, Emit::object), compiler().emit(spec, Emit::object, {.plan = explanation.plan}));
}

TEST_F(TunedPlans, TravelInBundles) {
  plant(another_plan());
  BundleBuilder bundle;
  const std::string tuned = engine().precompile(spec, {}, &bundle).plan;
  EXPECT_NE(tuned.find(another_plan()), std::string::npos);
  bundle.write(folder / "kernels.bundle");
  const Engine elsewhere = with_bundle(folder / "kernels.bundle", CacheMode::require);
  const CompileInfo info = elsewhere.compile(spec).info();
  EXPECT_EQ(info.plan, tuned);
  EXPECT_EQ(planned_by(info, tuned_length), "bundle");
  EXPECT_EQ(elsewhere.statistics().compilations, 0);
}

TEST_F(TunedPlans, AreThereOnceTuned) {
  const Engine tuner = engine();
  ASSERT_EQ(planned_by(tuner.compile(spec).info(), tuned_length), "model");
  const TuneReport report = tuner.tune({{spec, {tuned_length, 20}}}, {.budget_seconds = 600, .most_candidates = 3});
  ASSERT_EQ(report.results.size(), 2u);
  for (const TunedLength& result : report.results) {
    EXPECT_EQ(result.error, "");
    EXPECT_TRUE(result.complete);
    EXPECT_GT(result.candidates, 10);
    EXPECT_GE(result.chosen.rounds, 21);
    EXPECT_GT(result.default_time.median, 0);
  }
  EXPECT_EQ(report.results[1].length, 20);
  EXPECT_EQ(planned_by(tuner.compile(spec).info(), tuned_length), "exact");
  EXPECT_EQ(planned_by(engine().compile(spec).info(), 20), "exact");

  const TuneReport again = tuner.tune({{spec, {tuned_length}}}, {.resume = true, .most_candidates = 3});
  EXPECT_TRUE(again.results.at(0).reused);
  EXPECT_EQ(again.results.at(0).plan, report.results.at(0).plan);
  EXPECT_EQ(again.results.at(0).chosen.median, report.results.at(0).chosen.median);
}

TEST_F(TunedPlans, AreTakenUpAgainForMoreRounds) {
  const auto tune = [&](const TuneOptions& options) { return engine().tune({{spec, {20}}}, options).results.at(0); };
  EXPECT_EQ(tune({.most_candidates = 3, .rounds = 21}).chosen.rounds, 21);
  EXPECT_TRUE(tune({.resume = true, .most_candidates = 3, .rounds = 21}).reused);
  const TunedLength more = tune({.resume = true, .most_candidates = 3, .rounds = 30});
  EXPECT_FALSE(more.reused);
  EXPECT_TRUE(more.complete);
  EXPECT_EQ(more.chosen.rounds, 30);
  EXPECT_EQ(more.rounds, 9);
  // What was measured before the time that is named does not count.
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_EQ(tune({.resume = true, .resume_since = now.count(), .most_candidates = 3, .rounds = 21}).rounds, 21);
}

TEST_F(TunedPlans, AStoppedTuneSaysSoAndKeepsWhatItHas) {
  std::stop_source stop;
  TuneOptions options{.most_candidates = 3, .stop = stop.get_token()};
  options.progress = [&](const TuneProgress& at) {
    if (at.finished) stop.request_stop();
  };
  const TuneReport report = engine().tune({{spec, {20, tuned_length}}}, options);
  EXPECT_TRUE(report.stopped);
  EXPECT_TRUE(report.results[0].complete);
  EXPECT_NE(report.results[1].error, "");
  const CompileInfo info = engine().compile(spec).info();
  EXPECT_EQ(planned_by(info, 20), "exact");
  const TuneReport rest = engine().tune({{spec, {20, tuned_length}}}, {.resume = true, .most_candidates = 3});
  EXPECT_TRUE(rest.results[0].reused);
  EXPECT_FALSE(rest.results[1].reused);
  EXPECT_TRUE(rest.results[1].complete);
}

TEST_F(TunedPlans, AreNotMadeWhereNothingCanBeKept) {
  EXPECT_THROW(engine(1, CacheMode::read_only).tune({{spec, {8}}}), Error);
  EXPECT_THROW(engine(1, CacheMode::off).tune({{spec, {8}}}), Error);
  EXPECT_THROW(engine().tune({{spec, {}}}), ArgumentError);
  EXPECT_THROW(engine().tune({{spec, {0}}}), SpecError);
  EXPECT_THROW(engine().tune({{spec, {8}}}, {.budget_seconds = 0}), ArgumentError);
  EXPECT_THROW(engine().tune({{spec, {8}}}, {.rounds = -1}), ArgumentError);
  EXPECT_FALSE(std::filesystem::exists(folder / "cache/tuning"));
}

class Subjects : public ::testing::Test {
 protected:
  const plan::CpuProblem problem{small_layer(), cpu::target("cpu")};
  const plan::KernelPlan model = plan::choose_plan(problem).plan;
  cpu::Jit jit;
  CompiledPlans code;
  cpu::ThreadPool threads{1};
  Undisturbed undisturbed{[this] { return slowest_rate(threads); }};
};

TEST_F(Subjects, EveryCandidateOfStrictMathGivesTheDefaultsBits) {
  const auto subject = make_cpu_subject(problem, model, code, jit, threads, undisturbed, {.length = 61});
  const auto first = subject->build(subject->default_plan());
  EXPECT_EQ(first->check(), "");
  EXPECT_GT(subject->candidates().size(), 10u);
  for (std::size_t i = 0; i < subject->candidates().size(); i += 7) {
    const auto contender = subject->build(subject->candidates()[i].plan);
    EXPECT_EQ(contender->check(), "") << subject->candidates()[i].plan;
    EXPECT_GT(contender->time(2), 0);
  }
}

TEST_F(Subjects, RefuseAnIllegalPlan) {
  const auto subject = make_cpu_subject(problem, model, code, jit, threads, undisturbed, {.length = 61});
  EXPECT_THROW(subject->build("row_lanes vectors=2 columns=14 input=packed prefetch=none taps=4 "
                              "channel_block=16 strip=13 column_block=26"),
               ArgumentError);
}

TEST_F(Subjects, TheDefaultIsWhatTheKernelWouldUseAtThatLength) {
  for (const std::int64_t length : {1, 10, 100, 5000}) {
    const auto subject = make_cpu_subject(problem, model, code, jit, threads, undisturbed, {.length = length});
    const std::int64_t columns = plan::Columns(problem.spec, output_length(problem.spec, length)).count;
    EXPECT_EQ(subject->default_plan(), to_string(model.variants[model.index_for(columns)].plan)) << length;
  }
}

TEST(FastMath, IsCheckedAgainstItsBound) {
  LayerSpec spec = small_layer();
  spec.math = Math::fast;
  spec.prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.2};
  for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
    spec.dtype = dtype;
    with_element(dtype, [&](auto element) {
      using T = decltype(element);
      constexpr std::int64_t length = 40;
      std::vector<T> x(static_cast<std::size_t>(spec.in_channels * length));
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = T(static_cast<float>(i % 13) / 8 - 0.7f);
      const std::vector<T> parameters = initial_parameters<T>(spec, 1);
      const FastMathCheck check({spec, cpu::target("cpu", Math::fast)}, x.data(), parameters.data(), length);
      const Kernel kernel = compiler().compile(spec);
      std::vector<T> y(static_cast<std::size_t>(spec.out_channels * kernel.output_length(length)));
      const std::vector<T> w(parameters.begin(), parameters.begin() + spec.weight_count());
      const std::vector<T> b(parameters.begin() + spec.weight_count(), parameters.end());
      kernel.run(x, kernel.pack(w, b), y, {.length = length});
      const auto* bytes = reinterpret_cast<const std::byte*>(y.data());
      EXPECT_EQ(check.check(bytes), "");
      y[77] = T(static_cast<float>(y[77]) * 1.05f + 0.01f);
      EXPECT_NE(check.check(bytes).find("output 77"), std::string::npos) << name(dtype);
    });
  }
}

}  // namespace
}  // namespace unstride::testing
