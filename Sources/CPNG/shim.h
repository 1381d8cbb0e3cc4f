// libpng's simplified interface, whose errors are values and no jumps. Its constants are macros of casts, which Swift
// cannot import.
#pragma once
#include <png.h>
#include <string.h>

// Reads the header; 16-bit numbers are taken as sRGB, so that they are scaled and not changed in tone.
static inline int png_open(png_image *image, const void *bytes, size_t count) {
    memset(image, 0, sizeof *image);
    image->version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(image, bytes, count)) return 0;
    image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    return 1;
}

// Reads the pixels as bytes red, green, blue, alpha.
static inline int png_read_rgba(png_image *image, void *pixels) {
    image->format = PNG_FORMAT_RGBA;
    return png_image_finish_read(image, NULL, pixels, 0, NULL);
}
