// A program of somebody else's: every public header, one layer through module, kernel and emitter, an error caught.
#include <cstdio>
#include <unstride/conv_transpose1d.hpp>
#include <unstride/engine.hpp>
#include <unstride/error.hpp>
#include <unstride/executor.hpp>
#include <unstride/spec.hpp>
#include <unstride/unstride.hpp>
#include <vector>

int main() {
  const unstride::LayerSpec spec = unstride::parse_spec(
      R"({"op": "conv_transpose1d", "in_channels": 1, "out_channels": 1, "kernel_size": 3, "stride": 2, "bias": false})");
  const unstride::Engine engine({.threads = 1, .cache = {.mode = unstride::CacheMode::off}});
  unstride::ConvTranspose1d<float> module(engine, spec);
  module.set_parameters({1, 2, 3});
  const std::vector<float> x = {1, 10};
  if (module(x).data != std::vector<float>{1, 2, 13, 20, 30}) {
    std::puts("wrong result");
    return 1;
  }
  if (engine.emit(spec, unstride::Emit::assembly).empty()) return 2;
  try {
    unstride::parse_spec("{}");
    return 3;
  } catch (const unstride::Error& error) {
    std::printf("unstride %s: fine, and refuses {}: %s\n", unstride::version().data(), error.what());
  }
}
