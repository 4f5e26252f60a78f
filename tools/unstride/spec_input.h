// SPEC arguments: a file with one spec, a file with an array of specs, or `-` for standard input.
#pragma once

#include <string>
#include <vector>

#include "tools/unstride/outcome.h"
#include "unstride/spec.hpp"

namespace unstride::command {

struct NamedSpec {
  std::string source;  ///< "layer.json", "layers.json[3]", "-"
  std::string stem;    ///< for names of files made from it: "layer", "layers-3", "stdin"
  LayerSpec spec;
};

struct SpecInput {
  std::vector<NamedSpec> specs;
  std::vector<Failure> failures;  ///< one for each file that cannot be read or holds a bad spec
};

/// Reads all files, the bad ones into failures. A file is taken or refused as a whole.
SpecInput read_specs(const std::vector<std::string>& arguments);

}  // namespace unstride::command
