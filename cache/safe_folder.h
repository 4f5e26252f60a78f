// Folders from which code may be loaded: nobody but this user and root can have put anything there.
//
// The path is walked from "/" one component at a time, each opened relative to the descriptor of the one before. So
// what was checked is what is used, whatever happens to the names meanwhile. A symbolic link on the way is followed by
// hand when this user or root made it: the folder in which it stands has been checked, the folders it names are next.
#pragma once

#include <sys/stat.h>

#include <string>

#include "cache/file_io.h"

namespace unstride::cache {

enum class Place {
  on_the_way,  ///< others may add names beside ours (sticky, as /tmp), but not change them
  in_use       ///< nobody else may write
};

/// Why another user could have written here, as "is owned by user 1001: chown ..."; empty if none could.
std::string distrust(const struct stat& status, Place place);

struct FolderRules {
  bool create = false;         ///< what is missing, 0700
  bool trust_foreign = false;  ///< skip the checks of owners and permissions
};

struct SafeFolder {
  Fd fd;               ///< O_PATH; empty on failure
  int error = 0;       ///< errno, or 0 when the folder is refused
  std::string reason;  ///< of a failure: names the path at fault and, for a refusal, what to do
};

SafeFolder open_safe_folder(const std::string& path, const FolderRules& rules);

/// One more step down, into a folder that must not be a symbolic link.
SafeFolder open_safe_subfolder(int folder, const char* name, const FolderRules& rules);

}  // namespace unstride::cache
