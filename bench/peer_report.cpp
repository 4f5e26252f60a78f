#include "bench/peer_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

namespace unstride::bench {

namespace {

using Json = nlohmann::json;

// The operations of a case take this many times as long as copying its bytes: it is bound by arithmetic, and the
// reverse by memory.
constexpr double clearly = 4;
constexpr double unsteady_spread = 1.25;             // median over fastest sample
constexpr double long_enough = 100;                  // input positions
constexpr double beyond_caches = 8.0 * 1024 * 1024;  // bytes

double geometric_mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return values.empty() ? 0 : std::exp(sum / static_cast<double>(values.size()));
}

// A column of rows that pass a test; rows without the value are left out.
template <typename Test>
std::vector<double> column(const std::vector<Json>& rows, const char* name, const Test& test) {
  std::vector<double> values;
  for (const Json& row : rows)
    if (test(row) && row.contains(name) && row[name].is_number()) values.push_back(row[name].get<double>());
  return values;
}

// Whether a figure that counts is no steady one: something else had the processor for half of its samples.
bool unsteady(const Json& row) {
  const auto spread = [](const Json& entry) {
    const auto samples = entry["samples_us"].get<std::vector<double>>();
    return samples.empty() ? 1 : entry["us"].get<double>() / *std::ranges::min_element(samples);
  };
  if (spread(row) > unsteady_spread) return true;
  return row["best_peer"].is_string() && spread(row["peers"][row["best_peer"].get<std::string>()]) > unsteady_spread;
}

Json mean_and_worst(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  return {{"cases", values.size()}, {"geomean", geometric_mean(values)}, {"worst", *std::ranges::min_element(values)}};
}

void print_share(const char* what, const Json& share) {
  if (share.is_null()) return;
  fmt::print("  {:58}  {:5.1f} % geometric mean, {:5.1f} % worst of {}\n", what, 100 * share["geomean"].get<double>(),
             100 * share["worst"].get<double>(), share["cases"].get<int>());
}

void print_worst(const char* what, std::vector<Json> rows, const char* name) {
  std::erase_if(rows, [&](const Json& row) { return !row[name].is_number(); });
  std::ranges::sort(rows, {}, [&](const Json& row) { return row[name].get<double>(); });
  if (rows.size() > 10) rows.resize(10);
  if (rows.empty()) return;
  fmt::print("  lowest {}:\n", what);
  for (const Json& row : rows)
    fmt::print("    {:5.2f}  L {:<8} {:26} {}\n", row[name].get<double>(), row["length"].get<std::int64_t>(),
               row["shape"].get<std::string>(), row["layer"].get<std::string>());
}

Json summarize(const std::vector<Json>& rows) {
  const auto all = [](const Json&) { return true; };
  const auto compute_bound = [](const Json& row) {
    return row["length"] >= long_enough && row["compute_us"].get<double>() > clearly * row["copy_us"].get<double>();
  };
  const auto memory_bound = [](const Json& row) {
    return row["bytes"] > beyond_caches && row["copy_us"] > row["compute_us"];
  };
  Json summary = {{"cases", rows.size()}, {"ratio", mean_and_worst(column(rows, "ratio", all))}};
  summary["ratio_by_peer"] = Json::object();
  std::set<std::string> names;
  for (const Json& row : rows)
    for (const auto& [name, peer] : row["peers"].items()) names.insert(name);
  for (const std::string& name : names) {
    std::vector<double> ratios;
    for (const Json& row : rows)
      if (const Json peer = row["peers"].value(name, Json::object()); peer.contains("us"))
        ratios.push_back(peer["us"].get<double>() / row["us"].get<double>());
    summary["ratio_by_peer"][name] = mean_and_worst(ratios);
  }
  const std::vector<double> ratios = column(rows, "ratio", all);
  summary["slower_than_a_peer"] = std::ranges::count_if(ratios, [](double ratio) { return ratio < 1; });
  summary["unsteady"] = std::ranges::count_if(rows, unsteady);
  summary["roofline"] = mean_and_worst(column(rows, "roofline", all));
  summary["largest_error"] = std::ranges::max(column(rows, "error", all));
  summary["compute_bound"] = mean_and_worst(column(rows, "roofline", compute_bound));
  summary["memory_bound"] = mean_and_worst(column(rows, "roofline", memory_bound));
  return summary;
}

}  // namespace

