#include "image.h"

#include <fmt/format.h>
#include <png.h>

#include <stdexcept>

namespace demo {

void Image::write_png(const std::filesystem::path& path) const {
  static_assert(sizeof(Rgb) == 3);
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(width_);
  header.height = static_cast<png_uint_32>(height_);
  header.format = PNG_FORMAT_RGB;
  constexpr int as_8_bit = 0, packed_rows = 0;
  if (png_image_write_to_file(&header, path.c_str(), as_8_bit, pixels_.data(), packed_rows, nullptr) == 0) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), header.message));
  }
}

}  // namespace demo
