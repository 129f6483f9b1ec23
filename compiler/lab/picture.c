/* SPDX-License-Identifier: MIT */
/* picture.c: grey images as text: half blocks in colour where the terminal has it, a ramp of characters
 * otherwise. */
#include "lab.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GAP = 2 };       /* columns between pictures */

PictureStyle picture_style(FILE *out)
{
    const char *term = getenv("TERM"), *colours = getenv("COLORTERM");
    if (!isatty(fileno(out)) || getenv("NO_COLOR") || !term || str_eq(term, "dumb"))
        return PICTURE_ASCII;
    bool wide = colours && (strstr(colours, "truecolor") || strstr(colours, "24bit"));
    return wide ? PICTURE_TRUECOLOR : PICTURE_256;
}

/* 0..255; 0 below the image's last row. */
static int grey_at(const Picture *p, int height, int width, int y, int x)
{
    if (y >= height)
        return 0;
    if (p->dt == DT_U8)
        return ((const uint8_t *)p->data)[y * width + x];
    float value = ((const float *)p->data)[y * width + x];
    return value > 0 ? value < 1 ? (int)(value * 255 + 0.5f) : 255 : 0;     /* NaN: 0 */
}

/* The 256 colours' greys: 16 is black, 232..255 a ramp, 231 white. */
static int grey_256(int grey)
{
    return grey < 4 ? 16 : grey > 246 ? 231 : 232 + (grey - 3) / 10;
}

static void colour(StrBuf *sb, PictureStyle style, int ground, int grey)
{
    if (style == PICTURE_TRUECOLOR)
        sb_printf(sb, "\x1b[%d;2;%d;%d;%dm", ground, grey, grey, grey);
    else
        sb_printf(sb, "\x1b[%d;5;%dm", ground, grey_256(grey));
}

/* One text row of one picture: image rows y and y + 1, the upper one as the foreground of an upper half
 * block. */
static void colour_row(StrBuf *sb, PictureStyle style, const Picture *p, int height, int width, int y)
{
    int last_up = -1, last_down = -1;
    for (int x = 0; x < width; x++) {
        int up = grey_at(p, height, width, y, x), down = grey_at(p, height, width, y + 1, x);
        if (up != last_up)
            colour(sb, style, 38, up);
        if (down != last_down)
            colour(sb, style, 48, down);
        sb_puts(sb, "\xe2\x96\x80");
        last_up = up;
        last_down = down;
    }
    sb_puts(sb, "\x1b[0m");
}

static void ascii_row(StrBuf *sb, const Picture *p, int height, int width, int y)
{
    static const char ramp[] = " .:-=+*#%@";
    for (int x = 0; x < width; x++) {
        int both = grey_at(p, height, width, y, x) + grey_at(p, height, width, y + 1, x);
        sb_putc(sb, ramp[both * (LEN(ramp) - 2) / 510]);
    }
}

static int caption_bytes(const char *caption, int width)
{
    int columns = 0, n = 0;
    while (caption[n] && (columns < width || ((unsigned char)caption[n] & 0xc0) == 0x80)) {
        columns += ((unsigned char)caption[n] & 0xc0) != 0x80;      /* a UTF-8 character counts once */
        n++;
    }
    return n;
}

static int caption_columns(const char *caption, int bytes)
{
    int columns = 0;
    for (int i = 0; i < bytes; i++)
        columns += ((unsigned char)caption[i] & 0xc0) != 0x80;
    return columns;
}

static void captions(StrBuf *sb, int width, const Picture *picture, int n)
{
    for (int i = 0; i < n; i++) {
        const char *text = picture[i].caption ? picture[i].caption : "";
        int bytes = caption_bytes(text, width);
        bool last = i == n - 1;
        sb_printf(sb, "%.*s%*s", bytes, text, last ? 0 : width + GAP - caption_columns(text, bytes), "");
    }
    sb_putc(sb, '\n');
}

static void print_row(StrBuf *sb, PictureStyle style, int height, int width, const Picture *picture, int n)
{
    bool captioned = false;
    for (int y = 0; y < height; y += 2) {
        for (int i = 0; i < n; i++) {
            if (style == PICTURE_ASCII)
                ascii_row(sb, &picture[i], height, width, y);
            else
                colour_row(sb, style, &picture[i], height, width, y);
            sb_printf(sb, "%*s", i == n - 1 ? 0 : GAP, "");
        }
        sb_putc(sb, '\n');
    }
    for (int i = 0; i < n; i++)
        captioned |= picture[i].caption != NULL;
    if (captioned)
        captions(sb, width, picture, n);
}

void pictures_print(StrBuf *sb, PictureStyle style, int height, int width, const Picture *picture, int n,
                    int columns)
{
    int side = ((columns > 0 ? columns : 80) + GAP) / (width + GAP);
    side = side < 1 ? 1 : side;
    for (int i = 0; i < n; i += side)
        print_row(sb, style, height, width, picture + i, n - i < side ? n - i : side);
}
