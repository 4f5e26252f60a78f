#include "tools/support/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "tools/support/npy_header.h"
#include "tools/support/output_file.h"
#include "tools/support/sizes.h"

namespace unstride::tools {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are read and written as they lie in memory");

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t header_alignment = 64;
constexpr std::uint32_t longest_header = 65536;  // numpy writes at most a few hundred bytes for a plain type

constexpr std::array dtypes = {DType::float32, DType::float64, DType::float16, DType::bfloat16};

std::string_view descr_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return "<f8";
    case DType::float16:
      return "<f2";
    case DType::bfloat16:
      return "<u2";
    case DType::float32:
      break;
  }
  return "<f4";
}

class Reader {
 public:
  Reader(std::istream& in, const std::string& name) : in_(in), name_(name) {}

  NpyArray read() {
    if (bytes(magic.size(), "the magic string") != magic) fail("not a .npy file: it does not begin with \\x93NUMPY");
    const NpyHeader header = read_header();
    if (header.fortran_order) fail("the array is in Fortran order; save numpy.ascontiguousarray(array)");
    const auto count = shape_count(header.shape);
    for (const DType dtype : dtypes)
      if (header.descr == descr_of(dtype))
        return with_element(dtype, [&](auto element) {
          return NpyArray{header.shape, elements<decltype(element)>(header.shape, count)};
        });
    fail(fmt::format(
        "the type is '{}'; must be '<f4', '<f8', '<f2' or '<u2' (little-endian float32, float64, float16, or "
        "the bits of bfloat16)",
        header.descr));
  }

 private:
  NpyHeader read_header() {
    const std::string version = bytes(2, "the format version");
    const int major = static_cast<unsigned char>(version[0]), minor = static_cast<unsigned char>(version[1]);
    if (major < 1 || major > 3 || minor != 0) {
      fail(fmt::format("format {}.{} is unknown; must be 1.0, 2.0 or 3.0", major, minor));
    }
    const std::string length_bytes = bytes(major == 1 ? 2 : 4, "the header length");
    std::uint32_t length = 0;
    for (std::size_t k = 0; k < length_bytes.size(); ++k) {
      length |= static_cast<std::uint32_t>(static_cast<unsigned char>(length_bytes[k])) << (8 * k);
    }
    if (length > longest_header) fail(fmt::format("the header is {} bytes long; at most {}", length, longest_header));
    try {
      return parse_npy_header(bytes(length, "the header"));
    } catch (const NpyHeaderError& e) {
      fail(fmt::format("bad header: {}", e.what()));
    }
  }

  std::int64_t shape_count(const std::vector<std::int64_t>& shape) {
    const auto count = element_count(shape);
    if (!count) fail(fmt::format("the shape {} has more elements than 64 bits can count", shape_text(shape)));
    return *count;
  }

  template <typename T>
  std::vector<T> elements(const std::vector<std::int64_t>& shape, std::int64_t count) {
    constexpr std::int64_t block = 1 << 20;
    std::vector<T> values;
    while (std::ssize(values) < count) {
      const std::int64_t have = std::ssize(values), more = std::min(block, count - have);
      values.resize(static_cast<std::size_t>(have + more));
      in_.read(reinterpret_cast<char*>(values.data() + have), static_cast<std::streamsize>(sizeof(T)) * more);
      if (in_.gcount() != static_cast<std::streamsize>(sizeof(T)) * more) {
        const std::int64_t got = have + in_.gcount() / static_cast<std::int64_t>(sizeof(T));
        fail(fmt::format("truncated: the shape {} asks for {} elements, the file has {}", shape_text(shape), count,
                         got));
      }
    }
    if (in_.peek() != std::istream::traits_type::eof()) {
      fail(fmt::format("there are more bytes than the shape {} asks for", shape_text(shape)));
    }
    return values;
  }

  std::string bytes(std::size_t count, std::string_view what) {
    std::string text(count, '\0');
    in_.read(text.data(), static_cast<std::streamsize>(count));
    if (in_.gcount() != static_cast<std::streamsize>(count)) {
      fail(fmt::format("truncated: the file ends inside {}", what));
    }
    return text;
  }

  [[noreturn]] void fail(std::string_view what) const { throw Error(fmt::format("{}: {}", name_, what)); }

  std::istream& in_;
  const std::string& name_;
};

std::string header_bytes(std::string_view descr, std::span<const std::int64_t> shape) {
  std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, shape_text(shape));
  const std::size_t before = magic.size() + 2 + 2;
  const std::size_t unpadded = before + dict.size() + 1;
  dict.append((header_alignment - unpadded % header_alignment) % header_alignment, ' ').push_back('\n');
  const auto length = static_cast<unsigned>(dict.size());
  std::string header(magic);
  for (const unsigned byte : {1u, 0u, length & 0xff, length >> 8}) header.push_back(static_cast<char>(byte));
  return header + dict;
}

}  // namespace

DType NpyArray::dtype() const {
  return std::visit([](const auto& values) { return dtype_of<std::decay_t<decltype(values[0])>>; }, data);
}

NpyArray read_npy(std::istream& in, const std::string& name) {
  return Reader(in, name).read();
}

NpyArray read_npy(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    const int reason = file ? EISDIR : errno;
    throw Error(fmt::format("{}: cannot read: {}", path.string(), std::generic_category().message(reason)));
  }
  return read_npy(file, path.string());
}

template <typename T>
void write_npy(const std::filesystem::path& path, std::span<const std::int64_t> shape, std::span<const T> data) {
  if (element_count(shape) != std::ssize(data)) {
    throw ArgumentError(fmt::format("data: holds {} elements, shape {} needs others", data.size(), shape_text(shape)));
  }
  const std::string header = header_bytes(descr_of(dtype_of<T>), shape);
  write_file(path, {header, std::string_view(reinterpret_cast<const char*>(data.data()), data.size_bytes())});
}

template void write_npy(const std::filesystem::path&, std::span<const std::int64_t>, std::span<const float>);
template void write_npy(const std::filesystem::path&, std::span<const std::int64_t>, std::span<const double>);
template void write_npy(const std::filesystem::path&, std::span<const std::int64_t>, std::span<const Float16>);
template void write_npy(const std::filesystem::path&, std::span<const std::int64_t>, std::span<const BFloat16>);

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

}  // namespace unstride::tools
