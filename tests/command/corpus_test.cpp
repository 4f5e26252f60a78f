// The corpus as specs, and the progress bar.
#include "tools/support/corpus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tools/support/progress.h"

namespace unstride::tools {
namespace {

namespace fs = std::filesystem;

std::vector<CorpusLayer> layers() {
  return read_corpus(UNSTRIDE_CORPUS);
}

// Reads a corpus of that text; returns the error without the file's name, or "accepted".
std::string refusal(const std::string& text) {
  const fs::path path = fs::temp_directory_path() / ("unstride-corpus-" + std::to_string(getpid()) + ".json");
  std::ofstream(path) << text;
  std::string message = "accepted";
  try {
    read_corpus(path);
  } catch (const Error& e) {
    message = std::string(e.what()).substr(path.string().size() + 2);
  }
  fs::remove(path);
  return message;
}

std::string with_lengths(const std::string& lengths, const std::string& extra) {
  return R"([{"id": 0, "model": "m", "layer": "l", "in_channels": 2, "out_channels": 2, "kernel_size": 4, "stride": 2,
    "padding": 1, "output_padding": 0, "dilation": 1, "groups": 1, "bias": true, "typical_input_lengths": )" +
         lengths + extra + "}]";
}

std::string entry(const std::string& extra) {
  return with_lengths("[4]", extra);
}

TEST(Corpus, HoldsThePublishedLayers) {
  const auto all = layers();
  EXPECT_EQ(all.size(), 114u);
  EXPECT_EQ(std::ranges::count_if(all, &CorpusLayer::headline), 12);
  EXPECT_EQ(std::ranges::count_if(all, &CorpusLayer::core), 95);
  for (const CorpusLayer& layer : all) {
    EXPECT_FALSE(layer.lengths.empty()) << layer.name();
    EXPECT_TRUE(std::ranges::is_sorted(layer.lengths)) << layer.name();
    EXPECT_EQ(parse_spec(to_json(layer.spec)), layer.spec) << layer.name();
  }
}

TEST(Corpus, ALayerOfHifiGanIsReadWithItsActivation) {
  const CorpusLayer first = layers().front();
  EXPECT_EQ(first.name(), "HiFi-GAN V1 22.05k ups.0");
  LayerSpec expected;
  expected.in_channels = 512;
  expected.out_channels = 256;
  expected.kernel_size = 16;
  expected.stride = 8;
  expected.padding = 4;
  expected.prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.1};
  EXPECT_EQ(first.spec, expected);
  EXPECT_EQ(first.lengths, (std::vector<std::int64_t>{32, 128, 860}));
  EXPECT_TRUE(first.outside_spec.empty());
}

TEST(Corpus, WhatASpecCannotSayIsListed) {
  std::vector<std::string> listed;
  for (const CorpusLayer& layer : layers()) {
    listed.insert(listed.end(), layer.outside_spec.begin(), layer.outside_spec.end());
  }
  for (const char* note : {"prologue snake", "prologue elu", "prologue glu", "pre_pad reflect(7,7)", "epilogue gelu",
                           "epilogue batch_norm, relu"}) {
    EXPECT_NE(std::ranges::find(listed, note), listed.end()) << note;
  }
  for (const char* note : {"prologue relu", "epilogue relu", "prologue leaky_relu(0.1)"}) {
    EXPECT_EQ(std::ranges::find(listed, note), listed.end()) << note;
  }
}

TEST(Corpus, ErrorsNameTheLayerAndTheField) {
  EXPECT_EQ(refusal(entry("")), "accepted");
  EXPECT_TRUE(refusal(entry(R"(, "trim": [-1, 0])")).starts_with("layer 0: spec.trim[0]: -1: "))
      << refusal(entry(R"(, "trim": [-1, 0])"));
  EXPECT_TRUE(refusal(entry(R"(, "trim": [9, 9])")).starts_with("layer 0: input_length: 4: "))
      << refusal(entry(R"(, "trim": [9, 9])"));
  EXPECT_TRUE(refusal(with_lengths("[]", R"(, "trim": [-1, 0])")).starts_with("layer 0: spec.trim[0]: -1: "));
  EXPECT_NE(refusal(R"([{"id": 0}])").find("'model'"), std::string::npos);
  EXPECT_EQ(refusal("{}"), "must be a JSON array of layers");
  EXPECT_NE(refusal("[").find("parse error"), std::string::npos);
  EXPECT_THROW(read_corpus("/nonexistent/layers.json"), Error);
}

TEST(Progress, TheLineShowsShareAndTimeLeft) {
  EXPECT_EQ(progress_line("verify", 40, 100, 80, "ups.0", 80), "verify [########------------]  40 %  2:00 left  ups.0");
  EXPECT_EQ(progress_line("verify", 1, 1000, 10, "", 80), "verify [--------------------]   0 %  2:46:30 left");
  EXPECT_EQ(progress_line("verify", 100, 100, 80, "", 80), "verify [####################] 100 %");
  EXPECT_EQ(progress_line("verify", 0, 0, 0, "", 80), "verify [####################] 100 %");
}

TEST(Progress, TheLineNeverWraps) {
  for (int width = 0; width < 60; ++width) {
    EXPECT_LE(std::ssize(progress_line("verify", 40, 100, 80, "a long name of a layer", width)),
              std::max(width - 1, 0));
  }
}

TEST(Progress, IsSilentWithoutATerminal) {
  testing::internal::CaptureStderr();
  {
    Progress progress("work", 10);
    for (int k = 0; k < 10; ++k) progress.update(k);
    usleep(600'000);
    progress.update(10);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace unstride::tools
