// The published schema agrees with the parser: field by field with the tables, and on a list of cases that
// schema_test.py tries on the schema itself.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "codegen/spec/fields.h"
#include "spec_testing.h"

namespace unstride {
namespace {

using nlohmann::json;
using Names = std::set<std::string>;

json read(const char* path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << "cannot open " << path;
  return json::parse(file);
}

Names names_of(const json& object) {
  Names names;
  for (const auto& item : object.items()) names.insert(item.key());
  return names;
}

template <typename Table>
Names names_in(const Table& table) {
  Names names;
  for (const auto& row : table) names.insert(std::string(row.name));
  return names;
}

class Schema : public testing::Test {
 protected:
  const json schema = read(SPEC_SCHEMA);
  const json& property(std::string_view name) const { return schema.at("properties").at(std::string(name)); }
  const json& definition(const std::string& name) const { return schema.at("$defs").at(name); }
};

TEST_F(Schema, HasTheFieldsOfTheParserAndNoOthers) {
  EXPECT_EQ(names_of(schema.at("properties")), Names(spec::layer_fields.begin(), spec::layer_fields.end()));
  EXPECT_EQ(schema.at("additionalProperties"), false);
  Names required = {"op"};
  for (const auto& field : spec::integer_fields) {
    if (field.required) required.insert(std::string(field.name));
  }
  EXPECT_EQ(schema.at("required").get<Names>(), required);
}

TEST_F(Schema, HasTheIntegerFieldsAsTheTableHasThem) {
  for (const auto& field : spec::integer_fields) {
    SCOPED_TRACE(std::string(field.name));
    const std::string kind = std::string(field.minimum == 1 ? "positive" : "natural");
    EXPECT_EQ(property(field.name).at("$ref"), "#/$defs/" + kind + (field.one_element_list ? "_or_list" : ""));
    EXPECT_EQ(property(field.name).contains("default"), !field.required);
  }
}

// Every default of the schema, written out, must make the layer that leaving the field out makes.
TEST_F(Schema, HasTheDefaultsOfTheParser) {
  for (const auto& [name, property] : schema.at("properties").items()) {
    if (!property.contains("default")) continue;
    SCOPED_TRACE(name);
    EXPECT_EQ(parse_spec(layer_with(json(name).dump() + ":" + property.at("default").dump())), small_layer());
  }
  const std::string slope = definition("activation").at("oneOf").at(4).at("properties").at("negative_slope").dump();
  EXPECT_EQ(json::parse(slope).at("default"), Activation{}.negative_slope);
}

TEST_F(Schema, HasTheWordsOfTheTables) {
  EXPECT_EQ(property("op").at("const"), spec::op_name);
  EXPECT_EQ(property("padding_mode").at("const"), spec::padding_mode_name);
  EXPECT_EQ(property("dtype").at("enum").get<Names>(), names_in(spec::dtypes));
  EXPECT_EQ(property("math").at("enum").get<Names>(), names_in(spec::maths));
  Names plain, sloped;
  for (const auto& row : spec::activations) (row.has_negative_slope ? sloped : plain).insert(std::string(row.name));
  EXPECT_EQ(definition("plain_activation_name").at("enum").get<Names>(), plain);
  EXPECT_EQ(definition("sloped_activation_name").at("enum").get<Names>(), sloped);
}

TEST_F(Schema, AgreesWithTheParserOnTheCases) {
  const json required = json::parse(layer_with(""));
  const json cases = read(SPEC_SCHEMA_CASES);
  const auto accepts = [&](const json& fields) {
    json layer = required;
    for (const auto& [name, value] : fields.items()) {
      layer[name] = value;
      if (value.is_null() && required.contains(name)) layer.erase(name);
    }
    try {
      parse_spec(layer.dump());
      return true;
    } catch (const SpecError&) {
      return false;
    }
  };
  for (const json& fields : cases.at("both")) EXPECT_TRUE(accepts(fields)) << fields;
  for (const json& fields : cases.at("neither")) EXPECT_FALSE(accepts(fields)) << fields;
  for (const json& fields : cases.at("schema_only")) EXPECT_FALSE(accepts(fields)) << fields;
}

TEST_F(Schema, AcceptsTheCanonicalFormByItsFields) {
  EXPECT_EQ(names_of(json::parse(to_json(small_layer()))), names_of(schema.at("properties")));
}

}  // namespace
}  // namespace unstride
