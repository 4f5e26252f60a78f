// What goes into the compiler and what comes out, on the fake one; and one kernel through the real one where there is
// one.
#include "runtime/cuda/nvrtc.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "templates/cuda/polyphase.h"
#include "tests/cuda/fakes.h"
#include "unstride/error.hpp"

namespace unstride::cuda {
namespace {

using namespace unstride::testing;

const LibraryPlaces fake_places{.nvrtc = fake_nvrtc_file, .driver = fake_driver_file};

template <typename F>
std::string error_of(F compile) {
  try {
    compile();
  } catch (const CompileError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(NvrtcOnAFake, SaysWhatItIs) {
  const WithFakes fakes;
  const Nvrtc nvrtc(fake_places);
  EXPECT_EQ(nvrtc.version(), "13.0");
  EXPECT_EQ(nvrtc.path(), fake_nvrtc_file);
  EXPECT_EQ(nvrtc.build_id().size(), 40u) << nvrtc.build_id();
  EXPECT_EQ(nvrtc.architectures(), (std::vector<int>{75, 80, 86, 89, 90, 100, 120}));
}

TEST(NvrtcOnAFake, IsGivenSourceHeadersAndOptions) {
  const WithFakes fakes;
  const std::array headers = {NamedText{"a.h", "int a;"}, NamedText{"b/c.h", "int b;"}};
  const auto result =
      Nvrtc(fake_places)
          .compile({.source = "#include <a.h>", .headers = headers, .architecture = "sm_90a", .options = {"-x"}});
  ASSERT_EQ(fake_nvrtc().compilations.size(), 1u);
  const FakeCompilation& asked = fake_nvrtc().compilations[0];
  EXPECT_EQ(asked.source, "#include <a.h>");
  EXPECT_EQ(asked.headers, (std::vector<std::string>{"a.h", "b/c.h"}));
  EXPECT_EQ(asked.options, (std::vector<std::string>{"-x", "--gpu-architecture=sm_90a"}));
  EXPECT_TRUE(
      result.code.starts_with("\x7f"
                              "ELF"));
  EXPECT_EQ(fake_nvrtc().alive, 0);
}

TEST(NvrtcOnAFake, PtxIsAskedForWithAVirtualArchitecture) {
  const WithFakes fakes;
  const auto result = Nvrtc(fake_places).compile({.source = "s", .architecture = "sm_90a", .kind = CodeKind::ptx});
  EXPECT_EQ(fake_nvrtc().compilations[0].options.back(), "--gpu-architecture=compute_90a");
  EXPECT_NE(result.code.back(), '\0');
}

TEST(NvrtcOnAFake, AFailureCarriesTheLogTheOptionsAndNumberedLines) {
  const WithFakes fakes;
  fake_nvrtc().result = 6;
  fake_nvrtc().log = "unstride.cu(2): error: identifier \"y\" is undefined";
  const std::string error =
      error_of([&] { Nvrtc(fake_places).compile({.source = "int x;\nint z = y;\n", .architecture = "sm_80"}); });
  for (const char* part : {"NVRTC_ERROR_COMPILATION", "--gpu-architecture=sm_80", "identifier \"y\" is undefined",
                           ">     2 | int z = y;", fake_nvrtc_file})
    EXPECT_NE(error.find(part), std::string::npos) << part << " in " << error;
  EXPECT_EQ(fake_nvrtc().alive, 0);
}

TEST(NvrtcOnAFake, AnArchitectureItDoesNotKnowIsAnsweredWithThoseItDoes) {
  const WithFakes fakes;
  fake_nvrtc().result = 5;
  const std::string error = error_of([&] { Nvrtc(fake_places).compile({.source = "", .architecture = "sm_35"}); });
  EXPECT_NE(error.find("it has code for sm_75, sm_80"), std::string::npos) << error;
}

TEST(NvrtcOnAFake, OneBeforeCuda12IsRefusedByItsVersion) {
  const WithFakes fakes;
  fake_nvrtc().major = 11;
  fake_nvrtc().minor = 8;
  try {
    const Nvrtc nvrtc(fake_places);
    FAIL() << "no error";
  } catch (const TargetError& error) {
    EXPECT_NE(std::string(error.what()).find("NVRTC 11.8 is too old; it must be of CUDA 12 or later"),
              std::string::npos)
        << error.what();
  }
  fake_nvrtc().major = 12;
  fake_nvrtc().minor = 0;
  EXPECT_EQ(Nvrtc(fake_places).version(), "12.0");
}

TEST(NvrtcOnAFake, OneThatDoesNotAnswerIsATargetError) {
  const WithFakes fakes;
  fake_nvrtc().asked_result = 6;
  try {
    const Nvrtc nvrtc(fake_places);
    FAIL() << "no error";
  } catch (const TargetError& error) {
    EXPECT_NE(std::string(error.what()).find("nvrtcGetNumSupportedArchs: NVRTC_ERROR_COMPILATION"), std::string::npos)
        << error.what();
  }
}

TEST(NvrtcOnAFake, ALibraryThatIsNoNvrtcIsRefused) {
  EXPECT_THROW(Nvrtc({.nvrtc = broken_nvrtc_file, .driver = {}}), TargetError);
}

class RealNvrtc : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      nvrtc = std::make_unique<Nvrtc>(LibraryPlaces{});
    } catch (const TargetError& error) {
      GTEST_SKIP() << "NO NVRTC: " << error.what();
    }
  }
  std::unique_ptr<Nvrtc> nvrtc;
};

TEST_F(RealNvrtc, CompilesForAnArchitectureWithoutAGpu) {
  const std::array headers = {NamedText{"templates/one.h", "constexpr float one = 1;"}};
  const NvrtcRequest request{.source =
                                 "#include \"templates/one.h\"\n"
                                 "extern \"C\" __global__ void k(float* y) { y[threadIdx.x] = one; }",
                             .headers = headers,
                             .architecture = "sm_90a",
                             .options = {"--ptxas-options=-v"}};
  const NvrtcResult result = nvrtc->compile(request);
  EXPECT_TRUE(
      result.code.starts_with("\x7f"
                              "ELF"));
  EXPECT_FALSE(nvrtc->build_id().empty());
  EXPECT_TRUE(std::ranges::count(nvrtc->architectures(), 90));
}

// What gpu::unroll_factor says of this compiler: unrolled so often, a loop of a computed number of rounds still has
// code for those that are left over. Unrolled by 3, it has not, and a kernel is wrong where no test without a GPU can
// see it.
TEST_F(RealNvrtc, KeepsTheRoundsThatAreLeftOverWhereKernelsUnroll) {
  const std::string source =
      "extern __shared__ float data[];\n"
      "extern \"C\" __global__ void k(float* y) {\n"
      "  float sum = 0;\n"
      "#pragma unroll 1\n"
      "  for (int chunk = 0; chunk < 33; ++chunk) {\n"
      "    __syncthreads();\n"
      "    const float* x = data + threadIdx.x + chunk % 2 * 1000;\n"
      "    const int left = 515 - 16 * chunk;\n"
      "#pragma unroll(factor)\n"
      "    for (int c = 0; c < (left < 16 ? left : 16); ++c, x += 100) sum = __fmaf_rn(x[0], x[1], sum);\n"
      "  }\n"
      "  *y = sum;\n"
      "}\n";
  for (const int most : {2, 3, 5, 8}) {
    const int factor = gpu::unroll_factor(most);
    const std::string code = nvrtc
                                 ->compile({.source = fmt::format("constexpr int factor = {};\n{}", factor, source),
                                            .architecture = "sm_90a",
                                            .kind = CodeKind::ptx})
                                 .code;
    int copies = 0;
    for (std::size_t at = code.find("fma.rn"); at != code.npos; at = code.find("fma.rn", at + 1)) ++copies;
    EXPECT_GT(copies, factor) << code;
  }
}

TEST_F(RealNvrtc, ShowsTheLineOfAHeaderThatIsWrong) {
  const std::array headers = {NamedText{"templates/bad.h", "// a comment\nint x = nothing_of_that_name;\n"}};
  const std::string error = error_of([&] {
    nvrtc->compile({.source = "#include \"templates/bad.h\"\n", .headers = headers, .architecture = "sm_80"});
  });
  EXPECT_NE(error.find("nothing_of_that_name"), std::string::npos) << error;
  EXPECT_NE(error.find(">     2 | int x"), std::string::npos) << error;
}

TEST_F(RealNvrtc, NamesTheArchitecturesItHasWhenAskedForAnother) {
  const std::string error = error_of([&] { nvrtc->compile({.source = "", .architecture = "sm_20"}); });
  EXPECT_NE(error.find("it has code for sm_"), std::string::npos) << error;
}

}  // namespace
}  // namespace unstride::cuda
