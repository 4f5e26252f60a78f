# Writes OUTPUT, a source file that defines cuda::headers() and cuda::header_digest(): the texts of HEADERS, named as
# paths below FOLDER. Run at build time (cmake -P), whenever one of them changes.

set(rows "")
set(digests "")
foreach(header IN LISTS HEADERS)
  file(READ ${header} text)
  file(SHA256 ${header} digest)
  cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${FOLDER} OUTPUT_VARIABLE name)
  # A string literal may be no longer than 64 KB everywhere; these are far smaller.
  string(APPEND rows "    {\"${name}\", R\"header_text(${text})header_text\"},\n")
  string(APPEND digests "${name} ${digest}\n")
endforeach()
string(SHA256 digest "${digests}")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [=[
#include "codegen/cuda/source.h"

namespace unstride::cuda {

namespace {

constexpr Header texts[] = {
@rows@};

}  // namespace

std::span<const Header> headers() {
  return texts;
}

std::string_view header_digest() {
  return "@digest@";
}

}  // namespace unstride::cuda
]=] @ONLY)
