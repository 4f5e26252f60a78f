// unstride cache keygen: a pair of keys to sign bundles with and to check them by.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/unstride/cache_subcommands.h"
#include "unstride/cache.hpp"

namespace unstride::command {
namespace {

Outcome generate(const std::string& prefix) {
  const std::string public_file = prefix + ".pub", secret_file = prefix + ".secret";
  generate_signing_keys(secret_file, public_file);

  Outcome outcome;
  outcome.json() = {{"public_key", public_file}, {"secret_key", secret_file}};
  outcome.text = fmt::format(
      "{}  to check bundles by: --trusted-key\n{}  to sign bundles with: precompile --sign; keep it to yourself\n",
      public_file, secret_file);
  return outcome;
}

}  // namespace

Subcommand add_cache_keygen(CLI::App& cache) {
  CLI::App* app =
      cache.add_subcommand("keygen", "Make a pair of Ed25519 keys: PREFIX.secret signs bundles, PREFIX.pub checks");
  const auto prefix = std::make_shared<std::string>();
  app->add_option("PREFIX", *prefix, "of the two files, neither of which may exist")->required()->type_name("");
  return {app, [prefix](bool) { return generate(*prefix); }};
}

}  // namespace unstride::command
