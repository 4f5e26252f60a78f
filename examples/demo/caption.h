// Writes "BEFORE" and "AFTER" over a panel, without a font library for seven letters.
#pragma once

#include <string_view>

#include "image.h"

namespace demo {

inline constexpr int caption_scale = 3;
inline constexpr int caption_height = 7 * caption_scale;

/// The upper left corner at (x, y). Letters that are not drawn here become gaps.
void draw_caption(Image& image, std::int64_t x, std::int64_t y, std::string_view text);

}  // namespace demo
