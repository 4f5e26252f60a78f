// Writes the golden sources into a folder.
#include <fmt/format.h>

#include <fstream>
#include <iostream>

#include "tests/cuda_source/golden_sources.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_cuda_golden FOLDER\n";
    return 2;
  }
  for (const auto& golden : unstride::cuda::testing::golden_sources())
    std::ofstream(fmt::format("{}/{}.txt", argv[1], golden.name), std::ios::binary) << golden.text();
}
