// An entry as bytes: what was written comes back, and nothing else is believed.
#include "cache/entry.h"

#include <gtest/gtest.h>

#include "tests/cache/cache_testing.h"

namespace unstride::cache::testing {
namespace {

// The same entry with other numbers in its preamble and other header text, and a checksum that agrees: what a broken
// or hostile writer could make.
std::string forged(std::uint32_t version, std::uint32_t header_length, const std::string& header,
                   const std::string& payload) {
  std::string bytes = encode(key_number(1), {}).substr(0, 8);
  for (const std::uint32_t number : {version, header_length})
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(number >> shift & 0xff);
  const Digest checksum = sha256(bytes + header);
  bytes.append(reinterpret_cast<const char*>(checksum.data()), checksum.size());
  return bytes + header + payload;
}

std::string forged_header(const std::string& header, const std::string& payload = "") {
  return forged(format_version, static_cast<std::uint32_t>(header.size()), header, payload);
}

std::string why_corrupt(const std::string& bytes) {
  try {
    static_cast<void>(decode(bytes));
    return "it is accepted";
  } catch (const CorruptEntry& corrupt) {
    return corrupt.what();
  }
}

TEST(Entry, ComesBackAsItWasWritten) {
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  const std::vector<std::string> texts{"", "text", "\"quoted\\\n", "Grüße", all_bytes, std::string(100'000, 'x')};
  for (const std::string& text : texts) {
    const Key key({{"label", text}, {text + "?", "value"}});
    const Entry entry{{{"note", text}, {"note", text}, {"", ""}}, text};
    const std::string bytes = encode(key, entry);
    const Decoded decoded = decode(bytes);
    EXPECT_EQ(decoded.key_fields, key.fields());
    EXPECT_EQ(decoded.entry.notes, entry.notes);
    EXPECT_EQ(decoded.entry.payload, entry.payload);
    EXPECT_EQ(decode_for(key, bytes).payload, text);
    EXPECT_EQ(encode(key, entry), bytes);
  }
}

TEST(Entry, ItsHeaderIsReadWithoutThePayload) {
  const std::string bytes = encode(key_number(7), entry_number(7));
  const auto size = static_cast<std::int64_t>(bytes.size());
  const std::int64_t end = payload_offset(bytes.substr(0, preamble_size), size);
  const Header header = decode_header(bytes.substr(0, static_cast<std::size_t>(end)), size);
  EXPECT_EQ(header.key_fields, key_number(7).fields());
  EXPECT_EQ(header.notes, entry_number(7).notes);
  EXPECT_EQ(header.payload_size, 300);
  EXPECT_EQ(header.payload_digest, sha256(entry_number(7).payload));
  EXPECT_THROW(static_cast<void>(decode_header(bytes.substr(0, static_cast<std::size_t>(end) - 1), size)),
               CorruptEntry);
}

TEST(Entry, EachBitFlippedIsCorrupt) {
  const std::string bytes = encode(key_number(1), entry_number(1, 50));
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      EXPECT_THROW(static_cast<void>(decode(flipped)), CorruptEntry) << "byte " << at << ", bit " << bit;
    }
}

TEST(Entry, CutOrGrownIsCorrupt) {
  const std::string bytes = encode(key_number(1), entry_number(1, 50));
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(static_cast<void>(decode(bytes.substr(0, length))), CorruptEntry) << length;
  EXPECT_THROW(static_cast<void>(decode(bytes + '\0')), CorruptEntry);
  EXPECT_THROW(static_cast<void>(decode(bytes + bytes)), CorruptEntry);
}

TEST(Entry, ForAnotherKeyIsCorrupt) {
  EXPECT_THROW(static_cast<void>(decode_for(key_number(2), encode(key_number(1), entry_number(1)))), CorruptEntry);
}

TEST(Entry, OfAnotherVersionIsRefusedByItsNumber) {
  EXPECT_EQ(why_corrupt(forged(2, 2, "{}", "")), "format version 2, this build reads 1");
  EXPECT_EQ(why_corrupt(forged(0, 2, "{}", "")), "format version 0, this build reads 1");
}

TEST(Entry, ALyingLengthIsRefusedBeforeItIsUsed) {
  EXPECT_EQ(why_corrupt(forged(1, 0xffffffff, "{}", "")), "header ends at 4294967343, the file at 50");
  EXPECT_EQ(why_corrupt(forged(1, 3, "{}", "")), "header ends at 51, the file at 50");
  const std::string hash(64, '0');
  for (const std::string size : {"1099511627776", "-1", "1", "0.5", "1e30", "\"0\""})
    EXPECT_THROW(static_cast<void>(decode(forged_header(R"({"key":[],"notes":[],"payload":{"sha256":")" + hash +
                                                        R"(","size":)" + size + "}}"))),
                 CorruptEntry);
  EXPECT_THROW(static_cast<void>(payload_offset(encode(key_number(1), {}), max_entry_size + 1)), CorruptEntry);
}

TEST(Entry, AHeaderThatNoWriterMakesIsRefused) {
  const std::string payload = R"("payload":{"sha256":")" + to_hex(sha256("")) + R"(","size":0}})";
  EXPECT_EQ(why_corrupt(forged_header(R"({"key":[["a","1"]],"notes":[],)" + payload)), "it is accepted");
  const std::vector<std::string> headers{
      "",
      "{}",
      "[]",
      "null",
      "{",
      std::string(100'000, '['),
      R"({"key":[["a","1"]],"notes":[],)" + payload + " ",
      R"({"key":[["a","1"]],"more":0,"notes":[],)" + payload,
      R"({"key":[["a","1"],["a","1"]],"notes":[],)" + payload,
      R"({"key":[["","1"]],"notes":[],)" + payload,
      R"({"key":[["a",1]],"notes":[],)" + payload,
      R"({"key":[["a"]],"notes":[],)" + payload,
      R"({"key":[["a",{"hex":"6"}]],"notes":[],)" + payload,
      R"({"key":[["a",{"hex":"zz"}]],"notes":[],)" + payload,
      R"({"key":[["a",{"hex":"61"}]],"notes":[],)" + payload,  // "a" would have been written as text
      R"({"key":{"a":"1"},"notes":[],)" + payload,
      "{\"key\":[[\"a\",\"\xff\"]],\"notes\":[]," + payload,
  };
  for (const std::string& header : headers) EXPECT_NE(why_corrupt(forged_header(header)), "it is accepted") << header;
}

}  // namespace
}  // namespace unstride::cache::testing
