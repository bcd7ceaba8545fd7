"""Pictures come in only as JPEG, PNG or WebP, within caps, upright and without metadata."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from plateful.errors import ImageError
from plateful.vision.image_io import encode_png, encode_webp, open_image, pixel_sha256, read_png_text


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def encoded(picture: np.ndarray, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_three_formats_are_opened(picture: np.ndarray, form: str) -> None:
    opened = open_image(encoded(picture, form))
    assert opened.shape == (24, 32, 3)
    assert opened.dtype == np.uint8


def test_png_round_trip_is_lossless_and_carries_text(picture: np.ndarray) -> None:
    png = encode_png(picture, {"plateful": '{"name":"蛋炒饭 ü"}', "other": ""})
    assert (open_image(png) == picture).all()
    assert read_png_text(png)["plateful"] == '{"name":"蛋炒饭 ü"}'
    assert encode_png(picture) == encode_png(picture.copy())


def test_masks_are_written_grey() -> None:
    mask = np.full((8, 8), 255, np.uint8)
    assert open_image(encode_png(mask)).shape == (8, 8, 3)


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF"])
def test_other_formats_are_refused_whatever_their_name(picture: np.ndarray, form: str) -> None:
    with pytest.raises(ImageError, match="not JPEG, PNG or WebP"):
        open_image(encoded(picture, form))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_truncated_files_are_refused(picture: np.ndarray, form: str) -> None:
    whole = encoded(picture, form)
    with pytest.raises(ImageError):
        open_image(whole[: len(whole) // 2])


@pytest.mark.parametrize("content", [b"", b"x", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_garbage_is_refused(content: bytes) -> None:
    with pytest.raises(ImageError):
        open_image(content)


@pytest.mark.parametrize("size", [(50_000, 50_000), (10_000, 10_000), (40_000_001, 1)])
def test_promised_pixels_are_capped_before_decoding(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="promises"):
        open_image(png_header(*size))


def test_bytes_are_capped(picture: np.ndarray) -> None:
    with pytest.raises(ImageError, match="bytes"):
        open_image(encode_png(picture), max_bytes=100)


@pytest.mark.parametrize("orientation", range(10))
def test_orientation_is_applied(picture: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    png = encoded(picture, "PNG", exif=exif)
    with Image.open(io.BytesIO(png)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert (open_image(png) == expected).all()


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    body = b"Exif\0\0" + exif
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def exif_block(*entries: tuple[int, int, int, bytes]) -> bytes:
    """One big-endian directory of (tag, type, count, value of at most four bytes) entries."""
    packed = b"".join(
        struct.pack(">HHI", tag, form, count) + value.ljust(4, b"\0") for tag, form, count, value in entries
    )
    return b"MM\0*" + struct.pack(">IH", 8, len(entries)) + packed + b"\0\0\0\0"


TURNED = (0x0112, 3, 1, b"\0\x06")
ASCII = 2


@pytest.mark.parametrize("tag", [0x011A, 0x0128], ids=["XResolution", "ResolutionUnit"])
def test_odd_exif_beside_the_orientation_is_not_looked_at(picture: np.ndarray, tag: int) -> None:
    plain = encoded(picture, "JPEG")
    odd = with_exif(plain, exif_block(TURNED, (tag, ASCII, 3, b"72\0")))
    assert (open_image(odd) == np.rot90(open_image(plain), -1)).all()


ENTRY = st.tuples(
    st.sampled_from([0x0112, 0x011A, 0x0128, 0x8769, 0x8825, 0xA005, 0x927C, 0x02BC]),
    st.integers(0, 14),
    st.one_of(st.integers(0, 4), st.just(0xFFFFFFFF)),
    st.binary(max_size=4),
)
WILD_EXIF = st.one_of(
    st.lists(ENTRY, max_size=5).map(lambda entries: exif_block(TURNED, *entries)),
    st.binary(max_size=80).map(lambda tail: b"MM\0*\0\0\0\x08" + tail),
    st.binary(max_size=80),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(exif=WILD_EXIF, form=st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_any_exif_ends_in_a_picture_or_a_refusal(exif: bytes, form: str) -> None:
    content = encoded(np.zeros((4, 6, 3), np.uint8), form, exif=b"Exif\0\0" + exif)
    try:
        assert sorted(open_image(content).shape) == [3, 4, 6]
    except ImageError as error:
        assert error.fix


def test_transparency_is_laid_on_white() -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    assert (open_image(encoded(clear, "PNG")) == 255).all()


def test_16_bit_grey_is_scaled() -> None:
    grey = np.full((4, 4), 0x8000, np.uint16)
    assert (open_image(encoded(grey, "PNG")) == 0x80).all()


def test_webp_has_no_metadata(picture: np.ndarray) -> None:
    webp = encode_webp(picture)
    assert open_image(webp).shape == picture.shape
    assert b"EXIF" not in webp
    assert b"XMP" not in webp


def test_pixel_hash_knows_shape_and_pixels(picture: np.ndarray) -> None:
    assert pixel_sha256(picture) == pixel_sha256(open_image(encode_png(picture)))
    assert pixel_sha256(picture) != pixel_sha256(picture.reshape(32, 24, 3))
    with pytest.raises(ImageError):
        pixel_sha256(picture.astype(np.float32))
