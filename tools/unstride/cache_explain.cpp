// unstride cache explain: whether layers would be found in the cache, and if not, what differs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_subcommands.h"
#include "tools/unstride/options.h"
#include "tools/unstride/spec_input.h"

namespace unstride::command {
namespace {

using Difference = CacheExplanation::Difference;

struct Arguments {
  CacheArguments cache;
  std::vector<std::string> specs;
  std::string target = "cpu";
  std::string plan;
};

// Two specs as the fields in which they differ: "spec.stride". As it is where one of them is no JSON object.
std::vector<Difference> by_field(const Difference& difference) {
  const Json wanted = Json::parse(difference.wanted, nullptr, false);
  const Json found = Json::parse(difference.found, nullptr, false);
  if (!wanted.is_object() || !found.is_object()) return {difference};
  Json all = wanted;
  all.update(found);
  std::vector<Difference> fields;
  for (const auto& [name, ignored] : all.items()) {
    const auto value = [&name = name](const Json& spec) { return spec.contains(name) ? spec[name].dump() : ""; };
    if (value(wanted) != value(found)) {
      fields.push_back({fmt::format("{}.{}", difference.label, name), value(wanted), value(found)});
    }
  }
  return fields;
}

std::vector<Difference> differences(const std::vector<CacheField>& wanted, const std::vector<CacheField>& found) {
  std::vector<Difference> all;
  for (const auto& [label, value] : wanted) {
    const auto other = std::ranges::find(found, label, &CacheField::label);
    const std::string other_value = other == found.end() ? std::string() : other->value;
    if (value == other_value) continue;
    for (Difference& difference : by_field({label, value, other_value})) all.push_back(std::move(difference));
  }
  return all;
}

struct Nearest {
  const CacheEntry* entry;
  std::vector<Difference> differences;
};

// The engine counts the fields of the key that are equal, and the whole spec is one of them: most entries of a model
// are equally near. Here each field of the spec counts, so that the layer that somebody changed is found again.
std::optional<Nearest> find_nearest(const std::vector<CacheField>& wanted, const std::vector<CacheEntry>& entries) {
  std::optional<Nearest> best;
  for (const CacheEntry& entry : entries) {
    if (entry.fields.empty() || wanted.empty() || entry.fields.front() != wanted.front()) continue;  // another kind
    std::vector<Difference> all = differences(wanted, entry.fields);
    if (!best || all.size() < best->differences.size()) best = {&entry, std::move(all)};
  }
  return best;
}

std::vector<std::string_view> parts(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find_first_of(" ,"), text.size());
    if (length > 0) all.push_back(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return all;
}

// Long lists, such as the features of a processor, as the parts that the other one does not have.
std::string own_parts(const std::string& value, const std::string& other) {
  if (value.empty()) return "nothing";
  if (value.size() <= 100) return value;
  const std::vector<std::string_view> others = parts(other);
  std::vector<std::string_view> own = parts(value);
  std::erase_if(own, [&](std::string_view part) { return std::ranges::find(others, part) != others.end(); });
  return fmt::format("... {} ...", fmt::join(own, " "));
}

Json to_report(const NamedSpec& named, const CacheExplanation& explanation, const std::optional<Nearest>& nearest) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json report = {{"source", named.source},
                 {"spec", Json::parse(to_json(named.spec))},
                 {"hit", explanation.hit},
                 {"key", explanation.key},
                 {"where", or_null(nearest ? nearest->entry->where : explanation.where)},
                 {"nearest", nearest ? Json(nearest->entry->key) : Json(nullptr)},
                 {"differences", Json::array()}};
  if (!nearest) return report;
  for (const auto& [label, wanted, found] : nearest->differences) {
    report["differences"].push_back({{"field", label}, {"wanted", or_null(wanted)}, {"found", or_null(found)}});
  }
  return report;
}

std::string to_text(const NamedSpec& named, const CacheExplanation& explanation,
                    const std::optional<Nearest>& nearest) {
  if (explanation.hit) return fmt::format("{}: hit: {} in {}\n", named.source, explanation.key, explanation.where);
  std::string text = fmt::format("{}: miss: there is no entry {}", named.source, explanation.key);
  if (!nearest) return text + ", and none like it\n";
  text += fmt::format("\nnearest  {} in {}\n", nearest->entry->key, nearest->entry->where);
  for (const auto& [label, wanted, found] : nearest->differences) {
    text +=
        fmt::format("differs  {}: wanted {}, found {}\n", label, own_parts(wanted, found), own_parts(found, wanted));
  }
  return text;
}

Outcome explain(const Arguments& arguments) {
  SpecInput input = read_specs(arguments.specs);
  const Engine engine = open_cache(arguments.cache, CacheMode::read_only);
  require_known_target(engine, arguments.target);
  const std::vector<CacheEntry> entries = engine.cache_entries();

  Outcome outcome;
  outcome.failures = std::move(input.failures);
  outcome.json["target"] = arguments.target;
  outcome.json["explanations"] = Json::array();
  for (const NamedSpec& named : input.specs) {
    try {
      const CacheExplanation explanation =
          engine.explain(named.spec, {.target = arguments.target, .plan = arguments.plan});
      std::optional<Nearest> nearest;
      if (!explanation.hit) nearest = find_nearest(explanation.fields, entries);
      outcome.json["explanations"].push_back(to_report(named, explanation, nearest));
      outcome.text += to_text(named, explanation, nearest);
    } catch (...) {
      outcome.failures.push_back(failure_from(std::current_exception(), named.source));
    }
  }
  return outcome;
}

}  // namespace

Subcommand add_cache_explain(CLI::App& cache) {
  CLI::App* app = cache.add_subcommand("explain", "Say whether layers are in the cache, and if not, what differs");
  const auto arguments = std::make_shared<Arguments>();
  app->add_option("SPEC", arguments->specs, "a JSON file with a spec or an array of specs, or - for standard input")
      ->required()
      ->type_name("");
  add_compile_options(*app, arguments->target, arguments->plan);
  add_cache_places(*app, arguments->cache);
  return {app, [arguments](bool) { return explain(*arguments); }};
}

}  // namespace unstride::command
