// unstride run: compile one layer, run it, measure it and, with --verify, check it against the oracle.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/support/movable_array.h"
#include "tools/support/npy.h"
#include "tools/support/oracle.h"
#include "tools/unstride/cache_options.h"
#include "tools/unstride/describe.h"
#include "tools/unstride/measure.h"
#include "tools/unstride/options.h"
#include "tools/unstride/run_data.h"
#include "tools/unstride/spec_input.h"
#include "tools/unstride/subcommand.h"
#include "unstride/device.hpp"
#include "unstride/engine.hpp"

namespace unstride::command {
namespace {

// About a second of the oracle's time; larger jobs are checked in a sample.
constexpr std::int64_t max_multiplications = 400'000'000;

struct Arguments {
  std::string spec;
  RunDataOptions data;
  std::string output;
  std::string target = "cpu";
  std::string plan;
  std::optional<std::int64_t> seed, threads, repeat, device;
  bool verify = false;
  CacheArguments cache;
};

// What there is to report, whatever the type of the elements.
struct Result {
  CompileInfo info;
  std::string planned_by;
  std::int64_t compilations = 0;
  int threads = 0;
  std::optional<DeviceInfo> device;  ///< of a CUDA target
  std::vector<std::int64_t> input_shape, output_shape;
  std::int64_t non_finite_weights = 0;
  Timing timing;
  double gflops = 0;
  std::optional<tools::Verification> verification;
};

// The field's convention: 2 * N * L * in_channels * out_channels/groups * kernel_size, as if no tap met a border.
double useful_operations(const LayerSpec& spec, std::int64_t batch, std::int64_t length) {
  return 2.0 * static_cast<double>(batch) * static_cast<double>(length) * static_cast<double>(spec.weight_count());
}

std::vector<std::int64_t> shape_of(bool batched, std::int64_t batch, std::int64_t channels, std::int64_t length) {
  if (batched) return {batch, channels, length};
  return {channels, length};
}

// Runs and times the kernel on host memory, with the engine's threads.
template <typename T>
Timing run_on_cpu(const Kernel& kernel, const PackedWeights& weights, RunData<T>& data, std::vector<T>& y,
                  const Arguments& arguments) {
  // Steps near two fractions of the room whose multiples spread evenly.
  tools::MovableArray x_array(data.x, 10'127), y_array(y, 6'787);
  const auto run = [&] {
    kernel.run(std::span<const T>(x_array.elements()), weights, y_array.elements(),
               {.batch = data.batch, .length = data.length});
  };
  const auto elsewhere = [&] {
    x_array.move();
    y_array.move();
  };
  return measure(run, arguments.repeat, elsewhere);
}

// Copies to the device and back; the time is the device's, of the kernel alone.
template <typename T>
Timing run_on_device(const Engine& engine, const Kernel& kernel, const PackedWeights& weights, const RunData<T>& data,
                     std::vector<T>& y, const Arguments& arguments) {
  const int device = static_cast<int>(arguments.device.value_or(0));
  const auto bytes = [](const std::vector<T>& elements) { return std::ssize(elements) * std::int64_t{sizeof(T)}; };
  const DeviceArray device_x(engine, bytes(data.x), device), device_y(engine, bytes(y), device);
  const DeviceStream stream(engine, device);
  const DeviceArray workspace(engine, kernel.workspace_bytes(data.batch, data.length), device);
  workspace.clear();
  device_x.upload(data.x.data(), bytes(data.x));
  const ConstBuffer x(device_x.data(), std::ssize(data.x), dtype_of<T>);
  const Buffer out(device_y.data(), std::ssize(y), dtype_of<T>);
  const RunOptions options{.batch = data.batch,
                           .length = data.length,
                           .stream = stream.handle(),
                           .workspace = {workspace.data(), workspace.bytes()}};
  const auto run = [&] { return stream.time_ms([&] { kernel.run(x, weights, out, options); }); };
  const Timing timing = measure_timed(run, arguments.repeat);
  device_y.download(y.data(), bytes(y));
  return timing;
}

template <typename T>
Result run_layer(const LayerSpec& spec, const Arguments& arguments) {
  const Engine engine(
      {.threads = static_cast<int>(arguments.threads.value_or(0)), .cache = cache_options(arguments.cache)});
  require_known_target(engine, arguments.target);
  RunData<T> data = make_run_data<T>(spec, arguments.data);
  const std::int64_t length = output_length(spec, data.length);
  std::vector<T> y = allocate<T>("the output", {data.batch, spec.out_channels, length});

  const Kernel kernel = engine.compile(
      spec,
      {.target = arguments.target, .plan = arguments.plan, .device = static_cast<int>(arguments.device.value_or(0))});
  const PackedWeights weights = kernel.pack(data.w, data.b);

  Result result;
  result.info = kernel.info();
  result.planned_by = planned_by(result.info, data.length, data.batch);
  result.compilations = engine.statistics().compilations;
  result.threads = engine.threads();
  result.input_shape = shape_of(data.batched, data.batch, spec.in_channels, data.length);
  result.output_shape = shape_of(data.batched, data.batch, spec.out_channels, length);
  result.non_finite_weights = weights.non_finite_count();
  if (is_cuda(arguments.target)) {
    result.device = cuda_info(engine).devices.at(static_cast<std::size_t>(arguments.device.value_or(0)));
    result.timing = run_on_device(engine, kernel, weights, data, y, arguments);
  } else {
    result.timing = run_on_cpu(kernel, weights, data, y, arguments);
  }
  if (result.timing.median_ms > 0) {
    result.gflops = useful_operations(spec, data.batch, data.length) / (result.timing.median_ms * 1e6);
  }
  if (arguments.verify) {
    const tools::Problem<T> problem{spec, data.batch, data.length, data.x, data.w, data.b};
    result.verification = tools::verify<T>(problem, y, max_multiplications);
  }
  if (!arguments.output.empty()) {
    tools::write_npy(arguments.output, result.output_shape, std::span<const T>(y));
  }
  return result;
}

Json to_report(const LayerSpec& spec, const Result& result) {
  const auto& verification = result.verification;
  const auto if_verified = [&](auto member) { return verification ? Json((*verification).*member) : Json(nullptr); };
  using Verification = tools::Verification;
  return {
      {"spec", Json::parse(to_json(spec))},
      {"target", result.info.target},
      {"plan", result.info.plan},
      {"planned_by", result.planned_by},
      {"cache", result.info.cache},
      {"cache_where", result.info.cache_where.empty() ? Json(nullptr) : Json(result.info.cache_where)},
      {"compilations", result.compilations},
      {"compile_ms", result.info.compile_ms},
      {"load_ms", result.info.load_ms},
      {"code_bytes", result.info.code_bytes},
      {"threads", result.device ? Json(nullptr) : Json(result.threads)},
      {"device", result.device ? Json(result.device->name) : Json(nullptr)},
      {"input_shape", result.input_shape},
      {"output_shape", result.output_shape},
      {"non_finite_weights", result.non_finite_weights},
      {"runs", result.timing.runs},
      {"median_ms", result.timing.median_ms},
      {"min_ms", result.timing.min_ms},
      {"gflops", result.gflops},
      {"max_abs_error", if_verified(&Verification::max_abs_error)},
      {"max_rel_error", if_verified(&Verification::max_rel_error)},
      {"tolerance", if_verified(&Verification::tolerance)},
      {"verified", if_verified(&Verification::verified)},
      {"verified_outputs", if_verified(&Verification::checked)},
      {"outputs", if_verified(&Verification::total)},
  };
}

std::string to_text(const LayerSpec& spec, const Result& result) {
  std::string text;
  const auto line = [&](std::string_view label, const std::string& value) {
    text += fmt::format("{:<8}  {}\n", label, value);
  };
  line("layer", describe(spec));
  line("target",
       result.device
           ? fmt::format("{}, device {}, {}", result.info.target, result.device->index, result.device->name)
           : fmt::format("{}, {} thread{}", result.info.target, result.threads, result.threads == 1 ? "" : "s"));
  line("plan", fmt::format("{} ({})", result.info.plan, result.planned_by));
  line("compile", fmt::format("{:.2f} ms, load {:.2f} ms, {} bytes of code, cache {}", result.info.compile_ms,
                              result.info.load_ms, result.info.code_bytes, result.info.cache) +
                      (result.info.cache_where.empty() ? "" : " in " + result.info.cache_where));
  line("shape", fmt::format("{} -> {}", tools::shape_text(result.input_shape), tools::shape_text(result.output_shape)));
  line("time", fmt::format("{:.4g} ms median, {:.4g} ms min of {} run{}", result.timing.median_ms, result.timing.min_ms,
                           result.timing.runs, result.timing.runs == 1 ? "" : "s"));
  line("speed", fmt::format("{:.4g} GFLOP/s", result.gflops));
  if (result.non_finite_weights > 0) {
    line("warning", fmt::format("{} weights or biases are not finite; they reach the borders of the output too",
                                result.non_finite_weights));
  }
  if (result.verification) {
    const tools::Verification& v = *result.verification;
    line("verify",
         fmt::format("{}: relative error {:.3g} (allowed {:.3g}), absolute {:.3g}, {} of {} outputs checked",
                     v.verified ? "ok" : "FAILED", v.max_rel_error, v.tolerance, v.max_abs_error, v.checked, v.total));
  }
  return text;
}

void require_fitting_options(const Arguments& arguments) {
  const bool on_device = is_cuda(arguments.target);
  if (on_device && arguments.threads)
    throw UsageError(
        fmt::format("--threads: {}: is for cpu targets; {} runs on a device", *arguments.threads, arguments.target));
  if (!on_device && arguments.device)
    throw UsageError(fmt::format("--device: {}: is for cuda targets; {} runs on the processor", *arguments.device,
                                 arguments.target));
}

Outcome run(Arguments arguments) {
  require_fitting_options(arguments);
  arguments.data.seed = static_cast<std::uint64_t>(arguments.seed.value_or(0));
  Outcome outcome;
  SpecInput input = read_specs({arguments.spec});
  if (!input.failures.empty()) {
    outcome.failures = std::move(input.failures);
    return outcome;
  }
  if (input.specs.size() != 1) {
    throw UsageError(fmt::format("{}: holds {} specs; run takes one", arguments.spec, input.specs.size()));
  }

  const LayerSpec& spec = input.specs[0].spec;
  const Result result =
      with_element(spec.dtype, [&](auto element) { return run_layer<decltype(element)>(spec, arguments); });
  outcome.json() = to_report(spec, result);
  outcome.text = to_text(spec, result);
  if (result.verification && !result.verification->verified) {
    outcome.failures.push_back(
        {arguments.spec, "", fmt::format("not verified: {}", result.verification->first_failure), work_failed});
  }
  return outcome;
}

}  // namespace

Subcommand add_run(CLI::App& root) {
  CLI::App* app = root.add_subcommand("run", "Compile, run and measure one layer; --verify checks it in float64");
  const auto arguments = std::make_shared<Arguments>();
  app->add_option("SPEC", arguments->spec, "a JSON file with one spec, or - for standard input")
      ->required()
      ->type_name("");
  add_integer(*app, "--batch", arguments->data.batch, {0}, "N; 1 if left out, or that of --input");
  add_integer(*app, "--length", arguments->data.length, {1}, "L; that of --input if left out");
  const auto add_file = [&](const char* name, std::string& path, const char* description) {
    app->add_option(name, path, description)->type_name("NPY");
  };
  add_file("--input", arguments->data.input, "x, (N, in_channels, L) or (in_channels, L); seeded random if left out");
  add_file("--weight", arguments->data.weight, "w, (in_channels, out_channels/groups, kernel_size)");
  add_file("--bias", arguments->data.bias, "b, (out_channels)");
  add_file("--output", arguments->output, "write y here");
  add_integer(*app, "--seed", arguments->seed, {0}, "seed of all random data; 0 if left out");
  add_integer(*app, "--threads", arguments->threads, {1, 1024}, "of a cpu target; as many as processors if left out");
  add_integer(*app, "--device", arguments->device, {0, 1023}, "of a cuda target, as the driver counts; 0 if left out");
  add_integer(*app, "--repeat", arguments->repeat, {1}, "timed runs; 0.2 s of them if left out");
  app->add_flag("--verify", arguments->verify, "check against the float64 oracle");
  add_compile_options(*app, arguments->target, arguments->plan);
  add_cache_options(*app, arguments->cache);
  app->footer(
      "Examples:\n"
      "  unstride run layer.json --length 860 --verify\n"
      "  unstride run layer.json --input x.npy --weight w.npy --bias b.npy --output y.npy\n"
      "  unstride run layer.json --batch 8 --length 128 --threads 4 --json | jq .gflops\n"
      "  unstride run layer.json --length 860 --target cuda --verify");
  return {app, [arguments](bool) { return run(*arguments); }};
}

}  // namespace unstride::command
