#include "cache/bundle_signing.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cache/file_io.h"
#include "cache/key.h"
#include "unstride/error.hpp"

namespace unstride::cache {

namespace {

constexpr std::string_view secret_label = "unstride-secret-key ";
constexpr std::string_view public_label = "unstride-public-key ";

static_assert(public_key_bytes == crypto_sign_PUBLICKEYBYTES && secret_key_bytes == crypto_sign_SECRETKEYBYTES);

const unsigned char* data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* data(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

std::string key_line(std::string_view label, std::string_view key) {
  return std::string(label) + to_hex({data(key), key.size()}) + '\n';
}

[[noreturn]] void fail_at(const std::string& path, const std::string& what) {
  throw Error("key file " + path + ": " + what);
}

[[noreturn]] void fail_with_errno(const std::string& path, const std::string& doing) {
  fail_at(path, doing + ": " + error_text(errno));
}

/// Removes the file again unless it is kept.
class NewKeyFile {
 public:
  NewKeyFile(const std::string& path, const std::string& line, mode_t mode) : path_(path) {
    Fd file = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!file && errno == EEXIST) fail_at(path, "exists already; keys are never overwritten, choose another name");
    if (!file) fail_with_errno(path, "cannot create it");
    if (write_all(file.get(), line) && ::fsync(file.get()) == 0 && file.close()) return;
    const int error = errno;
    ::unlink(path.c_str());  // no destructor runs for a constructor that throws
    errno = error;
    fail_with_errno(path, "cannot write it");
  }
  ~NewKeyFile() {
    if (!kept_) ::unlink(path_.c_str());
  }
  NewKeyFile(const NewKeyFile&) = delete;
  NewKeyFile& operator=(const NewKeyFile&) = delete;
  void keep() { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

/// The key on the file's one line. secret: nobody else may have access.
std::string read_key(const std::string& path, std::string_view label, std::size_t key_bytes, bool secret) {
  // O_NONBLOCK: a named pipe must not hang the command.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) fail_with_errno(path, "cannot open it");
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) fail_with_errno(path, "cannot examine it");
  if (!S_ISREG(status.st_mode)) fail_at(path, "is not a regular file");
  if (secret && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    fail_at(path, "other users have access to this secret key; run 'chmod 600 " + path + "'");
  }

  std::array<char, 256> text = {};  // longer than any key file
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  if (size < 0) fail_with_errno(path, "cannot read it");
  std::string_view line(text.data(), static_cast<std::size_t>(size));
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);

  std::string key(key_bytes, '\0');
  std::size_t decoded = 0;
  const bool fits = line.starts_with(label) && line.size() == label.size() + 2 * key_bytes &&
                    sodium_hex2bin(data(key), key.size(), line.data() + label.size(), 2 * key_bytes, nullptr, &decoded,
                                   nullptr) == 0 &&
                    decoded == key_bytes;
  sodium_memzero(text.data(), text.size());
  if (!fits) {
    fail_at(path, "is not such a key; it should be one line, '" + std::string(label) + "' and " +
                      std::to_string(2 * key_bytes) + " hexadecimal digits");
  }
  return key;
}

/// A secret key ends in its public key. Where the two do not belong together, nobody could verify its signatures.
bool is_whole(std::string_view secret_key) {
  if (secret_key.size() != secret_key_bytes) return false;
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> public_key = {};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> again = {};
  crypto_sign_seed_keypair(public_key.data(), again.data(), data(secret_key));  // its first half is the seed
  sodium_memzero(again.data(), again.size());
  return sodium_memcmp(public_key.data(), data(secret_key) + secret_key_bytes - public_key_bytes, public_key.size()) ==
         0;
}

void check_whole(std::string_view secret_key) {
  if (is_whole(secret_key)) return;
  throw Error("the secret key is not a whole Ed25519 key of " + std::to_string(secret_key_bytes) + " bytes");
}

}  // namespace

void generate_key_pair(const std::string& secret_path, const std::string& public_path) {
  if (sodium_init() < 0) throw Error("cannot generate a key: libsodium has no source of random numbers");
  std::string public_key(public_key_bytes, '\0'), secret_key(secret_key_bytes, '\0');
  crypto_sign_keypair(data(public_key), data(secret_key));
  std::string secret_line = key_line(secret_label, secret_key);
  sodium_memzero(secret_key.data(), secret_key.size());

  NewKeyFile secret_file(secret_path, secret_line, 0600);
  sodium_memzero(secret_line.data(), secret_line.size());
  NewKeyFile public_file(public_path, key_line(public_label, public_key), 0644);
  secret_file.keep();
  public_file.keep();
}

std::string read_secret_key(const std::string& path) {
  std::string key = read_key(path, secret_label, secret_key_bytes, true);
  if (!is_whole(key)) fail_at(path, "is damaged: its two halves do not belong together");
  return key;
}

std::string read_public_key(const std::string& path) {
  return read_key(path, public_label, public_key_bytes, false);
}

std::string sign(std::string_view message, std::string_view secret_key) {
  check_whole(secret_key);
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(data(signature), nullptr, data(message), message.size(), data(secret_key));
  return signature;
}

std::string public_key_of(std::string_view secret_key) {
  check_whole(secret_key);
  return std::string(secret_key.substr(secret_key_bytes - public_key_bytes));
}

bool verify(std::string_view message, std::string_view signature, std::string_view public_key) {
  return signature.size() == crypto_sign_BYTES && public_key.size() == public_key_bytes &&
         crypto_sign_verify_detached(data(signature), data(message), message.size(), data(public_key)) == 0;
}

}  // namespace unstride::cache
