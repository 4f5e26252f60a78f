#include "runtime/tuning/journal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "unstride/spec.hpp"

namespace unstride::tuning {
namespace {

namespace fs = std::filesystem;

class CacheRoot {
 public:
  CacheRoot() : root_((fs::temp_directory_path() / "unstride-tuning-XXXXXX").string()) {
    if (::mkdtemp(root_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  }
  ~CacheRoot() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  JournalPlace place() const { return {.root = root_}; }
  std::vector<fs::path> files(std::string_view suffix) const {
    std::vector<fs::path> result;
    for (const auto& entry : fs::directory_iterator(fs::path(root_) / "tuning"))
      if (entry.path().string().ends_with(suffix)) result.push_back(entry.path());
    return result;
  }

 protected:
  std::string root_;
};

class JournalTest : public ::testing::Test, public CacheRoot {};

Unit unit(std::int64_t length = 100) {
  LayerSpec spec{.in_channels = 4, .out_channels = 3, .kernel_size = 4, .stride = 2};
  spec.prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.1};
  return {.layer = to_json(spec),
          .target = "x86_64 x86-64-v4",
          .length = length,
          .threads = 2,
          .environment = {"Some CPU \"quoted\"", "avx512f", "LLVM 19", "abc"}};
}

Choice choice(std::int64_t length = 100, std::string plan = "row_lanes vectors=2") {
  return {.unit = unit(length),
          .plan = std::move(plan),
          .default_plan = "column_lanes",
          .complete = true,
          .time = {1e-3, 0.9e-3, 1.1e-3},
          .default_time = {1.5e-3, 1.4e-3, 1.6e-3},
          .tried = {{.plan = "row_lanes vectors=2", .rung = 3, .rounds = 21, .time = {1e-3, 0.9e-3, 1.1e-3}},
                    {.plan = "bad", .outcome = Outcome::wrong, .reason = "output 3 differs"}},
          .candidates = 40,
          .rounds = 50,
          .made = 1234,
          .took = 2.5};
}

TEST_F(JournalTest, WhatIsWrittenIsRead) {
  Journal journal(place());
  journal.add(choice());
  journal.add(unit(), {.plan = "p", .rung = 1, .first_round = 2, .calls = 7, .seconds = {1e-3, 0.1}});
  journal.add(unit(), {.plan = "q", .outcome = Outcome::failed, .reason = "no \n such"});

  const Choices choices(place());
  const auto found = choices.find(unit());
  ASSERT_TRUE(found);
  EXPECT_EQ(to_line(*found), to_line(choice()));
  EXPECT_EQ(found->unit, unit());
  EXPECT_EQ(found->tried[1].reason, "output 3 differs");

  const auto samples = read_samples(place());
  ASSERT_TRUE(samples.contains(unit().key()));
  const History& history = samples.at(unit().key());
  EXPECT_EQ(history.rounds(1, {"p"}), (std::vector<std::vector<double>>{{1e-3, 0.1}}));
  EXPECT_EQ(history.refused("q")->reason, "no \n such");
}

TEST_F(JournalTest, UnitsDifferInEverythingThatTimesDependOn) {
  std::vector<Unit> units(9, unit());
  units[1].length = 101;
  units[2].threads = 1;
  units[3].cold = true;
  units[4].batch = 2;
  units[5].environment.processor = "Another";
  units[6].environment.generator = "abd";
  units[7].target += " +amx";
  units[8].layer = to_json(LayerSpec{.in_channels = 4, .out_channels = 3, .kernel_size = 4, .stride = 3});
  std::vector<std::string> keys;
  for (const Unit& u : units) keys.push_back(u.key());
  std::ranges::sort(keys);
  EXPECT_EQ(std::ranges::unique(keys).begin(), keys.end());
}

TEST_F(JournalTest, ATornLastLineIsIgnored) {
  {
    Journal journal(place());
    journal.add(choice(100));
    journal.add(choice(200));
    for (int i = 0; i < 3; ++i) journal.add(unit(), {.plan = "p", .first_round = i, .seconds = {1.0 + i}});
  }
  const fs::path choices = files(choices_suffix).at(0), samples = files(samples_suffix).at(0);
  for (const fs::path& file : {choices, samples}) {
    std::ifstream in(file);
    const std::string whole{std::istreambuf_iterator<char>(in), {}};
    const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
    for (std::size_t size = last; size < whole.size(); size += 1 + (whole.size() - last) / 40) {
      fs::resize_file(file, size);
      const Choices read(place());
      EXPECT_TRUE(read.find(unit(100))) << size;
      EXPECT_EQ(read.find(unit(200)).has_value(), file != choices) << size;
      EXPECT_EQ(read_samples(place()).at(unit().key()).rounds(0, {"p"}).front().size(), file == samples ? 2u : 3u);
      std::ofstream(file, std::ios::trunc) << whole;
    }
  }
}

TEST_F(JournalTest, LinesThatSayNothingAreIgnored) {
  {
    Journal journal(place());
    journal.add(choice());
    journal.add(unit(), {.plan = "p", .seconds = {1}});
  }
  const std::string line = to_line(choice(300));
  std::ofstream(files(choices_suffix).at(0), std::ios::app)
      << "\n\0garbage\n{}\n[]\n{\"lookup\":3}\n{\"lookup\":\"" << std::string(64, 'a') << "\"}\n"
      << line.substr(0, line.size() / 2) << "\n"
      << line << "\n";
  std::ofstream(files(samples_suffix).at(0), std::ios::app) << "{\"sample\":\"x\"}\n{\"sample\":1,\"plan\":2}\n[[[[\n";
  const Choices choices(place());
  EXPECT_TRUE(choices.find(unit()));
  EXPECT_TRUE(choices.find(unit(300)));
  EXPECT_EQ(choices.find(unit().layer, unit().target).size(), 2u);
  EXPECT_EQ(read_samples(place()).size(), 1u);
}

TEST_F(JournalTest, OnlyTunersThatBeganSinceThenAreRead) {
  {
    Journal journal(place());
    journal.add(choice());
    journal.add(unit(), {.plan = "p", .seconds = {1}});
  }
  for (const std::string_view suffix : {choices_suffix, samples_suffix}) {
    const fs::path file = files(suffix).at(0);
    fs::rename(file, file.parent_path() / fmt::format("other-host-7-{:x}{}", 2000 * 1'000'000'000LL, suffix));
  }
  EXPECT_EQ(read_samples(place(), 2000).size(), 1u);
  EXPECT_FALSE(Choices(place(), 2000).empty());
  EXPECT_TRUE(read_samples(place(), 2001).empty());
  EXPECT_TRUE(Choices(place(), 2001).empty());
  Journal(place()).add(choice());
  EXPECT_FALSE(Choices(place(), 2001).empty());
}

TEST_F(JournalTest, AFolderThatIsNotThereHoldsNothing) {
  EXPECT_TRUE(Choices(place()).empty());
  EXPECT_TRUE(Choices(JournalPlace{}).empty());
  EXPECT_TRUE(read_samples({.root = root_ + "/none"}).empty());
}

TEST_F(JournalTest, ManyTunersAtOnceHaveFilesOfTheirOwn) {
  constexpr int tuners = 6, each = 50;
  std::vector<pid_t> children;
  for (int t = 0; t < tuners; ++t) {
    const pid_t child = fork();
    if (child == 0) {
      Journal journal(place());
      for (int i = 0; i < each; ++i) {
        journal.add(choice(1000 * t + i + 1));
        journal.add(unit(1000 * t + i + 1), {.plan = "p", .seconds = {1}});
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(files(choices_suffix).size(), static_cast<std::size_t>(tuners));
  EXPECT_EQ(Choices(place()).find(unit().layer, unit().target).size(), static_cast<std::size_t>(tuners * each));
  EXPECT_EQ(read_samples(place()).size(), static_cast<std::size_t>(tuners * each));
}

TEST_F(JournalTest, FilesOfSeveralMachinesArePutTogetherByCopying) {
  const CacheRoot other;
  {
    Journal here(place());
    here.add(choice(100));
    Journal there(other.place());
    there.add(choice(200));
  }
  for (const fs::path& file : other.files("jsonl")) fs::copy(file, fs::path(root_) / "tuning");
  const Choices choices(place());
  EXPECT_TRUE(choices.find(unit(100)));
  EXPECT_TRUE(choices.find(unit(200)));
}

TEST_F(JournalTest, AFolderThatAnotherUserCouldWriteIsNotUsed) {
  {
    Journal journal(place());
    journal.add(choice());
  }
  fs::permissions(fs::path(root_) / "tuning", fs::perms::all);
  EXPECT_TRUE(Choices(place()).empty());
  EXPECT_FALSE(Choices(JournalPlace{.root = root_, .trust_foreign = true}).empty());
  Journal journal(place());
  EXPECT_THROW(journal.add(choice()), Error);
}

TEST_F(JournalTest, OfTwoChoicesTheLaterCounts) {
  Choice later = choice(100, "newer");
  later.made = 2000;
  Journal journal(place());
  journal.add(later);
  journal.add(choice(100, "older"));
  EXPECT_EQ(Choices(place()).find(unit())->plan, "newer");
}

}  // namespace
}  // namespace unstride::tuning
