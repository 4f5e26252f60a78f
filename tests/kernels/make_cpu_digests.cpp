// Writes the file of tests/kernels/cpu_digests.h: unstride_make_cpu_digests tests/kernels/cpu_digests.txt
#include <cstdio>
#include <fstream>

#include "tests/kernels/cpu_digests.h"

int main(int count, char** arguments) {
  using namespace unstride::testing;
  if (count != 2) {
    std::fputs("usage: unstride_make_cpu_digests FILE\n", stderr);
    return 2;
  }
  std::ofstream file(arguments[1]);
  for (CpuDigest call : digest_calls()) {
    call.digest = digest_on_cpu(call);
    file << to_line(call);
  }
  return file.flush() ? 0 : 1;
}
