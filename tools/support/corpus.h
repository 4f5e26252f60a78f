// The corpus: layers of published models (data/layers.json), as specs.
//
// The file records what a model does around its layer in words. What a spec can say becomes part of the spec; the rest
// is left out and listed in `outside_spec`, so that nobody takes the layer for the whole of what the model computes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "unstride/spec.hpp"

namespace unstride::tools {

struct CorpusLayer {
  std::int64_t id = 0;
  std::string model;                      ///< "HiFi-GAN V1 22.05k"
  std::string layer;                      ///< "ups.0"
  LayerSpec spec;                         ///< float32, strict
  std::vector<std::int64_t> lengths;      ///< input lengths in use, shortest first
  bool core = false;                      ///< one of the smaller set that still covers every kind
  bool headline = false;                  ///< one of the twelve to show first
  std::vector<std::string> outside_spec;  ///< "prologue snake", "pre_pad reflect(7,7)"; empty when spec says it all

  std::string name() const { return model + " " + layer; }
};

/// Reads the corpus. Throws Error naming the file, the layer and the field.
std::vector<CorpusLayer> read_corpus(const std::filesystem::path& path);

}  // namespace unstride::tools
