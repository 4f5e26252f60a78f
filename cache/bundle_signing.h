// Ed25519 (libsodium) for bundles: signatures, and the two files of a key pair.
//
// A key file is one line of text: "unstride-public-key <64 hex digits>" or "unstride-secret-key <128 hex digits>".
// Functions throw Error, naming the file and the reason.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace unstride::cache {

inline constexpr std::size_t public_key_bytes = 32;
inline constexpr std::size_t secret_key_bytes = 64;  ///< libsodium's form: the seed, then the public key

/// Makes a new pair. The secret file gets mode 0600. Neither file may exist: a key is never overwritten. If one cannot
/// be written, none is left.
void generate_key_pair(const std::string& secret_path, const std::string& public_path);

/// 64 bytes, for BundleWriter::write(). Refuses a file that another user may read or write.
std::string read_secret_key(const std::string& path);

/// 32 bytes, for BundleOptions::trusted_keys.
std::string read_public_key(const std::string& path);

/// 64 bytes. The secret key must be whole: its two halves belong together.
std::string sign(std::string_view message, std::string_view secret_key);

/// Its second half, checked as by sign().
std::string public_key_of(std::string_view secret_key);

/// False for anything but a valid signature, keys and signatures of a wrong length included.
bool verify(std::string_view message, std::string_view signature, std::string_view public_key);

}  // namespace unstride::cache
