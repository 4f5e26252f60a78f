// Where entries stand below a root, and how one is opened, read and walked over.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>

#include "cache/entry.h"
#include "cache/file_io.h"
#include "cache/safe_folder.h"

namespace unstride::cache {

inline constexpr const char* temp_folder = "tmp";
inline constexpr const char* lock_folder_name = "lock";

/// "v1"
std::string version_folder();
/// "ab": the first two digits. Some file systems slow down with very many names in one folder.
std::string shard_of(const std::string& hex);
/// "<hex>.usk"
std::string file_name(const std::string& hex);
/// The hex digits of a file name, empty when it is not the name of an entry.
std::string hex_of(std::string_view name);

/// A folder that the rules refuse, or what stands at a name where an entry should be. Names the path below the root.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The folders below throw Refused, or std::system_error with the path. Missing is a system_error of ENOENT.
Fd open_shard(int root, const std::string& shard, const FolderRules& rules);
Fd open_subfolder(int root, const char* name, const FolderRules& rules);

struct EntryFile {
  Fd folder;
  Fd file;  ///< empty when the name is taken by something that is not a plain file
  struct stat status {};
  std::string name;
};

/// Nothing when there is none. Throws Refused when another user could have written it.
std::optional<EntryFile> open_entry(int root, const std::string& hex, bool trust_foreign);

/// All its bytes. Allocates only what the file proves to have. Throws CorruptEntry, or std::system_error.
std::string read_entry(const EntryFile& entry);
/// Reads no payload.
Header read_entry_header(const EntryFile& entry);

/// Calls f for each entry, folder by folder, with its status. Skips what cannot be entered or vanishes meanwhile.
void for_each_entry(int root, bool trust_foreign,
                    const std::function<void(int folder, const std::string& hex, const struct stat& status)>& f);

/// The same for temp files, by name.
void for_each_temp_file(int root, bool trust_foreign,
                        const std::function<void(int folder, const char* name, const struct stat& status)>& f);

}  // namespace unstride::cache
