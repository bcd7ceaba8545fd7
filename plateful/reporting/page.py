"""One self-contained HTML page: a template with its style and script inside, written whole.

The page asks for nothing over the network, and its content security policy lets nothing run or load but its
own style and script, named by their hashes. All text is escaped: menu words are data.
"""

import base64
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


def render_page(
    template: str,
    filters: Mapping[str, Callable[..., Any]],
    *,
    styles: Sequence[str],
    scripts: Sequence[str],
    **values: Any,  # noqa: ANN401 - whatever the template shows
) -> str:
    """Fill a template of the templates folder with values, its styles and its scripts."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A link's scheme is not covered by escaping.
    environment.tests["linkable"] = lambda url: url.startswith(("https://", "http://", "file:///"))
    environment.filters |= filters
    style, script = _joined(styles), _joined(scripts)
    policies = {"style_hash": _policy(style), "script_hash": _policy(script)}
    return environment.get_template(template).render(style=style, script=script, **policies, **values)


def write_page(path: Path, text: str) -> Path:
    """Write a page so that a reader sees the old or the new one; return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _joined(names: Sequence[str]) -> str:
    return "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)


def _policy(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
