// The comparison: every case of the corpus, all contenders in the same rounds, with the machine's ceilings beside them.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>

#include "bench/buffers.h"
#include "bench/interleaved.h"
#include "bench/judge.h"
#include "bench/measurements.h"
#include "bench/peer_report.h"
#include "bench/peers/peer_library.h"
#include "bench/probes/bfloat16_peak.h"
#include "bench/probes/copy_bandwidth.h"
#include "bench/probes/fma_peak.h"
#include "bench/probes/together.h"
#include "bench/statistics.h"
#include "support/undisturbed.h"
#include "tools/support/corpus.h"

namespace unstride::bench {

namespace {

using Json = nlohmann::json;

constexpr double case_seconds = 20;  // a case has fewer rounds rather than take longer
constexpr int fewest_rounds = 3;

// A peer that is this much slower, and slow, is known well enough after its first calls.
constexpr double hopeless_ratio = 8, hopeless_seconds = 0.1;

// The fastest variant of a peer, or why there is none.
struct Entrant {
  std::string peer, variant;
  std::unique_ptr<Contender> contender;
  std::optional<CallTimer> timer;
  double prepare_seconds = 0, error = 0;
  std::vector<std::string> refusals;
};

class Comparison {
 public:
  explicit Comparison(const PeerOptions& options)
      : options_(options),
        engine_({.threads = *std::ranges::max_element(options.threads), .cache = {.mode = CacheMode::off}}) {
    for (const int threads : options.threads)
      undisturbed_by_.try_emplace(
          threads, [threads] { return std::ranges::min(rates(threads, [](int) { return addition_rate(); })); });
  }

  Json run() {
    fmt::print("{} {} without prologue and epilogue, N {}, NCL, weights packed beforehand, {} caches\n", options_.dtype,
               options_.fast ? "fast" : "strict", options_.batch, options_.cold ? "cold second-level" : "hot");
    peers_ = load_peers(options_.peers.empty() ? peer_names() : options_.peers);
    if (options_.fast) peers_.push_back(strict_unstride());
    const auto cases = chosen_cases();
    if (cases.empty()) throw Error("no case of the corpus is left by these options");
    print_peer_header();

    const auto start = std::chrono::steady_clock::now();
    std::size_t done = 0;
    for (const auto& [layer, length] : cases) {
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      if (elapsed.count() > options_.budget_seconds) {
        fmt::print("stopped after {} of {} cases: the budget is spent\n", done, cases.size());
        break;
      }
      measure(*layer, length);
      ++done;
    }
    Json result = {{"conditions",
                    {{"dtype", options_.dtype},
                     {"math", options_.fast ? "fast" : "strict"},
                     {"layout", "NCL"},
                     {"fused", "bias only"},
                     {"batch", options_.batch},
                     {"caches", options_.cold ? "cold L2" : "hot"},
                     {"rounds", options_.rounds}}},
                   {"cases_wanted", cases.size()},
                   {"mismatches", mismatches_},
                   {"cases", rows_}};
    for (const Peer& peer : peers_) result["versions"][peer.name] = peer.version;
    result["summary"] = print_peer_summary(rows_);
    return result;
  }

 private:
  std::vector<std::pair<const tools::CorpusLayer*, std::int64_t>> chosen_cases() {
    const auto lower = [](std::string text) {
      std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      return text;
    };
    layers_ = tools::read_corpus(options_.corpus);
    std::vector<std::pair<const tools::CorpusLayer*, std::int64_t>> cases;
    for (const tools::CorpusLayer& layer : layers_) {
      if (options_.headline && !layer.headline) continue;
      const std::string text = fmt::format("{}  {}", layer.name(), shape_text(layer.spec));
      if (lower(text).find(lower(options_.filter)) == std::string::npos) continue;
      for (const std::int64_t length : options_.lengths.empty() ? layer.lengths : options_.lengths) {
        const double operations =
            2.0 * static_cast<double>(options_.batch * length) * static_cast<double>(layer.spec.weight_count());
        if (operations <= options_.max_operations) cases.emplace_back(&layer, length);
      }
    }
    return cases;
  }

