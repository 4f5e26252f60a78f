// A bundle's file, opened with care and read with pread.
//
// Not mapped: under a mapping, a file that somebody cuts kills the process with SIGBUS, and bytes can change between
// being verified and being used. pread copies into memory of our own, a cut file is an error like any other, and what
// was verified is what is used. The page cache is shared among processes all the same; a copy costs microseconds.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "cache/file_io.h"

namespace unstride::cache {

class BundleFile {
 public:
  /// Never through a symbolic link in the last component, and regular files only. check_owners: nobody but this user
  /// and root could have written the file or put it there (safe_folder.h). Throws UnusableBundle.
  BundleFile(const std::string& path, bool check_owners);

  /// When it was opened.
  std::uint64_t size() const noexcept { return size_; }
  /// Fills all of `to`, or throws UnusableBundle. From any thread.
  void read(std::uint64_t offset, std::span<char> to) const;

 private:
  Fd fd_;
  std::uint64_t size_ = 0;
};

}  // namespace unstride::cache
