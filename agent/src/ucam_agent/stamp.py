"""What is drawn into pictures of footage: a clock for people and a stamp for programs. Pure Python, on I420 bytes.

The stamp: 48 bits of wall clock (ms since 1970) in the first row of blocks and 24 bits of frame number in the second,
most significant bit first, luma 235 for 1 and 16 for 0, chroma neutral.
"""

from __future__ import annotations

from dataclasses import dataclass

MS_BITS = 48
NUMBER_BITS = 24
BLOCK_MAX = 16
_WHITE, _BLACK = 235, 16
_CELL = 6  # columns of one glyph, the empty one between two included

# 5 x 7 pixels, one byte per row
_GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    "-": (0, 0, 0, 31, 0, 0, 0),
    "+": (0, 4, 4, 31, 4, 4, 0),
    ":": (0, 4, 4, 0, 4, 4, 0),
    " ": (0, 0, 0, 0, 0, 0, 0),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How GStreamer lays out an I420 picture: strides rounded up to 4 bytes, offsets of the planes, all in bytes."""

    width: int
    height: int
    stride: int
    chroma_stride: int
    u: int
    v: int
    size: int

    @classmethod
    def of(cls, width: int, height: int) -> Layout:
        """For even sizes."""
        stride, chroma_stride = -(-width // 4) * 4, -(-(width // 2) // 4) * 4
        u = stride * height
        v = u + chroma_stride * (height // 2)
        return cls(width, height, stride, chroma_stride, u, v, v + chroma_stride * (height // 2))

    @property
    def block(self) -> int:
        """Edge of one block of the stamp in pixels."""
        return min(BLOCK_MAX, self.width // MS_BITS // 2 * 2)


def bits(value: int, count: int, block: int) -> bytes:
    """One row of luma: `count` bits of `value`, each `block` pixels wide."""
    white, black = bytes([_WHITE]) * block, bytes([_BLACK]) * block
    return b"".join(white if value >> shift & 1 else black for shift in range(count - 1, -1, -1))


def draw_stamp(luma: bytearray, stride: int, block: int, wall_ms: int, number: int) -> None:
    """Draws the stamp into the first 2 * `block` rows of a picture's luma."""
    for first_row, row in ((0, bits(wall_ms, MS_BITS, block)), (block, bits(number, NUMBER_BITS, block))):
        for start in range(first_row * stride, (first_row + block) * stride, stride):
            luma[start : start + len(row)] = row


def draw_neutral(chroma: bytearray, stride: int, columns: int) -> None:
    """Takes the colour out of the first `columns` of every row."""
    neutral = b"\x80" * columns
    for start in range(0, len(chroma), stride):
        chroma[start : start + columns] = neutral


def text_rows(text: str, scale: int) -> list[bytes]:
    """Rows of luma that show `text` white on black, `scale` pixels per dot, with a margin of one dot."""
    dots = [0] + [0] * 7 + [0]
    for char in text:
        glyph = _GLYPHS.get(char, _GLYPHS[" "])
        dots = [row << _CELL | dot << 1 for row, dot in zip(dots, (0, *glyph, 0), strict=True)]
    return [row for dot in dots for row in [bits(dot, len(text) * _CELL + 1, scale)] * scale]


def read_stamp(luma: bytes | bytearray, stride: int, block: int) -> tuple[int, int]:
    """(wall clock in ms, frame number) of a decoded picture."""
    middle = block // 2
    values = []
    for count, row in ((MS_BITS, middle), (NUMBER_BITS, block + middle)):
        value = 0
        for index in range(count):
            value = value << 1 | (luma[row * stride + index * block + middle] > 128)
        values.append(value)
    return values[0], values[1]
