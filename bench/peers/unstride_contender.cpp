#include "bench/peers/contender.h"

namespace unstride::bench {

namespace {

class UnstrideContender final : public Contender {
 public:
  UnstrideContender(const Engine& engine, const Case& layer, int threads)
      : kernel_(engine.compile(layer.spec)),
        weights_(kernel_.pack(layer.weight, layer.bias)),
        options_{.batch = layer.batch, .length = layer.length, .threads = threads},
        inputs_(layer.x.size()),
        outputs_(static_cast<std::size_t>(layer.output_count())) {}

  void run(const float* x, float* y) override {
    kernel_.run(std::span(x, inputs_), weights_, std::span(y, outputs_), options_);
  }

  std::string implementation() const override { return kernel_.info().plan; }

 private:
  Kernel kernel_;
  PackedWeights weights_;
  RunOptions options_;
  std::size_t inputs_, outputs_;
};

}  // namespace

std::unique_ptr<Contender> make_unstride(const Engine& engine, const Case& layer, int threads) {
  return std::make_unique<UnstrideContender>(engine, layer, threads);
}

}  // namespace unstride::bench
