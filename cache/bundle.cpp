#include "cache/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "cache/bundle_file.h"
#include "cache/bundle_format.h"
#include "cache/bundle_signing.h"

namespace unstride::cache {

namespace {

void check_signature(const BundleHeader& header, std::string_view signature, const Digest& checksum,
                     const std::vector<std::string>& trusted_keys) {
  for (const std::string& key : trusted_keys) {
    if (key.size() != public_key_bytes) {
      throw UnusableBundle(
          fmt::format("a trusted key has {} bytes: give public keys of {} bytes", key.size(), public_key_bytes));
    }
  }
  if (!header.is_signed()) {
    throw UnusableBundle("it is not signed, and trusted keys are set: sign it when writing it, or trust no keys");
  }
  const std::string signer(header.signer.begin(), header.signer.end());
  if (std::find(trusted_keys.begin(), trusted_keys.end(), signer) == trusted_keys.end()) {
    throw UnusableBundle(fmt::format(
        "it is signed by {}, which is no trusted key: trust that key if you know whose it is, or sign the bundle again",
        to_hex(header.signer)));
  }
  if (!verify(bundle_signed_message(checksum), signature, signer)) {
    throw UnusableBundle("its signature is not valid: copy it again from its source, or sign it again");
  }
}

/// Reads and verifies all before the entries.
std::vector<BundleRecord> read_head(const BundleFile& file, const std::vector<std::string>& trusted_keys) {
  std::string head(std::min(file.size(), bundle_header_bytes), '\0');
  file.read(0, head);
  const BundleHeader header = parse_bundle_header(head, file.size());

  head.resize(header.head_bytes());
  file.read(bundle_header_bytes, std::span(head).subspan(bundle_header_bytes));
  const std::string_view covered = std::string_view(head).substr(0, header.covered_bytes());
  const std::string_view stored_checksum = std::string_view(head).substr(covered.size(), bundle_checksum_bytes);
  const std::string_view signature = std::string_view(head).substr(covered.size() + bundle_checksum_bytes);

  const Digest checksum = sha256(covered);
  if (std::string_view(reinterpret_cast<const char*>(checksum.data()), checksum.size()) != stored_checksum) {
    throw damaged_bundle("the checksum of its index differs");
  }
  if (!trusted_keys.empty()) check_signature(header, signature, checksum, trusted_keys);
  return parse_bundle_index(header, covered.substr(bundle_header_bytes));
}

std::string unusable(const std::string& path, const std::string& why) {
  return fmt::format("bundle {} is not used: {}", path, why);
}

}  // namespace

struct Bundle::Impl {
  std::string path;
  BundleFile file;
  std::vector<BundleRecord> index;
  ReportOnce report;

  std::string read(const BundleRecord& record, std::uint64_t size) const {
    std::string bytes(size, '\0');
    file.read(record.offset, bytes);
    return bytes;
  }

  Entry read_entry(const Key& key, const BundleRecord& record) const {
    const std::string bytes = read(record, record.size);
    if (sha256(bytes) != record.content) throw CorruptEntry("checksum differs");
    return decode_for(key, bytes);
  }

  Header read_header(const BundleRecord& record) const {
    const std::string preamble = read(record, std::min<std::uint64_t>(record.size, preamble_size));
    const auto size = static_cast<std::int64_t>(record.size);
    return decode_header(read(record, static_cast<std::uint64_t>(payload_offset(preamble, size))), size);
  }

  /// Nothing where `read` fails, which is said once for the whole bundle.
  template <typename Read>
  auto attempt(const BundleRecord& record, Read read) -> std::optional<decltype(read())> {
    try {
      return read();
    } catch (const CorruptEntry& error) {
      report("entry", fmt::format("bundle {}: entry {} is damaged ({}) and skipped: copy the bundle again, or write it "
                                  "again with 'unstride precompile --bundle'",
                                  path, to_hex(record.key), error.what()));
    } catch (const UnusableBundle& error) {
      report("entry", unusable(path, error.what()));
    }
    return std::nullopt;
  }
};

Bundle::Bundle(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Bundle::~Bundle() = default;

std::unique_ptr<Bundle> Bundle::open(const BundleOptions& options) {
  try {
    // Whoever could have written the file does not matter where it proves by whom it was made: the signature covers the
    // index, which stays in memory, and the index covers every entry that is read.
    BundleFile file(options.path, options.trusted_keys.empty() && !options.trust_foreign_file);
    std::vector<BundleRecord> index = read_head(file, options.trusted_keys);
    return std::unique_ptr<Bundle>(new Bundle(
        std::unique_ptr<Impl>(new Impl{options.path, std::move(file), std::move(index), ReportOnce(options.report)})));
  } catch (const UnusableBundle& error) {
    ReportOnce(options.report)("open", unusable(options.path, error.what()));
    return nullptr;
  }
}

std::optional<Entry> Bundle::find(const Key& key) const {
  const std::vector<BundleRecord>& index = impl_->index;
  const auto record = std::lower_bound(index.begin(), index.end(), key.digest(),
                                       [](const BundleRecord& a, const Digest& digest) { return a.key < digest; });
  if (record == index.end() || record->key != key.digest()) return std::nullopt;
  return impl_->attempt(*record, [&] { return impl_->read_entry(key, *record); });
}

std::vector<Header> Bundle::list() const {
  std::vector<Header> headers;
  for (const BundleRecord& record : impl_->index) {
    if (auto header = impl_->attempt(record, [&] { return impl_->read_header(record); })) {
      headers.push_back(std::move(*header));
    }
  }
  return headers;
}

std::int64_t Bundle::entries() const noexcept {
  return static_cast<std::int64_t>(impl_->index.size());
}
const std::string& Bundle::path() const noexcept {
  return impl_->path;
}

}  // namespace unstride::cache