void add_best_peer(Json& row) {
  row["best_peer"] = row["best_us"] = row["ratio"] = nullptr;
  for (const auto& [name, peer] : row["peers"].items()) {
    if (!peer.contains("us") || name == "strict") continue;
    if (!row["best_us"].is_null() && row["best_us"] <= peer["us"]) continue;
    row["best_peer"] = name;
    row["best_us"] = peer["us"];
    row["ratio"] = peer["us"].get<double>() / row["us"].get<double>();
  }
}

std::string shape_text(const LayerSpec& spec) {
  std::string text =
      fmt::format("{} -> {} k{} s{}", spec.in_channels, spec.out_channels, spec.kernel_size, spec.stride);
  if (spec.dilation != 1) text += fmt::format(" d{}", spec.dilation);
  if (spec.groups != 1) text += fmt::format(" g{}", spec.groups);
  return text;
}

void print_peer_header() {
  fmt::print("{:26} {:>8} T {:>10} {:>7} {:>6} {:>6}  {:>6} {:>10}  {}\n", "", "L", "us", "GFLOP/s", "roof", "ratio",
             "peer", "us", "layer");
}

void print_peer_row(const Json& row) {
  std::string best = fmt::format("{:>6}  {:>6} {:>10}", "-", "-", "-");
  if (row["ratio"].is_number())
    best = fmt::format("{:6.2f}  {:>6} {:10.1f}", row["ratio"].get<double>(), row["best_peer"].get<std::string>(),
                       row["best_us"].get<double>());
  fmt::print("{:26} {:>8} {} {:10.1f} {:7.1f} {:4.0f} % {}  {}\n", row["shape"].get<std::string>(),
             row["length"].get<std::int64_t>(), row["threads"].get<int>(), row["us"].get<double>(),
             row["gflops"].get<double>(), 100 * row["roofline"].get<double>(), best, row["layer"].get<std::string>());
  for (const auto& [name, peer] : row["peers"].items())
    if (peer.contains("refused"))
      for (const Json& reason : peer["refused"]) fmt::print("    {}: {}\n", name, reason.get<std::string>());
  std::fflush(stdout);
}

Json print_peer_summary(const Json& rows) {
  std::set<int> thread_counts;
  for (const Json& row : rows) thread_counts.insert(row["threads"].get<int>());
  Json result = Json::object();
  for (const int threads : thread_counts) {
    std::vector<Json> chosen;
    for (const Json& row : rows)
      if (row["threads"] == threads) chosen.push_back(row);
    const Json summary = summarize(chosen);
    result[std::to_string(threads)] = summary;

    fmt::print("\n{} thread{}, {} cases\n", threads, threads == 1 ? "" : "s", chosen.size());
    if (const Json& ratio = summary["ratio"]; !ratio.is_null())
      fmt::print("  best peer's time over ours: {:.2f} geometric mean, {:.2f} worst; {} cases slower than a peer\n",
                 ratio["geomean"].get<double>(), ratio["worst"].get<double>(),
                 summary["slower_than_a_peer"].get<int>());
    for (const auto& [name, ratio] : summary["ratio_by_peer"].items())
      if (!ratio.is_null())
        fmt::print("    {:8} {:6.2f} geometric mean, {:.2f} worst of {}\n", name, ratio["geomean"].get<double>(),
                   ratio["worst"].get<double>(), ratio["cases"].get<int>());
    if (summary["unsteady"] != 0)
      fmt::print("  {} cases are unsteady: the median is {} times the fastest sample or more; is the machine busy?\n",
                 summary["unsteady"].get<int>(), unsteady_spread);
    print_share("roofline, all cases", summary["roofline"]);
    fmt::print("  largest relative error of unstride: {:.1e}\n", summary["largest_error"].get<double>());
    print_share("peak, compute-bound, L >= 100", summary["compute_bound"]);
    print_share("copy bandwidth, memory-bound, more than 8 MiB", summary["memory_bound"]);
    print_worst("ratio to the best peer", chosen, "ratio");
    print_worst("share of the roofline", chosen, "roofline");
  }
  return result;
}

}  // namespace unstride::bench
