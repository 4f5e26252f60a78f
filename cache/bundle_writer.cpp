// Writes nothing that depends on time, order of addition or machine: the same entries give the same file.
#include <fmt/format.h>

#include <algorithm>

#include "cache/bundle.h"
#include "cache/bundle_format.h"
#include "cache/bundle_output.h"
#include "cache/bundle_signing.h"
#include "unstride/error.hpp"

namespace unstride::cache {

namespace {

std::string signature_of(const Digest& checksum, const std::string& secret_key) {
  return secret_key.empty() ? std::string(bundle_signature_bytes, '\0')
                            : sign(bundle_signed_message(checksum), secret_key);
}

}  // namespace

void BundleWriter::add(const Key& key, const Entry& entry) {
  entries_[key.digest()] = encode(key, entry);
}

void BundleWriter::write(const std::string& path, const std::string& secret_key) const {
  if (entries_.size() > bundle_max_entries) {
    throw Error(fmt::format("bundle {}: {} entries: one holds at most {}", path, entries_.size(), bundle_max_entries));
  }
  std::vector<BundleRecord> records;
  for (const auto& [key, bytes] : entries_)
    records.push_back({.key = key, .size = bytes.size(), .content = sha256(bytes)});
  BundleHeader header = lay_out(records);
  if (!secret_key.empty()) {
    const std::string signer = public_key_of(secret_key);
    std::copy(signer.begin(), signer.end(), header.signer.begin());
  }

  std::string head = encode_bundle_head(header, records);
  const Digest checksum = sha256(head);
  head.append(checksum.begin(), checksum.end());
  head += signature_of(checksum, secret_key);

  BundleOutput output(path);
  output.append(head);
  std::uint64_t end = head.size();
  auto record = records.begin();
  for (const auto& [key, bytes] : entries_) {
    output.append(std::string(record->offset - end, '\0'));
    output.append(bytes);
    end = record->offset + record->size;
    ++record;
  }
  output.commit();
}

}  // namespace unstride::cache
