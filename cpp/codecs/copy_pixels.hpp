// A decoder's picture, brought together: out of 4-byte pixels, mirrored, or on its side.
#pragma once

#include "core/image.hpp"

namespace rmbg::codecs {

// The pixels of `image`, whose samples lie as they like, one behind the other at `to`.
void copy_pixels(const ImageView& image, void* to, int threads);

}  // namespace rmbg::codecs
