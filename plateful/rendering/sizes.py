"""Picture sizes: fixed buckets, named by their side or by `<width>x<height>`."""

import re

from plateful.errors import ConfigError

_OBLONG = re.compile(r"(\d{1,5})x(\d{1,5})")


def sides(size: int | str, multiple: int = 8) -> tuple[int, int]:
    """Return (height, width) in pixels of a size parameter.

    Args:
        size: side of a square, or `<width>x<height>`.
        multiple: pixels of a latent cell.

    Raises:
        ConfigError: neither form, or a side that is no multiple of a cell.
    """
    oblong = _OBLONG.fullmatch(str(size))
    width, height = (int(side) for side in oblong.groups()) if oblong else (int(size), int(size))
    if not width or not height or width % multiple or height % multiple:
        raise ConfigError(
            f"size {size!r} has a side that is no multiple of {multiple} px",
            fix="use one of the sizes that the model's catalog entry lists",
        )
    return height, width
