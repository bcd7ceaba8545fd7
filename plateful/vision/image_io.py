"""The one door for pictures: bytes to RGB arrays with caps, and arrays to PNG and WebP.

Only JPEG, PNG and WebP are opened, told by content and never by name. Size and pixel caps are checked on the
header, before anything is decoded. Orientation from EXIF is applied and all metadata is dropped.
"""

import hashlib
import io
import re
import warnings
from collections.abc import Mapping

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from plateful.errors import ImageError

FORMATS = ("JPEG", "PNG", "WEBP")
# Speed over size: level 1 costs a third of the default's time for some 10 % more bytes.
PNG_LEVEL = 1
MAX_BYTES, MAX_PIXELS = 20_000_000, 40_000_000
# A lossless PNG of as many pixels, three bytes each, and what its lines, chunks and texts add.
MAX_STORED_BYTES = 3 * MAX_PIXELS + 2_000_000
# EXIF orientation -> what makes the picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_image(content: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a JPEG, PNG or WebP file to uint8 RGB (H, W, 3), upright, transparency laid on white.

    Args:
        content: the file's bytes.
        max_bytes: refuse longer files.
        max_pixels: refuse pictures whose header promises more pixels, before decoding.

    Raises:
        ImageError: other format, truncated or broken file, or beyond a cap.
    """
    if len(content) > max_bytes:
        raise ImageError(f"picture has {len(content):,} bytes, over {max_bytes:,}", fix="give a smaller file")
    with warnings.catch_warnings():
        # Pillow's pixel warning, where our cap below is the stricter one, and its remarks on odd metadata.
        warnings.simplefilter("ignore")
        image = _open_header(content)
        width, height = image.size
        if width * height > max_pixels:
            raise _too_many_pixels(f"{width:,} x {height:,} pixels", max_pixels)
        try:
            image.load()
            return _to_rgb(_upright(image))
        # Decoders raise what they like on a hostile file: one of them must not stop the others.
        except Exception as fault:
            raise ImageError(
                f"picture cannot be decoded: {fault}", fix="export it again; the file is truncated or broken"
            ) from fault


def open_stored(png: bytes) -> np.ndarray:
    """Decode a PNG of our own (photo, mask, candidate): any that `encode_png` makes of an opened picture.

    Raises:
        ImageError: broken file, or beyond the caps.
    """
    return open_image(png, max_bytes=MAX_STORED_BYTES)


def _open_header(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as fault:
        raise _too_many_pixels(_promised(fault), Image.MAX_IMAGE_PIXELS or 0) from fault
    except UnidentifiedImageError as fault:
        raise ImageError(
            f"picture is not JPEG, PNG or WebP (first bytes {content[:8]!r})",
            fix="convert it to JPEG, PNG or WebP; the name's ending is not looked at",
        ) from fault
    except Exception as fault:
        raise ImageError(f"picture has a broken header: {fault}", fix="export it again") from fault


def _promised(fault: Image.DecompressionBombError) -> str:
    """Pillow gives the size only in its message: 'Image size (2500000000 pixels) exceeds ...'."""
    counts = re.findall(r"\d+", str(fault))
    return f"{int(counts[0]):,} pixels" if counts else str(fault)


def _too_many_pixels(found: str, cap: int) -> ImageError:
    return ImageError(
        f"picture promises {found}, over {cap:,}", fix="scale it down before adding it to the feed"
    )


def _upright(image: Image.Image) -> Image.Image:
    """Turn by the orientation tag alone: Pillow's own exif_transpose writes all tags again, odd ones too."""
    turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))


def encode_png(array: np.ndarray, text: Mapping[str, str] | None = None) -> bytes:
    """Encode uint8 RGB (H, W, 3) or grey (H, W) losslessly, with `text` as uncompressed iTXt chunks."""
    info = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    buffer = io.BytesIO()
    Image.fromarray(_checked(array)).save(buffer, "PNG", compress_level=PNG_LEVEL, pnginfo=info)
    return buffer.getvalue()


def read_png_text(content: bytes) -> dict[str, str]:
    """Return the text chunks that stand before the pixels of a PNG, without decoding the pixels.

    Raises:
        ImageError: not a PNG, or a broken one.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            return {str(key): value for key, value in image.info.items() if isinstance(value, str)}
    except Exception as fault:
        raise ImageError(f"not a readable PNG: {fault}", fix="render the candidate again") from fault


def pixel_sha256(array: np.ndarray) -> str:
    """Return sha256 over the shape and the raw pixels: equal pictures, whatever their encoding, share it."""
    array = np.ascontiguousarray(_checked(array))
    digest = hashlib.sha256("x".join(map(str, array.shape)).encode())
    digest.update(array.tobytes())
    return digest.hexdigest()


def encode_webp(array: np.ndarray, quality: int = 90) -> bytes:
    """Encode uint8 RGB (H, W, 3) as lossy WebP without metadata; the published rendition."""
    buffer = io.BytesIO()
    Image.fromarray(_checked(array)).save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def _checked(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise ImageError(
            f"array of {array.dtype} {array.shape} is not a picture", fix="give uint8 (H, W, 3) RGB or (H, W)"
        )
    return array
