// Sources that become functions of this program.
#include "tests/emulator/host_compiler.h"

#include "tests/emulator/emulator_testing.h"

namespace unstride::testing {
namespace {

constexpr const char* source = R"(
#include "templates/cuda/device.h"
#include "templates/cuda/answer.h"
extern "C" __global__ void __launch_bounds__(64, 2) fill(float* y) {
  const int thread = static_cast<int>(threadIdx.x);
  float* values = reinterpret_cast<float*>(unstride::gpu::dynamic_shared());
  values[thread] = unstride::gpu::multiply_add(2.0f, thread, answer);
  __syncthreads();
  y[63 - thread] = values[63 - thread];
}
)";

TEST(CompiledSources, RunUnderTheEmulator) {
  for (const char* answer : {"42", "43"}) {
    const emulator::CompiledSource compiled(
        {{"templates/cuda/answer.h", std::string("constexpr float answer = ") + answer + ";\n"}}, source);
    std::vector<float> y(64);
    auto* fill = compiled.function<void(float*)>("fill");
    run_under_all_schedules({.threads = 64, .shared_bytes = 256}, [&] { fill(y.data()); });
    EXPECT_EQ(y[10], 20 + std::stof(answer));
    EXPECT_THROW(compiled.function<void()>("empty"), std::runtime_error);
  }
}

TEST(CompiledSources, ThatDoNotCompileAreAnErrorWithTheCompilersWords) {
  try {
    const emulator::CompiledSource compiled({}, "#include \"templates/cuda/nowhere.h\"\n");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("templates/cuda/nowhere.h"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace unstride::testing
