#include "support/build_id.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace unstride::support {

namespace {

// The program headers of the loaded file that holds `address`.
struct Search {
  const void* address;
  std::string build_id;
};

std::string build_id_in(const char* notes, std::size_t size) {
  const auto padded = [](std::size_t n) { return (n + 3) & ~std::size_t{3}; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const std::size_t total = sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
    if (total > size) break;
    const char* name = notes + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      std::string hex;
      for (std::size_t i = 0; i < note.n_descsz; ++i)
        hex += fmt::format("{:02x}", static_cast<unsigned char>(name[padded(note.n_namesz) + i]));
      return hex;
    }
    notes += total;
    size -= total;
  }
  return {};
}

int visit(dl_phdr_info* info, std::size_t, void* context) {
  auto& search = *static_cast<Search*>(context);
  const auto wanted = reinterpret_cast<ElfW(Addr)>(search.address);
  const auto holds = [&](const ElfW(Phdr) & segment) {
    const ElfW(Addr) begin = info->dlpi_addr + segment.p_vaddr;
    return segment.p_type == PT_LOAD && wanted >= begin && wanted < begin + segment.p_memsz;
  };
  const std::span segments(info->dlpi_phdr, info->dlpi_phnum);
  if (std::ranges::none_of(segments, holds)) return 0;
  for (const ElfW(Phdr) & segment : segments) {
    if (segment.p_type != PT_NOTE || !search.build_id.empty()) continue;
    // The loader gives addresses as numbers.
    const auto* notes =
        reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);  // NOLINT(performance-no-int-to-ptr)
    search.build_id = build_id_in(notes, segment.p_memsz);
  }
  return 1;
}

}  // namespace

std::string build_id_of(const void* address) {
  Search search{address, {}};
  dl_iterate_phdr(visit, &search);
  return search.build_id;
}

}  // namespace unstride::support
