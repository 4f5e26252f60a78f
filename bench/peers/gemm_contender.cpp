// Matrix product and overlap-add: (out_channels*kernel_size x in_channels) times (in_channels x L) with OpenBLAS, whose
// rows are then summed into the output. What one writes without a special kernel, done with some care. Variants:
//
//   whole    one product for all columns, threaded by OpenBLAS, then the overlap-add, threaded over channels
//   blocked  blocks of channels and columns whose products stay in the second-level cache, one thread a block; columns
//            that two blocks need are computed twice
//   direct   one input channel a group (depthwise): there is no matrix, the taps scale the input row
#include <cblas.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>

#include "bench/peers/overlap_add.h"
#include "bench/peers/peer_library.h"

namespace unstride::bench {

namespace {

constexpr std::int64_t block_floats = std::int64_t{256} << 10;  // of products: half of a 2 MiB cache
constexpr std::int64_t whole_floats = std::int64_t{1} << 29;    // 2 GiB

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// What the variants share: the matrix and the shapes.
class GemmContender : public Contender {
 public:
  GemmContender(const Case& layer, int threads)
      : spec_(layer.spec),
        batch_(layer.batch),
        length_(layer.length),
        output_length_(layer.output_length),
        threads_(threads),
        bias_(layer.bias),
        overlap_add_(spec_, output_length_) {
    bias_.resize(static_cast<std::size_t>(spec_.out_channels), 0.0f);
    // (in_channels, outputs, taps) to (group, outputs, taps, inputs).
    const std::int64_t rows = outputs() * taps();
    matrix_.resize(layer.weight.size());
    for (std::int64_t ci = 0; ci < spec_.in_channels; ++ci)
      for (std::int64_t row = 0; row < rows; ++row)
        matrix_[static_cast<std::size_t>((ci / inputs() * rows + row) * inputs() + ci % inputs())] =
            layer.weight[static_cast<std::size_t>(ci * rows + row)];
  }

  void run(const void* x, void* y) final { compute(static_cast<const float*>(x), static_cast<float*>(y)); }

 protected:
  virtual void compute(const float* x, float* y) = 0;

  std::int64_t inputs() const { return spec_.in_channels_per_group(); }
  std::int64_t outputs() const { return spec_.out_channels_per_group(); }
  std::int64_t taps() const { return spec_.kernel_size; }

  /// products (channels*taps x count) = matrix rows of `channels` output channels times columns of x.
  void multiply(const float* x, std::int64_t n, std::int64_t channel, std::int64_t channels, std::int64_t first,
                std::int64_t count, float* products) const {
    const std::int64_t group = channel / outputs();
    const float* columns = x + (n * spec_.in_channels + group * inputs()) * length_ + first;
    const auto size = [](std::int64_t v) { return static_cast<blasint>(v); };
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size(channels * taps()), size(count), size(inputs()), 1.0f,
                matrix_.data() + channel * taps() * inputs(), size(inputs()), columns, size(length_), 0.0f, products,
                size(count));
  }

  float* output_row(float* y, std::int64_t n, std::int64_t channel) const {
    return y + (n * spec_.out_channels + channel) * output_length_;
  }

  LayerSpec spec_;
  std::int64_t batch_, length_, output_length_;
  int threads_;
  std::vector<float> matrix_, bias_;
  OverlapAdd overlap_add_;
};

class WholeGemm final : public GemmContender {
 public:
  WholeGemm(const Case& layer, int threads) : GemmContender(layer, threads) {
    const std::int64_t size = outputs() * taps() * length_;
    if (size > whole_floats) throw Error("the products would take more than 2 GiB");
    products_.resize(static_cast<std::size_t>(size));
    // Enough pieces for the threads, where there are few channels.
    const std::int64_t q_count = overlap_add_.q_end() - overlap_add_.q_begin();
    pieces_ = std::clamp<std::int64_t>(ceil_div(std::int64_t{4} * threads, outputs()), 1, ceil_div(q_count, 16));
  }

  void compute(const float* x, float* y) override {
    openblas_set_num_threads(threads_);
    for (std::int64_t n = 0; n < batch_; ++n) {
      for (std::int64_t group = 0; group < spec_.groups; ++group) {
        multiply(x, n, group * outputs(), outputs(), 0, length_, products_.data());
        add(n, group, y);
      }
    }
  }

  std::string implementation() const override { return "one product, then overlap-add"; }

 private:
  void add(std::int64_t n, std::int64_t group, float* y) const {
    const std::int64_t begin = overlap_add_.q_begin(), step = ceil_div(overlap_add_.q_end() - begin, pieces_);
#pragma omp parallel for num_threads(threads_) schedule(static)
    for (std::int64_t item = 0; item < outputs() * pieces_; ++item) {
      const std::int64_t channel = item / pieces_, q = begin + item % pieces_ * step;
      const OverlapAdd::Rows rows{
          .data = products_.data() + channel * taps() * length_, .pitch = length_, .first = 0, .count = length_};
      const std::int64_t index = group * outputs() + channel;
      overlap_add_.run(rows, bias_[static_cast<std::size_t>(index)], q, std::min(q + step, overlap_add_.q_end()),
                       output_row(y, n, index));
    }
  }

