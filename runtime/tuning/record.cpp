#include "runtime/tuning/record.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "cache/key.h"

namespace unstride::tuning {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view choice_begin = R"({"lookup":")";
constexpr std::size_t digits = 64;

std::string digest(const Json& json) {
  return cache::to_hex(cache::sha256(json.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json to_json(const Environment& e) {
  return {{"processor", e.processor}, {"features", e.features}, {"compiler", e.compiler}, {"generator", e.generator}};
}

Json to_json(const Unit& unit) {
  return {{"layer", Json::parse(unit.layer)},
          {"target", unit.target},
          {"batch", unit.batch},
          {"length", unit.length},
          {"threads", unit.threads},
          {"caches", unit.cold ? "cold" : "warm"},
          {"environment", to_json(unit.environment)}};
}

Unit read_unit(const Json& json) {
  const Json& e = json.at("environment");
  return {.layer = json.at("layer").dump(),  // written from the canonical form, whose order it keeps
          .target = json.at("target"),
          .batch = json.at("batch"),
          .length = json.at("length"),
          .threads = json.at("threads"),
          .cold = json.at("caches") == "cold",
          .environment = {.processor = e.at("processor"),
                          .features = e.at("features"),
                          .compiler = e.at("compiler"),
                          .generator = e.at("generator")}};
}

Json to_json(const Interval& time) {
  return {time.median, time.low, time.high};
}

Interval read_interval(const Json& json) {
  return {json.at(0), json.at(1), json.at(2)};
}

Outcome read_outcome(const std::string& text) {
  for (const Outcome outcome : {Outcome::ok, Outcome::failed, Outcome::wrong})
    if (name(outcome) == text) return outcome;
  throw std::invalid_argument(text);
}

Json to_json(const Tried& tried) {
  Json json = {{"plan", tried.plan}, {"outcome", name(tried.outcome)}};
  if (tried.outcome != Outcome::ok) json["reason"] = tried.reason;
  if (tried.rung >= 0) {
    json["rung"] = tried.rung;
    json["rounds"] = tried.rounds;
    json["seconds"] = to_json(tried.time);
  }
  return json;
}

Tried read_tried(const Json& json) {
  Tried tried{.plan = json.at("plan"), .outcome = read_outcome(json.at("outcome"))};
  if (tried.outcome != Outcome::ok) tried.reason = json.at("reason");
  if (json.contains("rung")) {
    tried.rung = json.at("rung");
    tried.rounds = json.at("rounds");
    tried.time = read_interval(json.at("seconds"));
  }
  return tried;
}

// Nothing where the line is not whole, or does not hold what it must.
template <typename Read>
auto read_line(std::string_view text, const Read& read) -> std::optional<decltype(read(Json()))> {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return {};
  try {
    return read(json);
  } catch (const Json::exception&) {
  } catch (const std::invalid_argument&) {
  }
  return {};
}

}  // namespace

std::string Unit::key() const {
  return digest(to_json(*this));
}

std::string lookup_key(std::string_view layer, std::string_view target) {
  return digest({std::string(layer), std::string(target)});
}

std::string_view lookup_key_of(std::string_view text) {
  if (!text.starts_with(choice_begin) || text.size() < choice_begin.size() + digits) return {};
  return text.substr(choice_begin.size(), digits);
}

std::string to_line(const Choice& choice) {
  Json json = {{"lookup", lookup_key(choice.unit.layer, choice.unit.target)}};
  json.update(to_json(choice.unit));
  json["plan"] = choice.plan;
  json["default_plan"] = choice.default_plan;
  json["complete"] = choice.complete;
  json["settled"] = choice.settled;
  json["seconds"] = to_json(choice.time);
  json["default_seconds"] = to_json(choice.default_time);
  json["candidates"] = choice.candidates;
  json["rounds"] = choice.rounds;
  json["made"] = choice.made;
  json["took"] = choice.took;
  json["tried"] = Json::array();
  for (const Tried& tried : choice.tried) json["tried"].push_back(to_json(tried));
  return line(json);
}

std::optional<Choice> read_choice(std::string_view text) {
  return read_line(text, [](const Json& json) {
    Choice choice{.unit = read_unit(json),
                  .plan = json.at("plan"),
                  .default_plan = json.at("default_plan"),
                  .complete = json.at("complete"),
                  .settled = json.value("settled", false),
                  .time = read_interval(json.at("seconds")),
                  .default_time = read_interval(json.at("default_seconds")),
                  .candidates = json.at("candidates"),
                  .rounds = json.at("rounds"),
                  .made = json.at("made"),
                  .took = json.value("took", 0.0)};
    for (const Json& tried : json.at("tried")) choice.tried.push_back(read_tried(tried));
    return choice;
  });
}

std::string to_line(const std::string& unit, const Sample& sample) {
  Json json = {{"sample", unit}, {"plan", sample.plan}, {"outcome", name(sample.outcome)}};
  if (sample.outcome != Outcome::ok) {
    json["reason"] = sample.reason;
    return line(json);
  }
  const Interval time = median_interval(sample.seconds);
  json["rung"] = sample.rung;
  json["first_round"] = sample.first_round;
  json["calls"] = sample.calls;
  json["seconds"] = sample.seconds;
  json["median"] = time.median;
  json["interval"] = {time.low, time.high};
  if (!sample.conditions.empty()) json["conditions"] = sample.conditions;
  return line(json);
}

std::optional<UnitSample> read_sample(std::string_view text) {
  if (!text.starts_with(R"({"sample":)")) return {};
  return read_line(text, [](const Json& json) {
    UnitSample result{.unit = json.at("sample"), .sample = {}};
    Sample& sample = result.sample;
    sample.plan = json.at("plan");
    sample.outcome = read_outcome(json.at("outcome"));
    if (sample.outcome != Outcome::ok) {
      sample.reason = json.at("reason");
      return result;
    }
    sample.rung = json.at("rung");
    sample.first_round = json.at("first_round");
    sample.calls = json.at("calls");
    sample.seconds = json.at("seconds").get<std::vector<double>>();
    sample.conditions = json.value("conditions", "");
    return result;
  });
}

std::string to_line(const Unit& unit) {
  Json json = {{"unit", unit.key()}};
  json.update(to_json(unit));
  return line(json);
}

}  // namespace unstride::tuning