  // Ours, to see what fast math gains; it counts as no peer.
  Peer strict_unstride() const {
    return {.name = "strict",
            .version = "unstride, strict math",
            .variants = [this](const Case& layer, int threads) -> std::vector<Variant> {
              return {{"strict", [this, &layer, threads] {
                         Case strict = layer;
                         strict.spec.math = Math::strict;
                         return make_unstride(engine_, strict, threads);
                       }}};
            }};
  }

  DType dtype() const {
    if (options_.dtype == name(DType::bfloat16)) return DType::bfloat16;
    return options_.dtype == name(DType::float16) ? DType::float16 : DType::float32;
  }

  double peak_gflops(int threads) const {
    // Wider types are multiplied in parts by the matrix unit alone.
    const bool in_bfloat16 = options_.fast && (dtype() == DType::bfloat16 || bfloat16_unit() == "AMX");
    const auto products = in_bfloat16 ? bfloat16_peak_gflops(threads) : std::nullopt;
    return std::max(products.value_or(0), fma_peak_gflops(threads));
  }

  void measure(const tools::CorpusLayer& layer, std::int64_t length) {
    const Case problem(layer.spec, options_.batch, length, dtype(), options_.fast ? Math::fast : Math::strict);
    const Judge judge(engine_, problem);
    Buffers buffers(problem, options_.cold, engine_.threads());
    for (const int threads : options_.threads) {
      Json row = measure(problem, judge, buffers, threads);
      row["id"] = layer.id;
      row["layer"] = layer.name();
      row["core"] = layer.core;
      row["headline"] = layer.headline;
      print_peer_row(row);
      rows_.push_back(std::move(row));
    }
  }

  Json measure(const Case& problem, const Judge& judge, Buffers& buffers, int threads) {
    const auto ours = make_unstride(engine_, problem, threads);
    const CallTimer our_timer([&] { buffers.run(*ours); });
    const double our_error = check(*ours, problem, judge);
    std::vector<Entrant> entrants;
    for (const Peer& peer : peers_) entrants.push_back(enter(peer, problem, judge, buffers, threads));

    const CopyBandwidth copy(std::max(problem.bytes(), buffers.bytes()), threads);
    std::vector<std::function<double()>> participants = {
        [&] { return our_timer.sample(); },
        [&] { return settle(), peak_gflops(threads); },
        [&] { return settle(), copy.measure(); },
    };
    double round_seconds = our_timer.sample_cost() + 20e-3;
    std::vector<Entrant*> timed;
    for (Entrant& entrant : entrants) {
      if (!entrant.timer) continue;
      const double estimate = entrant.timer->estimate();
      if (estimate > hopeless_seconds && estimate > hopeless_ratio * our_timer.estimate()) continue;
      participants.emplace_back([&] { return entrant.timer->sample(); });
      round_seconds += entrant.timer->sample_cost();
      timed.push_back(&entrant);
    }
    const int rounds = std::clamp(static_cast<int>(case_seconds / round_seconds),
                                  std::min(fewest_rounds, options_.rounds), options_.rounds);
    Undisturbed& undisturbed = undisturbed_by_.at(threads);
    const int disturbed_before = undisturbed.disturbed();
    const Undisturbed::Seconds patience(options_.patience_seconds);
    for (auto& participant : participants)
      participant = [&undisturbed, patience, take = participant] { return undisturbed.sample(take, patience); };
    const auto samples = interleave(participants, rounds);

    const double our_seconds = median(samples[0]), peak = median(samples[1]), bandwidth = median(samples[2]);
    const LayerSpec& spec = problem.spec;
    const double compute_seconds = problem.operations() / peak * 1e-9,
                 copy_seconds = problem.bytes() / bandwidth * 1e-9;
    Json row = {{"shape", shape_text(spec)},
                {"in", spec.in_channels},
                {"out", spec.out_channels},
                {"kernel", spec.kernel_size},
                {"stride", spec.stride},
                {"dilation", spec.dilation},
                {"groups", spec.groups},
                {"length", problem.length},
                {"threads", threads},
                {"operations", problem.operations()},
                {"bytes", problem.bytes()},
                {"rounds", rounds},
                {"disturbed", undisturbed.disturbed() - disturbed_before},
                {"us", 1e6 * our_seconds},
                {"samples_us", in_microseconds(samples[0])},
                {"gflops", problem.operations() / our_seconds * 1e-9},
                {"plan", ours->implementation()},
                {"error", our_error},
                {"peak_gflops", peak},
                {"copy_gbps", bandwidth},
                {"compute_us", 1e6 * compute_seconds},
                {"copy_us", 1e6 * copy_seconds},
                {"roofline", std::max(compute_seconds, copy_seconds) / our_seconds},
                {"peers", Json::object()}};
    for (const Entrant& entrant : entrants) {
      const auto place = std::ranges::find(timed, &entrant);
      if (place == timed.end()) {
        row["peers"][entrant.peer] = describe(entrant, {});
      } else {
        row["peers"][entrant.peer] = describe(entrant, samples[static_cast<std::size_t>(3 + (place - timed.begin()))]);
      }
    }
    add_best_peer(row);
    return row;
  }

