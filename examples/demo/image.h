// A small RGB picture that can be written as PNG.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace demo {

struct Rgb {
  std::uint8_t r = 255, g = 255, b = 255;
};

class Image {
 public:
  /// White.
  Image(std::int64_t width, std::int64_t height) : width_(width), height_(height), pixels_(width * height) {}

  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }
  /// x from the left, y from the top.
  Rgb& at(std::int64_t x, std::int64_t y) { return pixels_[y * width_ + x]; }

  void write_png(const std::filesystem::path& path) const;

 private:
  std::int64_t width_, height_;
  std::vector<Rgb> pixels_;
};

}  // namespace demo
