// unstride_make_golden_bundles FOLDER
#include "golden_bundles.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const auto& golden : unstride::cache::golden_bundles) {
    unstride::cache::writer_of(golden.entries, golden.payload_bytes)
        .write(std::string(argv[1]) + '/' + golden.name, golden.secret_key);
  }
  return 0;
}