  // The relative error of a contender's result. Throws Error when that is too large.
  double check(Contender& contender, const Case& problem, const Judge& judge) {
    std::vector<std::byte> y(static_cast<std::size_t>(problem.output_count() * size_in_bytes(problem.spec.dtype)));
    contender.run(problem.x_elements.data(), y.data());
    const double error = judge.error(y);
    if (error <= judge.tolerance()) return error;
    ++mismatches_;
    throw Error(fmt::format("its result differs: relative error {:.1e}, allowed {:.1e}", error, judge.tolerance()));
  }

  // Makes every variant, checks its result, and keeps the fastest.
  Entrant enter(const Peer& peer, const Case& problem, const Judge& judge, Buffers& buffers, int threads) {
    Entrant best;
    best.peer = peer.name;
    for (const Variant& variant : peer.variants(problem, threads)) {
      try {
        std::unique_ptr<Contender> contender;
        const double prepare_seconds = seconds([&] { contender = variant.make(); });
        const double error = check(*contender, problem, judge);
        std::optional<CallTimer> timer;
        timer.emplace([&buffers, contender = contender.get()] { buffers.run(*contender); });
        if (best.timer && best.timer->estimate() <= timer->estimate()) continue;
        best.variant = variant.name;
        best.contender = std::move(contender);
        best.timer = std::move(timer);
        best.prepare_seconds = prepare_seconds;
        best.error = error;
      } catch (const Error& error) {
        best.refusals.push_back(fmt::format("{}: {}", variant.name, error.what()));
      }
    }
    return best;
  }

  static Json in_microseconds(std::vector<double> values) {
    for (double& value : values) value *= 1e6;
    return values;
  }

  static Json describe(const Entrant& entrant, const std::vector<double>& samples) {
    Json result = Json::object();
    if (!entrant.refusals.empty()) result["refused"] = entrant.refusals;
    if (!entrant.timer) return result;
    result["us"] = 1e6 * (samples.empty() ? entrant.timer->estimate() : median(samples));
    result["samples_us"] = in_microseconds(samples);
    result["variant"] = entrant.variant;
    result["implementation"] = entrant.contender->implementation();
    result["prepare_ms"] = 1e3 * entrant.prepare_seconds;
    result["error"] = entrant.error;
    return result;
  }

  PeerOptions options_;
  Engine engine_;
  std::map<int, Undisturbed> undisturbed_by_;  // threads
  std::vector<Peer> peers_;
  std::vector<tools::CorpusLayer> layers_;
  Json rows_ = Json::array();
  int mismatches_ = 0;
};

}  // namespace

Json peers(const PeerOptions& options) {
  return Comparison(options).run();
}

}  // namespace unstride::bench
