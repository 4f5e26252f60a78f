// oneDNN's deconvolution: weights in the format it chooses, reordered beforehand; creating the primitive, which
// generates its code, is preparation too. Two variants: input and output taken as they are (ncw), or in the format the
// primitive likes best, reordered in every call.
#include <fmt/format.h>
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "bench/peers/peer_library.h"

namespace unstride::bench {

namespace {

using dnnl::memory;
using Format = memory::format_tag;

// The reference implementation takes a minute for a billion operations; what it would take longer for is left out.
constexpr double reference_limit = 2e9;

memory::data_type data_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return memory::data_type::f32;
    case DType::float16:
      return memory::data_type::f16;
    case DType::bfloat16:
      return memory::data_type::bf16;
    default:
      throw Error(fmt::format("no deconvolution of {}", name(dtype)));
  }
}

class OneDnnContender final : public Contender {
 public:
  OneDnnContender(const Case& layer, int threads, Format format) : threads_(threads) {
    omp_set_num_threads(threads);
    const LayerSpec& spec = layer.spec;
    const memory::dims src_dims = {layer.batch, spec.in_channels, layer.length};
    const memory::dims dst_dims = {layer.batch, spec.out_channels, layer.output_length};
    const std::int64_t outputs = spec.out_channels_per_group(), inputs = spec.in_channels_per_group();
    const std::int64_t taps = spec.kernel_size;
    memory::dims weight_dims = {outputs, inputs, taps};
    memory::dims weight_strides = {taps, outputs * taps, 1};
    if (spec.groups > 1) {
      weight_dims.insert(weight_dims.begin(), spec.groups);
      weight_strides.insert(weight_strides.begin(), inputs * outputs * taps);
    }
    const auto type = data_type(spec.dtype);
    const memory::desc user_src(src_dims, type, Format::ncw), user_dst(dst_dims, type, Format::ncw);
    const memory::desc user_weights(weight_dims, type, weight_strides);
    const memory::desc bias = spec.bias ? memory::desc({spec.out_channels}, type, Format::x) : memory::desc();

    const auto primitive_desc =
        describe(spec, {src_dims, type, format}, {weight_dims, type, Format::any}, bias, {dst_dims, type, format});
    implementation_ = primitive_desc.impl_info_str();
    if (implementation_.find("ref") != std::string::npos && layer.operations() > reference_limit)
      throw Error(
          fmt::format("only its reference implementation ({}) takes the layer, too slow to run", implementation_));
    deconvolution_ = dnnl::deconvolution_forward(primitive_desc);

    src_ = memory(user_src, engine_, nullptr);
    dst_ = memory(user_dst, engine_, nullptr);
    memory inner_src = src_, inner_dst = dst_;
    if (primitive_desc.src_desc() != user_src) {
      inner_src = memory(primitive_desc.src_desc(), engine_);
      reorder_src_ = dnnl::reorder(src_, inner_src);
      reorder_src_args_ = {{DNNL_ARG_FROM, src_}, {DNNL_ARG_TO, inner_src}};
      implementation_ += ", input reordered";
    }
    if (primitive_desc.dst_desc() != user_dst) {
      inner_dst = memory(primitive_desc.dst_desc(), engine_);
      reorder_dst_ = dnnl::reorder(inner_dst, dst_);
      reorder_dst_args_ = {{DNNL_ARG_FROM, inner_dst}, {DNNL_ARG_TO, dst_}};
      implementation_ += ", output reordered";
    }

    memory plain_weights(user_weights, engine_, const_cast<std::byte*>(layer.weight_elements.data()));
    memory weights(primitive_desc.weights_desc(), engine_);
    dnnl::reorder(plain_weights, weights).execute(stream_, plain_weights, weights);
    stream_.wait();
    args_ = {{DNNL_ARG_SRC, inner_src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, inner_dst}};
    if (spec.bias) args_.insert({DNNL_ARG_BIAS, {bias, engine_, const_cast<std::byte*>(layer.bias_elements.data())}});
  }

  void run(const void* x, void* y) override {
    omp_set_num_threads(threads_);
    // A memory object is a handle: the copies in the argument lists see this too.
    if (src_.get_data_handle() != x) src_.set_data_handle(const_cast<void*>(x));
    if (dst_.get_data_handle() != y) dst_.set_data_handle(y);
    if (reorder_src_) reorder_src_.execute(stream_, reorder_src_args_);
    deconvolution_.execute(stream_, args_);
    if (reorder_dst_) reorder_dst_.execute(stream_, reorder_dst_args_);
    stream_.wait();
  }

  std::string implementation() const override { return implementation_; }

 private:
  using Arguments = std::unordered_map<int, memory>;

  dnnl::deconvolution_forward::primitive_desc describe(const LayerSpec& spec, const memory::desc& src,
                                                       const memory::desc& weights, const memory::desc& bias,
                                                       const memory::desc& dst) const {
    const memory::dims strides = {spec.stride}, dilations = {spec.dilation - 1};
    const memory::dims left = {spec.padding + spec.trim[0]};
    const memory::dims right = {spec.padding - spec.output_padding + spec.trim[1]};
    const auto algorithm = dnnl::algorithm::deconvolution_direct;
    const auto inference = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
    return {engine_, inference, algorithm, src, weights, bias, dst, strides, dilations, left, right};
#else
    return {{inference, algorithm, src, weights, bias, dst, strides, dilations, left, right}, engine_};
#endif
  }

  int threads_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::deconvolution_forward deconvolution_;
  dnnl::reorder reorder_src_, reorder_dst_;
  memory src_, dst_;
  Arguments args_, reorder_src_args_, reorder_dst_args_;
  std::string implementation_;
};

std::unique_ptr<Contender> make(const Case& layer, int threads, Format format) {
  try {
    return std::make_unique<OneDnnContender>(layer, threads, format);
  } catch (const dnnl::error& error) {
    throw Error(error.what());
  }
}

}  // namespace

}  // namespace unstride::bench

void unstride_bench_peer(unstride::bench::Peer& peer) {
  using namespace unstride::bench;
  const dnnl_version_t* version = dnnl_version();
  peer.name = "onednn";
  peer.version = fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
  peer.variants = [](const Case& layer, int threads) -> std::vector<Variant> {
    return {{"ncw", [&layer, threads] { return make(layer, threads, Format::ncw); }},
            {"any, reordered", [&layer, threads] { return make(layer, threads, Format::any); }}};
  };
}
