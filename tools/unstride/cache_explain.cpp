// unstride cache explain: whether layers would be found in the cache, and if not, what differs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
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

std::vector<Difference> by_field(const std::vector<Difference>& differences) {
  std::vector<Difference> fields;
  for (const Difference& difference : differences)
    for (Difference& field : by_field(difference)) fields.push_back(std::move(field));
  return fields;
}

// Long lists, such as the features of a processor, as the parts that the other one does not have.
std::string own_parts(const std::string& value, const std::string& other) {
  if (value.empty()) return "nothing";
  if (value.size() <= 100) return value;
  const auto split = [](std::string_view text) {
    std::set<std::string_view> parts;
    while (!text.empty()) {
      const std::size_t length = std::min(text.find_first_of(" ,"), text.size());
      if (length > 0) parts.insert(text.substr(0, length));
      text.remove_prefix(std::min(length + 1, text.size()));
    }
    return parts;
  };
  std::vector<std::string_view> own;
  std::ranges::set_difference(split(value), split(other), std::back_inserter(own));
  return fmt::format("... {} ...", fmt::join(own, " "));
}

Json to_report(const NamedSpec& named, const CacheExplanation& explanation, const std::vector<Difference>& fields) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json report = {{"source", named.source},
                 {"spec", Json::parse(to_json(named.spec))},
                 {"hit", explanation.hit},
                 {"key", explanation.key},
                 {"where", or_null(explanation.where)},
                 {"nearest", or_null(explanation.nearest)},
                 {"differences", Json::array()}};
  for (const auto& [label, wanted, found] : fields) {
    report["differences"].push_back({{"field", label}, {"wanted", or_null(wanted)}, {"found", or_null(found)}});
  }
  return report;
}

std::string to_text(const NamedSpec& named, const CacheExplanation& explanation,
                    const std::vector<Difference>& fields) {
  if (explanation.hit) return fmt::format("{}: hit: {} in {}\n", named.source, explanation.key, explanation.where);
  if (explanation.nearest.empty()) {
    return fmt::format("{}: miss: there is no entry {}, and none like it\n", named.source, explanation.key);
  }
  std::string text = fmt::format("{}: miss: there is no entry {}\nnearest  {} in {}\n", named.source, explanation.key,
                                 explanation.nearest, explanation.where);
  for (const auto& [label, wanted, found] : fields) {
    text +=
        fmt::format("differs  {}: wanted {}, found {}\n", label, own_parts(wanted, found), own_parts(found, wanted));
  }
  return text;
}

Outcome explain(const Arguments& arguments) {
  SpecInput input = read_specs(arguments.specs);
  const Engine engine = open_cache(arguments.cache, CacheMode::read_only);
  require_known_target(engine, arguments.target);

  Outcome outcome;
  outcome.failures = std::move(input.failures);
  outcome.json["target"] = arguments.target;
  outcome.json["explanations"] = Json::array();
  for (const NamedSpec& named : input.specs) {
    try {
      const CacheExplanation explanation =
          engine.explain(named.spec, {.target = arguments.target, .plan = arguments.plan});
      const std::vector<Difference> fields = by_field(explanation.differences);
      outcome.json["explanations"].push_back(to_report(named, explanation, fields));
      outcome.text += to_text(named, explanation, fields);
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
