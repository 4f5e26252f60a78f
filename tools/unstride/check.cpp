// unstride check: validate specs and print their canonical form, which keys and files use.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/unstride/options.h"
#include "tools/unstride/spec_input.h"
#include "tools/unstride/subcommand.h"

namespace unstride::command {
namespace {

struct Arguments {
  std::vector<std::string> specs;
  std::optional<std::int64_t> length;
};

Outcome check(const Arguments& arguments) {
  SpecInput input = read_specs(arguments.specs);
  Outcome outcome;
  outcome.failures = std::move(input.failures);
  outcome.json()["specs"] = Json::array();
  for (const NamedSpec& named : input.specs) {
    try {
      Json entry = {{"source", named.source}, {"spec", Json::parse(to_json(named.spec))}};
      std::string text = to_json(named.spec) + "\n";
      if (arguments.length) {
        const std::int64_t length = output_length(named.spec, *arguments.length);
        entry["output_length"] = length;
        text += fmt::format("output length {}\n", length);
      }
      outcome.json()["specs"].push_back(std::move(entry));
      outcome.text += text;
    } catch (const SpecError&) {  // no output of that length
      outcome.failures.push_back(failure_from(std::current_exception(), named.source));
    }
  }
  return outcome;
}

}  // namespace

Subcommand add_check(CLI::App& root) {
  CLI::App* app = root.add_subcommand("check", "Validate specs and print their canonical form");
  const auto arguments = std::make_shared<Arguments>();
  app->add_option("SPEC", arguments->specs, "a JSON file with a spec or an array of specs, or - for standard input")
      ->required()
      ->type_name("");
  add_integer(*app, "--length", arguments->length, {1}, "print the output length for this input length");
  app->footer("Example:\n  unstride check layer.json --length 128");
  return {app, [arguments](bool) { return check(*arguments); }};
}

}  // namespace unstride::command
