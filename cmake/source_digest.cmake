# Writes OUTPUT, a header that defines UNSTRIDE_SOURCE_DIGEST: the SHA-256 over the names and contents of SOURCES.
# Run at build time (cmake -P), whenever one of them changes.

set(digests "")
foreach(source IN LISTS SOURCES)
  file(SHA256 ${source} digest)
  cmake_path(GET source FILENAME name)
  string(APPEND digests "${name} ${digest}\n")
endforeach()
string(SHA256 digest "${digests}")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once\n#define UNSTRIDE_SOURCE_DIGEST \"@digest@\"\n" @ONLY)
