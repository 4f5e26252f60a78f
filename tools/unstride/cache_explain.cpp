// unstride cache explain: whether layers would be found in the cache, and if not, what differs.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_subcommands.h"
#include "tools/unstride/options.h"
#include "tools/unstride/spec_input.h"

namespace unstride::command {
namespace {

struct Arguments {
  CacheArguments cache;
  std::vector<std::string> specs;
  std::string target = "cpu";
  std::string plan;
};

Json to_report(const NamedSpec& named, const CacheExplanation& explanation) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json report = {{"source", named.source},
                 {"spec", Json::parse(to_json(named.spec))},
                 {"hit", explanation.hit},
                 {"key", explanation.key},
                 {"plan", explanation.plan},
                 {"plan_source", explanation.plan_source},
                 {"tuned", explanation.tuned},
                 {"where", or_null(explanation.where)},
                 {"nearest", or_null(explanation.nearest)},
                 {"differences", Json::array()}};
  for (const auto& [label, wanted, found] : explanation.differences)
    report["differences"].push_back({{"field", label}, {"wanted", or_null(wanted)}, {"found", or_null(found)}});
  return report;
}

std::string plan_text(const CacheExplanation& explanation) {
  std::string text = fmt::format("plan     {}, by {}\n", explanation.plan, explanation.plan_source);
  for (const std::string& range : explanation.tuned) text += fmt::format("tuned    {}\n", range);
  return text;
}

std::string to_text(const NamedSpec& named, const CacheExplanation& explanation) {
  if (explanation.hit)
    return fmt::format("{}: hit: {} in {}\n", named.source, explanation.key, explanation.where) +
           plan_text(explanation);
  std::string text = fmt::format("{}: miss: there is no entry {}", named.source, explanation.key);
  if (explanation.nearest.empty()) return text + ", and none like it\n" + plan_text(explanation);
  text += fmt::format("\nnearest  {} in {}\n", explanation.nearest, explanation.where);
  for (const CacheExplanation::Difference& difference : explanation.differences)
    text += fmt::format("differs  {}\n", to_string(difference));
  return text + plan_text(explanation);
}

Outcome explain(const Arguments& arguments) {
  SpecInput input = read_specs(arguments.specs);
  const Engine engine = open_cache(arguments.cache, CacheMode::read_only);
  require_known_target(engine, arguments.target);

  Outcome outcome;
  outcome.failures = std::move(input.failures);
  outcome.json()["target"] = arguments.target;
  outcome.json()["explanations"] = Json::array();
  for (const NamedSpec& named : input.specs) {
    try {
      const CacheExplanation explanation =
          engine.explain(named.spec, {.target = arguments.target, .plan = arguments.plan});
      outcome.json()["explanations"].push_back(to_report(named, explanation));
      outcome.text += to_text(named, explanation);
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
