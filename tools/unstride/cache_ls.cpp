// unstride cache ls: the entries of the cache and of the bundles, last used first.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_subcommands.h"
#include "tools/unstride/cache_text.h"

namespace unstride::command {
namespace {

// Enough to tell any entries apart that anybody keeps, and what extract takes.
constexpr std::size_t key_prefix = 12;

using Row = std::array<std::string, 7>;

// Columns as wide as their widest cell, but the last.
std::string table(const std::vector<Row>& rows) {
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (const Row& row : rows)
    for (std::size_t k = 0; k + 1 < row.size(); ++k) widths[k] = std::max(widths[k], row[k].size());
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t k = 0; k + 1 < row.size(); ++k) text += fmt::format("{:<{}}  ", row[k], widths[k]);
    text += row.back() + "\n";
  }
  return text;
}

Json to_report(const CacheEntry& entry) {
  Json fields = Json::object(), notes = Json::object();
  for (const CacheField& f : entry.fields) fields[f.label] = f.value;
  for (const CacheField& note : entry.notes) notes[note.label] = note.value;
  const EntryText text = entry_text(entry);
  return {{"key", entry.key},
          {"bytes", entry.bytes},
          {"last_used", entry.last_used == 0 ? Json(nullptr) : Json(entry.last_used)},
          {"layer", text.layer},
          {"target", text.target},
          {"plan", text.plan},
          {"where", entry.where},
          {"fields", std::move(fields)},
          {"notes", std::move(notes)}};
}

Outcome list(const CacheArguments& arguments) {
  std::vector<CacheEntry> entries = open_cache(arguments, CacheMode::read_only).cache_entries();
  std::ranges::sort(entries, [](const CacheEntry& a, const CacheEntry& b) {
    return std::tie(b.last_used, a.where, a.key) < std::tie(a.last_used, b.where, b.key);
  });
  Outcome outcome;
  outcome.json()["entries"] = Json::array();
  std::vector<Row> rows;
  for (const CacheEntry& entry : entries) {
    outcome.json()["entries"].push_back(to_report(entry));
    const EntryText text = entry_text(entry);
    rows.push_back({entry.key.substr(0, key_prefix), size_text(entry.bytes), time_text(entry.last_used), text.target,
                    text.plan, text.layer, entry.where});
  }
  if (!rows.empty()) rows.insert(rows.begin(), {"KEY", "SIZE", "LAST USED", "TARGET", "PLAN", "LAYER", "WHERE"});
  outcome.text = table(rows);
  return outcome;
}

}  // namespace

Subcommand add_cache_ls(CLI::App& cache) {
  CLI::App* app = cache.add_subcommand("ls", "List the kernels in the cache and in the bundles, last used first");
  const auto arguments = std::make_shared<CacheArguments>();
  add_cache_places(*app, *arguments);
  return {app, [arguments](bool) { return list(*arguments); }};
}

}  // namespace unstride::command
