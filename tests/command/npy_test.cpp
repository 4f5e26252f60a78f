// .npy files: what numpy writes is read, what is broken is refused in words, and no header can make it take memory.
#include "tools/support/npy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tools/support/output_file.h"

namespace unstride::tools {
namespace {

namespace fs = std::filesystem;

std::string floats(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

std::string file_of(int major, const std::string& dict, const std::string& payload) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(major);
  bytes += '\0';
  const auto length = static_cast<std::uint32_t>(dict.size());
  for (int k = 0; k < (major == 1 ? 2 : 4); ++k) bytes += static_cast<char>(length >> (8 * k) & 0xff);
  return bytes + dict + payload;
}

constexpr const char* plain_dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }           \n";
const std::string six = floats({1, 2, 3, 4, 5, 6});

NpyArray parse(const std::string& bytes) {
  std::istringstream in(bytes);
  return read_npy(in, "x.npy");
}

// The error, or "accepted".
std::string refusal(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

std::string refused_dict(const std::string& dict, const std::string& payload = six) {
  return refusal(file_of(1, dict, payload));
}

TEST(Npy, ReadsEveryFormatVersion) {
  for (const int major : {1, 2, 3}) {
    const NpyArray array = parse(file_of(major, plain_dict, six));
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(std::get<0>(array.data), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  }
}

TEST(Npy, ReadsKeysInAnyOrderAndQuoting) {
  const NpyArray array = parse(file_of(1, R"({"shape":(6,),"fortran_order":False,"descr":"<f4"})", six));
  EXPECT_EQ(array.shape, (std::vector<std::int64_t>{6}));
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  EXPECT_EQ(std::get<0>(parse(file_of(1, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}", floats({7}))).data),
            std::vector<float>{7});
  const NpyArray empty = parse(file_of(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 5)}", ""));
  EXPECT_EQ(empty.dtype(), DType::float64);
  EXPECT_TRUE(std::get<1>(empty.data).empty());
}

TEST(Npy, RefusesWhatItCannotRead) {
  EXPECT_EQ(refusal("RIFF....WAVE"), "x.npy: not a .npy file: it does not begin with \\x93NUMPY");
  EXPECT_EQ(
      refused_dict("{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}"),
      "x.npy: the type is '>f4'; must be '<f4', '<f8', '<f2' or '<u2' (little-endian float32, float64, float16, or the "
      "bits of bfloat16)");
  EXPECT_EQ(refused_dict("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}"),
            "x.npy: the array is in Fortran order; save numpy.ascontiguousarray(array)");
  EXPECT_EQ(refused_dict("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}"),
            "x.npy: bad header: descr is a structured type; must be '<f4', '<f8', '<f2' or '<u2'");
  EXPECT_EQ(refusal(file_of(4, plain_dict, six)), "x.npy: format 4.0 is unknown; must be 1.0, 2.0 or 3.0");
}

TEST(Npy, RefusesMalformedHeaders) {
  const std::vector<std::string> bad = {
      "",
      "{",
      "[]",
      "{'descr'",
      "{'descr': '<f4'",
      "{'descr': '<f4}",
      "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '<f4', 'shape': (6,)}",
      "{'fortran_order': False, 'shape': (6,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x",
      "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (6,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': 6}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (6.0,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 'x'}",
      "{'descr': '<f4' 'fortran_order': False, 'shape': (6,)}",
  };
  for (const std::string& dict : bad) {
    EXPECT_TRUE(refused_dict(dict).starts_with("x.npy: bad header: ")) << dict << "\n" << refused_dict(dict);
  }
}

TEST(Npy, EveryTruncationIsRefused) {
  const std::string whole = file_of(1, plain_dict, six);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal(whole.substr(0, size)).find("truncated"), std::string::npos) << size;
  }
  EXPECT_EQ(refusal(whole.substr(0, whole.size() - 5)),
            "x.npy: truncated: the shape (2, 3) asks for 6 elements, the file has 4");
  EXPECT_EQ(refusal(whole + "x"), "x.npy: there are more bytes than the shape (2, 3) asks for");
}

TEST(Npy, EveryChangedByteIsReadOrRefusedButNeverMore) {
  const std::string whole = file_of(1, plain_dict, six);
  for (std::size_t at = 0; at < whole.size() - six.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      refusal(changed);  // sanitizers watch
    }
  }
}

TEST(Npy, ALyingHeaderTakesNoMemory) {
  // 2^62 elements announced: a resize up front would throw bad_alloc, which is no Error, or length_error.
  EXPECT_NE(refused_dict("{'descr': '<f4', 'fortran_order': False, 'shape': (2147483648, 2147483648)}")
                .find("truncated: the shape (2147483648, 2147483648) asks for 4611686018427387904 elements"),
            std::string::npos);
  EXPECT_NE(refused_dict("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}")
                .find("more elements than 64 bits can count"),
            std::string::npos);
  std::string long_header = file_of(2, plain_dict, six);
  std::memset(long_header.data() + 8, 0xff, 4);
  EXPECT_EQ(refusal(long_header), "x.npy: the header is 4294967295 bytes long; at most 65536");
}

class NpyFile : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/unstride-npy-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  std::string content(const char* name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  fs::path folder_;
};

TEST_F(NpyFile, WhatIsWrittenIsReadBack) {
  const std::vector<std::int64_t> shape{2, 1, 3};
  const std::vector<double> values{1, -2, 0.1, 4, 5, 6};
  write_npy(folder_ / "y.npy", shape, std::span<const double>(values));
  const NpyArray array = read_npy(folder_ / "y.npy");
  EXPECT_EQ(array.shape, shape);
  EXPECT_EQ(std::get<1>(array.data), values);
  EXPECT_EQ(files(), 1u);
}

template <typename T>
void expect_read_back(const fs::path& file, const std::string& descr) {
  const std::vector<std::int64_t> shape{3};
  const std::vector<T> values{T(1.5f), T(-2), T(0.1f)};
  write_npy(file, shape, std::span<const T>(values));
  const NpyArray array = read_npy(file);
  EXPECT_EQ(array.dtype(), dtype_of<T>);
  const auto& read = std::get<std::vector<T>>(array.data);
  ASSERT_EQ(read.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(read[i].bits, values[i].bits);
  std::ifstream in(file, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  EXPECT_NE(bytes.find("'descr': '" + descr + "'"), bytes.npos);
  EXPECT_EQ(bytes.size(), 128u + 6u);
}

TEST_F(NpyFile, SixteenBitElementsAreReadBackToo) {
  expect_read_back<Float16>(folder_ / "y.npy", "<f2");
  expect_read_back<BFloat16>(folder_ / "y.npy", "<u2");
}

TEST_F(NpyFile, TheBytesAreThoseThatNumpyWrites) {
  const std::vector<float> values{1, 2, 3};
  write_npy(folder_ / "y.npy", std::vector<std::int64_t>{3}, std::span<const float>(values));
  std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  dict.resize(128 - 10 - 1, ' ');
  EXPECT_EQ(content("y.npy"), file_of(1, dict + "\n", floats(values)));
}

TEST_F(NpyFile, AFileThatIsMissingOrAFolderIsRefusedByName) {
  for (const fs::path& path : {folder_ / "none.npy", folder_}) {
    try {
      read_npy(path);
      FAIL() << path << " was read";
    } catch (const Error& e) {
      EXPECT_TRUE(std::string(e.what()).starts_with(path.string() + ": cannot read: ")) << e.what();
    }
  }
}

TEST_F(NpyFile, AFailedWriteNamesTheFileAndLeavesNothingBehind) {
  try {
    write_file(folder_ / "none" / "y.npy", {"text"});
    FAIL() << "written into a folder that does not exist";
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()),
              (folder_ / "none" / "y.npy").string() + ": cannot write: No such file or directory");
  }
  fs::create_directory(folder_ / "busy");
  std::ofstream(folder_ / "busy" / "file") << "x";
  EXPECT_THROW(write_file(folder_ / "busy", {"text"}), Error);
  EXPECT_EQ(files(), 1u);
}

TEST_F(NpyFile, AFileThatGrowsTooLargeLeavesTheOldOneWhole) {
  write_file(folder_ / "y.npy", {"old"});
  const rlim_t large = 1000;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{large, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message = "written";
  try {
    write_file(folder_ / "y.npy", {std::string(large, 'x'), "one more"});
  } catch (const Error& e) {
    message = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, (folder_ / "y.npy").string() + ": cannot write: File too large");
  EXPECT_EQ(content("y.npy"), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(NpyFile, ALinkStaysALink) {
  write_file(folder_ / "real", {"old"});
  fs::create_symlink(folder_ / "real", folder_ / "link");
  write_file(folder_ / "link", {"n", "ew"});
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(content("real"), "new");
}

TEST_F(NpyFile, APipeIsWrittenToAndStaysAPipe) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  write_file(pipe, {"te", "xt"});
  char text[8] = {};
  EXPECT_EQ(read(reader, text, sizeof text), 4);
  EXPECT_STREQ(text, "text");
  close(reader);
  EXPECT_TRUE(fs::is_fifo(pipe));
}

}  // namespace
}  // namespace unstride::tools
