#include "bench/peers/contender.h"

namespace unstride::bench {

namespace {

class UnstrideContender final : public Contender {
 public:
  UnstrideContender(const Engine& engine, const Case& layer, int threads)
      : kernel_(engine.compile(layer.spec)),
        weights_(kernel_.pack(buffer(layer.weight_elements, layer.spec.dtype),
                              buffer(layer.bias_elements, layer.spec.dtype))),
        options_{.batch = layer.batch, .length = layer.length, .threads = threads},
        dtype_(layer.spec.dtype),
        inputs_(std::ssize(layer.x)),
        outputs_(layer.output_count()) {}

  void run(const void* x, void* y) override {
    kernel_.run(ConstBuffer(x, inputs_, dtype_), weights_, Buffer(y, outputs_, dtype_), options_);
  }

  std::string implementation() const override { return kernel_.info().plan; }

 private:
  static ConstBuffer buffer(const std::vector<std::byte>& elements, DType dtype) {
    return {elements.data(), std::ssize(elements) / size_in_bytes(dtype), dtype};
  }

  Kernel kernel_;
  PackedWeights weights_;
  RunOptions options_;
  DType dtype_;
  std::int64_t inputs_, outputs_;
};

}  // namespace

std::unique_ptr<Contender> make_unstride(const Engine& engine, const Case& layer, int threads) {
  return std::make_unique<UnstrideContender>(engine, layer, threads);
}

}  // namespace unstride::bench
