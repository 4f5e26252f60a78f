// Where the two libraries are looked for, and what is said when they are not there.
#include "runtime/cuda/library_search.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/cuda/fakes.h"
#include "unstride/error.hpp"

namespace unstride::cuda {
namespace {

namespace fs = std::filesystem;
using namespace unstride::testing;

SharedLibrary open_any(const LibraryPlaces& places) {
  return open_nvrtc(places, [](const SharedLibrary&) { return std::string(); });
}

class LibrarySearch : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(root_.data()), nullptr); }
  void TearDown() override { fs::remove_all(root_); }

  // A copy of the fake NVRTC in this folder below the scratch one.
  fs::path put_nvrtc(const std::string& folder, const std::string& name) {
    fs::create_directories(fs::path(root_) / folder);
    const fs::path file = fs::path(root_) / folder / name;
    fs::copy_file(fake_nvrtc_file, file);
    return file;
  }
  template <typename Open>
  static std::string error_of(Open open, const LibraryPlaces& places) {
    try {
      open(places);
    } catch (const TargetError& error) {
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return {};
  }

  std::string root_ = (fs::temp_directory_path() / "unstride-search-XXXXXX").string();
};

TEST_F(LibrarySearch, AFileThatIsNamedIsTaken) {
  const fs::path file = put_nvrtc("anywhere", "of-any-name.so");
  EXPECT_EQ(open_any({.nvrtc = file.string(), .driver = {}}).path(), file.string());
}

TEST_F(LibrarySearch, AFolderThatIsNamedIsLookedThrough) {
  const fs::path file = put_nvrtc("lib", "libnvrtc.so.12");
  EXPECT_EQ(open_any({.nvrtc = file.parent_path().string(), .driver = {}}).path(), file.string());
}

TEST_F(LibrarySearch, TheNewestOfAFolderIsTaken) {
  put_nvrtc("lib", "libnvrtc.so");
  put_nvrtc("lib", "libnvrtc.so.12");
  const fs::path newest = put_nvrtc("lib", "libnvrtc.so.13");
  EXPECT_EQ(open_any({.nvrtc = newest.parent_path().string(), .driver = {}}).path(), newest.string());
}

TEST_F(LibrarySearch, ToolkitsAndPackagesOfPipAreAmongTheFolders) {
  put_nvrtc("toolkit/lib64", "libnvrtc.so.13");
  put_nvrtc("venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib", "libnvrtc.so.12");
  put_nvrtc("home/.local/lib/python3.12/site-packages/nvidia/cu13/lib", "libnvrtc.so.13");
  const NvrtcFolders folders = nvrtc_folders({.nvrtc = {},
                                              .driver = {},
                                              .toolkits = {root_ + "/toolkit", root_ + "/absent"},
                                              .python_prefixes = {root_ + "/venv"},
                                              .home = root_ + "/home"});
  EXPECT_EQ(folders.hinted,
            (std::vector<std::string>{root_ + "/toolkit/lib64", root_ + "/venv/lib",
                                      root_ + "/venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib"}));
  const std::string of_user = root_ + "/home/.local/lib/python3.12/site-packages/nvidia/cu13/lib";
  EXPECT_NE(std::ranges::find(folders.usual, of_user), folders.usual.end());
  for (const std::string& folder : folders.usual) EXPECT_TRUE(fs::is_directory(folder)) << folder;
}

// Whatever the loader knows on this machine: the environment was asked for by name.
TEST_F(LibrarySearch, FoldersThatTheEnvironmentNamesComeBeforeTheLoader) {
  const fs::path of_venv = put_nvrtc("venv/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib", "libnvrtc.so.12");
  EXPECT_EQ(open_any({.nvrtc = {}, .driver = {}, .python_prefixes = {root_ + "/venv"}}).path(), of_venv.string());
  const fs::path of_toolkit = put_nvrtc("toolkit/lib64", "libnvrtc.so");
  EXPECT_EQ(
      open_any({.nvrtc = {}, .driver = {}, .toolkits = {root_ + "/toolkit"}, .python_prefixes = {root_ + "/venv"}})
          .path(),
      of_toolkit.string());
}

TEST_F(LibrarySearch, OneThatWillNotDoIsSkippedAndNamedOnlyWhenThereIsNoOther) {
  const fs::path first = put_nvrtc("lib", "libnvrtc.so.13"), second = put_nvrtc("lib", "libnvrtc.so.12");
  const LibraryPlaces places{.nvrtc = first.parent_path().string(), .driver = {}};
  const auto but_first = [&](const SharedLibrary& library) {
    return std::string(library.path() == first ? "too old" : "");
  };
  EXPECT_EQ(open_nvrtc(places, but_first).path(), second.string());
  const auto open_none = [](const LibraryPlaces& given) {
    open_nvrtc(given, [](const SharedLibrary&) { return "too old"; });
  };
  const std::string error = error_of(open_none, places);
  EXPECT_NE(error.find(first.string() + ": too old"), std::string::npos) << error;
}

TEST_F(LibrarySearch, WithoutNvrtcTheErrorSaysWhatWasLookedForAndHowToGetIt) {
  const std::string error = error_of(open_any, {.nvrtc = root_ + "/libnvrtc.so.13", .driver = {}});
  for (const char* part : {"NVRTC", "UNSTRIDE_NVRTC says", "/libnvrtc.so.13", "pip install nvidia-cuda-nvrtc"})
    EXPECT_NE(error.find(part), std::string::npos) << part << " in " << error;
}

TEST_F(LibrarySearch, AFileThatIsNoLibraryIsNamedWithTheLoadersWords) {
  std::ofstream(root_ + "/libnvrtc.so.13") << "not a library";
  const std::string error = error_of(open_any, {.nvrtc = root_, .driver = {}});
  EXPECT_NE(error.find("libnvrtc.so.13"), std::string::npos) << error;
  EXPECT_TRUE(error.find("invalid ELF header") != std::string::npos || error.find("too short") != std::string::npos)
      << error;
}

TEST_F(LibrarySearch, WithoutADriverTheErrorSaysThatCompilingWorks) {
  const std::string error = error_of(open_driver, {.nvrtc = {}, .driver = root_ + "/libcuda.so.1"});
  for (const char* part : {"driver", "UNSTRIDE_CUDA_DRIVER says", "compiling does not", "cuda:sm_90a"})
    EXPECT_NE(error.find(part), std::string::npos) << part << " in " << error;
}

}  // namespace
}  // namespace unstride::cuda
