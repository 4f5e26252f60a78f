#include "cache/bundle_format.h"

#include <algorithm>

#include "cache/entry.h"
#include "support/checked_math.h"

namespace unstride::cache {

namespace {

// As in PNG: a first byte outside ASCII and both kinds of line end, so that a copy made in text mode is not taken for a
// bundle. Magic and version stay where they are in every later version.
constexpr std::string_view magic = "\x89UBN\r\n\x1a\n";
constexpr auto max_entry_bytes = static_cast<std::uint64_t>(max_entry_size);
constexpr std::string_view write_again = "write it again with 'unstride precompile --bundle'";

void append_integer(std::string& bytes, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * i & 0xff);
}

template <std::size_t size>
void append_bytes(std::string& bytes, const std::array<std::uint8_t, size>& from) {
  bytes.append(from.begin(), from.end());
}

/// Takes fields off the front. The caller has checked that they are there.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t integer(std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{static_cast<std::uint8_t>(rest_[i])} << 8 * i;
    rest_.remove_prefix(size);
    return value;
  }

  std::array<std::uint8_t, 32> bytes32() {
    std::array<std::uint8_t, 32> value = {};
    std::copy_n(rest_.begin(), value.size(), value.begin());
    rest_.remove_prefix(value.size());
    return value;
  }

 private:
  std::string_view rest_;
};

[[noreturn]] void damaged(const std::string& what) {
  throw damaged_bundle(what);
}

}  // namespace

UnusableBundle damaged_bundle(const std::string& what) {
  return UnusableBundle("it is damaged, " + what + ": copy it again, or " + std::string(write_again));
}

BundleHeader lay_out(std::vector<BundleRecord>& records) {
  BundleHeader header;
  header.entries = records.size();
  header.file_bytes = header.head_bytes();
  for (BundleRecord& record : records) {
    record.offset = support::round_up(header.file_bytes, bundle_alignment);
    header.file_bytes = record.offset + record.size;
  }
  return header;
}

std::string encode_bundle_head(const BundleHeader& header, const std::vector<BundleRecord>& records) {
  std::string bytes(magic);
  append_integer(bytes, bundle_format_version, 4);
  append_integer(bytes, 0, 4);
  append_integer(bytes, header.entries, 8);
  append_integer(bytes, header.file_bytes, 8);
  append_bytes(bytes, header.signer);
  for (const BundleRecord& record : records) {
    append_bytes(bytes, record.key);
    append_integer(bytes, record.offset, 8);
    append_integer(bytes, record.size, 8);
    append_bytes(bytes, record.content);
  }
  return bytes;
}

BundleHeader parse_bundle_header(std::string_view bytes, std::uint64_t file_bytes) {
  if (!bytes.starts_with(magic)) {
    throw UnusableBundle("it is not a bundle of unstride: check the path, or " + std::string(write_again));
  }
  if (bytes.size() < bundle_header_bytes) damaged("it ends within its header");
  Fields fields(bytes.substr(magic.size()));
  const std::uint64_t version = fields.integer(4);
  if (version != bundle_format_version) {
    throw UnusableBundle("it has format version " + std::to_string(version) + ", this unstride reads version " +
                         std::to_string(bundle_format_version) + ": " + std::string(write_again) + " of this unstride");
  }
  if (fields.integer(4) != 0) damaged("a reserved field is set");

  BundleHeader header;
  header.entries = fields.integer(8);
  header.file_bytes = fields.integer(8);
  header.signer = fields.bytes32();
  if (header.file_bytes != file_bytes) {
    damaged("it has " + std::to_string(file_bytes) + " bytes and should have " + std::to_string(header.file_bytes));
  }
  // The limit first: it keeps head_bytes() from wrapping.
  if (header.entries > bundle_max_entries || header.head_bytes() > file_bytes) damaged("its index cannot fit");
  return header;
}

std::vector<BundleRecord> parse_bundle_index(const BundleHeader& header, std::string_view bytes) {
  if (bytes.size() != header.entries * bundle_record_bytes) damaged("its index is cut");
  std::vector<BundleRecord> records(header.entries);
  Fields fields(bytes);
  std::uint64_t end = header.head_bytes();
  const Digest* previous = nullptr;
  for (BundleRecord& record : records) {
    record.key = fields.bytes32();
    record.offset = fields.integer(8);
    record.size = fields.integer(8);
    record.content = fields.bytes32();
    if (previous != nullptr && !(*previous < record.key)) damaged("its index is not sorted");
    previous = &record.key;
    // At most 2^20 entries of at most 2^30 bytes: `end` cannot wrap, and it never falls.
    if (record.size > max_entry_bytes) damaged("an entry is too large");
    if (record.offset != support::round_up(end, bundle_alignment)) damaged("an entry is not where it belongs");
    end = record.offset + record.size;
  }
  if (end != header.file_bytes) damaged("its last entry does not end where the file ends");
  return records;
}

std::string bundle_signed_message(const Digest& checksum) {
  std::string message = "unstride bundle signature, format " + std::to_string(bundle_format_version) + "\n";
  append_bytes(message, checksum);
  return message;
}

}  // namespace unstride::cache