  std::vector<float> products_;
  std::int64_t pieces_ = 1;
};

class BlockedGemm final : public GemmContender {
 public:
  BlockedGemm(const Case& layer, int threads) : GemmContender(layer, threads) {
    const std::int64_t q_count = overlap_add_.q_end() - overlap_add_.q_begin();
    // All channels of a group if that leaves blocks long enough; else as many as fit 256 columns.
    const std::int64_t shortest = std::max<std::int64_t>(128, 8 * overlap_add_.max_shift());
    columns_ = block_floats / (outputs() * taps());
    channels_ = outputs();
    if (columns_ < shortest) {
      columns_ = std::max<std::int64_t>(256, shortest);
      channels_ = std::clamp<std::int64_t>(block_floats / (columns_ * taps()), 1, outputs());
    }
    columns_ = std::min(columns_, q_count);
    // At least a few blocks for each thread.
    const auto blocks = [&] {
      return batch_ * spec_.groups * ceil_div(outputs(), channels_) * ceil_div(q_count, columns_);
    };
    while (threads > 1 && blocks() < std::int64_t{2} * threads && channels_ > 1) channels_ = ceil_div(channels_, 2);
    while (threads > 1 && blocks() < std::int64_t{2} * threads && columns_ > 32) columns_ = ceil_div(columns_, 2);
    scratch_.resize(static_cast<std::size_t>(threads));
    for (auto& products : scratch_)
      products.resize(static_cast<std::size_t>(channels_ * taps() * (columns_ + overlap_add_.max_shift())));
  }

  void compute(const float* x, float* y) override {
    openblas_set_num_threads(1);
    const std::int64_t q_begin = overlap_add_.q_begin(), q_end = overlap_add_.q_end();
    const std::int64_t column_blocks = ceil_div(q_end - q_begin, columns_);
    const std::int64_t channel_blocks = ceil_div(outputs(), channels_);
    const std::int64_t items = batch_ * spec_.groups * channel_blocks * column_blocks;
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
    for (std::int64_t item = 0; item < items; ++item) {
      const std::int64_t q = q_begin + item % column_blocks * columns_;
      const std::int64_t block = item / column_blocks % channel_blocks;
      const std::int64_t group = item / column_blocks / channel_blocks % spec_.groups;
      const std::int64_t n = item / column_blocks / channel_blocks / spec_.groups;
      const std::int64_t channel = group * outputs() + block * channels_;
      run_block(x, n, channel, std::min(channels_, outputs() - block * channels_), q, std::min(q + columns_, q_end), y);
    }
  }

  std::string implementation() const override {
    return fmt::format("blocks of {} channels x {} columns", channels_, columns_);
  }

 private:
  void run_block(const float* x, std::int64_t n, std::int64_t channel, std::int64_t channels, std::int64_t q,
                 std::int64_t q_end, float* y) {
    float* const products = scratch_[static_cast<std::size_t>(omp_get_thread_num())].data();
    const std::int64_t first = std::clamp<std::int64_t>(q - overlap_add_.max_shift(), 0, length_);
    const std::int64_t count = std::max<std::int64_t>(0, std::min(q_end, length_) - first);
    if (count > 0) multiply(x, n, channel, channels, first, count, products);
    for (std::int64_t c = 0; c < channels; ++c) {
      const OverlapAdd::Rows rows{
          .data = products + c * taps() * count, .pitch = count, .first = first, .count = count};
      overlap_add_.run(rows, bias_[static_cast<std::size_t>(channel + c)], q, q_end, output_row(y, n, channel + c));
    }
  }

  std::int64_t channels_, columns_;
  std::vector<std::vector<float>> scratch_;
};

class DirectDepthwise final : public GemmContender {
 public:
  using GemmContender::GemmContender;

  void compute(const float* x, float* y) override {
    const std::int64_t begin = overlap_add_.q_begin(), end = overlap_add_.q_end();
    const std::int64_t pieces =
        spec_.out_channels * batch_ >= std::int64_t{4} * threads_ ? 1 : ceil_div(end - begin, 4096);
    const std::int64_t step = ceil_div(end - begin, pieces);
#pragma omp parallel for num_threads(threads_) schedule(static)
    for (std::int64_t item = 0; item < batch_ * spec_.out_channels * pieces; ++item) {
      const std::int64_t q = begin + item % pieces * step;
      const std::int64_t channel = item / pieces % spec_.out_channels, n = item / pieces / spec_.out_channels;
      const OverlapAdd::Rows rows{.data = x + (n * spec_.in_channels + channel / outputs()) * length_,
                                  .pitch = 0,
                                  .first = 0,
                                  .count = length_,
                                  .scale = matrix_.data() + channel * taps()};
      overlap_add_.run(rows, bias_[static_cast<std::size_t>(channel)], q, std::min(q + step, end),
                       output_row(y, n, channel));
    }
  }

  std::string implementation() const override {
    return "scaled rows";
  }
};

template <typename T>
Variant variant(const char* name, const Case& layer, int threads) {
  return {name, [&layer, threads]() -> std::unique_ptr<Contender> { return std::make_unique<T>(layer, threads); }};
}

}  // namespace

}  // namespace unstride::bench

void unstride_bench_peer(unstride::bench::Peer& peer) {
  using namespace unstride::bench;
  peer.name = "gemm";
  peer.version = fmt::format("{}, and overlap-add", openblas_get_config());
  peer.variants = [](const Case& layer, int threads) -> std::vector<Variant> {
    if (layer.spec.dtype != unstride::DType::float32) return {};  // no such product
    if (layer.spec.in_channels_per_group() == 1) return {variant<DirectDepthwise>("direct", layer, threads)};
    return {variant<WholeGemm>("whole", layer, threads), variant<BlockedGemm>("blocked", layer, threads)};
  };
}
