// What the spec tests share: a small valid layer to vary, and one way to check a refusal completely.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "unstride/spec.hpp"

namespace unstride {

/// The required fields, then `fields` ("\"stride\": 0").
inline std::string layer_with(const std::string& fields) {
  std::string json = R"({"op": "conv_transpose1d", "in_channels": 4, "out_channels": 6, "kernel_size": 3)";
  if (!fields.empty()) json += ", " + fields;
  json += '}';
  return json;
}

/// in_channels 4, out_channels 6, kernel_size 3: the layer of layer_with(""), built in code.
inline LayerSpec small_layer() {
  LayerSpec spec;
  spec.in_channels = 4;
  spec.out_channels = 6;
  spec.kernel_size = 3;
  return spec;
}

struct Refusal {
  std::string field, value, allowed;
};

/// Checks that the call throws SpecError and that the error says exactly this, part by part and as a whole.
inline void expect_refused(const std::function<void()>& call, const Refusal& expected) {
  try {
    call();
  } catch (const SpecError& error) {
    EXPECT_EQ(error.field(), expected.field);
    EXPECT_EQ(error.value(), expected.value);
    EXPECT_EQ(error.allowed(), expected.allowed);
    const std::string value = expected.value.empty() ? "" : expected.value + ": ";
    EXPECT_EQ(error.what(), expected.field + ": " + value + expected.allowed);
    return;
  }
  ADD_FAILURE() << "accepted; should be refused at " << expected.field;
}

/// Names a case of a value-parameterised test by its `name` member.
struct CaseName {
  template <typename Info>
  std::string operator()(const Info& info) const {
    return info.param.name;
  }
};

}  // namespace unstride
