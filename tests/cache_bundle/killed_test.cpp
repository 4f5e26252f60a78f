// Writers that are killed at any moment, with readers beside: a bundle is the old one or the new one.
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "bundle_testing.h"

namespace unstride::cache {
namespace {

constexpr int small = 5, large = 40;
constexpr std::size_t payload_bytes = 3000;

/// Opens whatever is there now: whole, and right to the last byte.
void expect_whole(const std::string& path) {
  const Lines lines;
  const auto bundle = Bundle::open({.path = path, .report = lines.report()});
  ASSERT_TRUE(bundle) << lines.lines->front();
  const auto entries = static_cast<int>(bundle->entries());
  ASSERT_TRUE(entries == small || entries == large) << entries;
  for (int i = 0; i < entries; ++i) ASSERT_TRUE(has(*bundle, i, payload_bytes)) << i;
  ASSERT_TRUE(lines.lines->empty());
}

TEST(BundleKilled, WritersLeaveTheOldBundleOrTheNewOne) {
  constexpr int kills = 200;
  const TestFolder folder;
  const std::string path = folder / "b";
  const BundleWriter writers[] = {writer_of(small, payload_bytes), writer_of(large, payload_bytes)};
  writers[0].write(path);

  std::mt19937 random(20240817);
  int reads = 0;
  for (int k = 0; k < kills; ++k) {
    const pid_t writer = ::fork();
    if (writer == 0)
      for (int round = 0;; ++round) writers[round % 2].write(path);
    ASSERT_GT(writer, 0);
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 10'000);
    do {
      expect_whole(path);
      ++reads;
    } while (!HasFatalFailure() && std::chrono::steady_clock::now() < end);
    ::kill(writer, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status));
    expect_whole(path);
    if (HasFatalFailure()) return;
  }
  const std::size_t left = names_in(folder.path()).size() - 1;
  std::printf("%d writers killed, %d reads, %zu temp files left\n", kills, reads, left);
  EXPECT_GT(left, 0U);  // a kill in the middle of a write is what this test is about
}

}  // namespace
}  // namespace unstride::cache
