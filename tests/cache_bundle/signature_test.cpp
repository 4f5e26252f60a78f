// With trusted keys, only what one of them signed is opened.
#include "bundle_testing.h"
#include "cache/bundle_signing.h"
#include "unstride/error.hpp"

namespace unstride::cache {
namespace {

TEST(BundleSignature, ByATrustedKeyIsAccepted) {
  const TestFolder folder;
  writer_of(3).write(folder / "b", secret_key);
  for (const std::vector<std::string>& keys :
       {std::vector{public_key}, std::vector{other_public_key, public_key}, std::vector<std::string>{}}) {
    const auto bundle = Bundle::open({.path = folder / "b", .trusted_keys = keys});
    ASSERT_TRUE(bundle);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(has(*bundle, i));
  }
}

TEST(BundleSignature, AnUnsignedBundleIsRefused) {
  const TestFolder folder;
  writer_of(3).write(folder / "b");
  expect_refused({.path = folder / "b", .trusted_keys = {public_key}}, "not signed", "sign it when writing it");
  expect_refused({.path = folder / "b", .trusted_keys = {public_key}, .trust_foreign_file = true}, "not signed",
                 "sign it when writing it");
}

TEST(BundleSignature, ByAnotherKeyIsRefusedAndSaysWhose) {
  const TestFolder folder;
  writer_of(3).write(folder / "b", other_secret_key);
  expect_refused({.path = folder / "b", .trusted_keys = {public_key}},
                 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "trust that key");
}

/// The checksum is made right again, as an attacker would.
TEST(BundleSignature, ATamperedBundleIsRefused) {
  const TestFolder folder;
  writer_of(3).write(folder / "signed", secret_key);
  writer_of(3, 30).write(folder / "other", other_secret_key);
  const std::string bytes = read_file(folder / "signed");
  const std::string other = read_file(folder / "other");
  const std::size_t covered = 64 + 3 * 80, signature_at = covered + 32;

  // Somebody else's bundle under the name of the trusted signer, with either signature.
  std::string forged = other;
  std::copy(public_key.begin(), public_key.end(), forged.begin() + 32);
  const Digest checksum = sha256(std::string_view(forged).substr(0, covered));
  std::copy(checksum.begin(), checksum.end(), forged.begin() + covered);
  write_file(folder / "b", forged);
  expect_refused({.path = folder / "b", .trusted_keys = {public_key}}, "signature is not valid", "copy it again");
  std::copy_n(bytes.begin() + signature_at, 64, forged.begin() + signature_at);
  write_file(folder / "b", forged);
  expect_refused({.path = folder / "b", .trusted_keys = {public_key}}, "signature is not valid", "copy it again");

  // A signature taken off, and with it the name of the signer.
  std::string stripped = bytes;
  std::fill_n(stripped.begin() + 32, 32, '\0');
  const Digest again = sha256(std::string_view(stripped).substr(0, covered));
  std::copy(again.begin(), again.end(), stripped.begin() + covered);
  write_file(folder / "b", stripped);
  expect_refused({.path = folder / "b", .trusted_keys = {public_key}}, "not signed", "sign it");
}

/// The entry that an attacker would put in: whole, for the same key, of the same size. Only the signed index tells.
TEST(BundleSignature, CoversThePayloads) {
  const TestFolder folder;
  writer_of(3).write(folder / "b", secret_key);
  std::string bytes = read_file(folder / "b");
  Entry evil = entry_of(1);
  evil.payload.replace(0, 4, "evil");
  const std::string before = encode(key_of(1), entry_of(1)), after = encode(key_of(1), evil);
  ASSERT_EQ(before.size(), after.size());
  bytes.replace(bytes.find(before), before.size(), after);
  write_file(folder / "b", bytes);

  const Lines lines;
  const auto bundle = Bundle::open({.path = folder / "b", .trusted_keys = {public_key}, .report = lines.report()});
  ASSERT_TRUE(bundle);
  EXPECT_FALSE(bundle->find(key_of(1)));
  EXPECT_EQ(lines.lines->size(), 1U);
  EXPECT_TRUE(has(*bundle, 0) && has(*bundle, 2));
}

TEST(BundleSignature, OfSomethingElseWithTheSameKeyDoesNotServe) {
  const TestFolder folder;
  writer_of(3).write(folder / "b", secret_key);
  std::string bytes = read_file(folder / "b");
  const std::size_t covered = 64 + 3 * 80;
  const std::string without_prefix = sign(std::string_view(bytes).substr(covered, 32), secret_key);
  std::copy(without_prefix.begin(), without_prefix.end(), bytes.begin() + covered + 32);
  write_file(folder / "b", bytes);
  expect_refused({.path = folder / "b", .trusted_keys = {public_key}}, "signature is not valid", "copy it again");
}

TEST(BundleSignature, AllZeroIsNobodysKey) {
  const TestFolder folder;
  writer_of(1).write(folder / "b");
  expect_refused({.path = folder / "b", .trusted_keys = {std::string(32, '\0')}}, "not signed", "sign it");
}

TEST(BundleSignature, ATrustedKeyOfAWrongLengthIsNamed) {
  const TestFolder folder;
  writer_of(1).write(folder / "b", secret_key);
  expect_refused({.path = folder / "b", .trusted_keys = {public_key, "short"}}, "trusted key has 5 bytes", "32 bytes");
  expect_refused({.path = folder / "b", .trusted_keys = {""}}, "trusted key has 0 bytes", "32 bytes");
}

TEST(BundleSignature, NeedsAWholeSecretKey) {
  const TestFolder folder;
  for (const std::string& key :
       {std::string("short"), public_key, secret_key.substr(0, 32) + other_public_key, secret_key + 'x'}) {
    EXPECT_THROW(writer_of(1).write(folder / "b", key), Error);
    EXPECT_TRUE(names_in(folder.path()).empty());
  }
}

TEST(BundleSignature, AgreesWithRfc8032) {
  EXPECT_EQ(sign("", secret_key), from_hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                                           "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"));
  EXPECT_TRUE(verify("", sign("", secret_key), public_key));
  EXPECT_FALSE(verify("x", sign("", secret_key), public_key));
  EXPECT_FALSE(verify("", sign("", secret_key), other_public_key));
  EXPECT_FALSE(verify("", "", public_key));
  EXPECT_FALSE(verify("", sign("", secret_key), ""));
}

}  // namespace
}  // namespace unstride::cache
