#include "caption.h"

#include <array>

namespace demo {
namespace {

constexpr std::string_view letters = "ABEFORT";
constexpr std::array<std::string_view, 7> rows = {
    " ###  ####  ##### #####  ###  ####  ##### ",  //
    "#   # #   # #     #     #   # #   #   #   ",  //
    "#   # #   # #     #     #   # #   #   #   ",  //
    "##### ####  ####  ####  #   # ####    #   ",  //
    "#   # #   # #     #     #   # # #     #   ",  //
    "#   # #   # #     #     #   # #  #    #   ",  //
    "#   # ####  ##### #      ###  #   #   #   ",
};
constexpr int advance = 6;
constexpr Rgb ink = {40, 40, 40};

}  // namespace

void draw_caption(Image& image, std::int64_t x, std::int64_t y, std::string_view text) {
  for (const char letter : text) {
    const std::size_t place = letters.find(letter);
    for (int i = 0; place != std::string_view::npos && i < caption_height; ++i) {
      for (int j = 0; j < advance * caption_scale; ++j) {
        if (rows[i / caption_scale][place * advance + j / caption_scale] == '#') image.at(x + j, y + i) = ink;
      }
    }
    x += advance * caption_scale;
  }
}

}  // namespace demo
