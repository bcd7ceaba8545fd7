"""`plateful render`: one request by hand, with its receipt."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console
from cli.options import Json, Team
from cli.paying import open_purse
from plateful import progress
from plateful.budgets.price import MICRO, dollars
from plateful.environments import load_settings, open_adapters, utc_now
from plateful.errors import ConfigError, RenderError
from plateful.models.catalog import load_catalog, name_for_tier
from plateful.models.request import image_request
from plateful.models.versions import ModelVersion, resolve_model
from plateful.rendering.renderers import open_renderer
from plateful.rendering.task import RenderTask
from plateful.rendering.trial import (
    PARTITION,
    Picture,
    check_strict,
    open_inputs,
    plan_request,
    render_request,
)

# One byte over the decoder's cap: it refuses the file and says why.
MOST_BYTES = 20_000_001
LONG = 60


def render(
    prompt: Annotated[str, typer.Option(help="What the picture shows.")],
    model: Annotated[str | None, typer.Option(help="Catalog name; default PLATEFUL_MODEL.")] = None,
    negative: Annotated[str | None, typer.Option(help="What it must not show.")] = None,
    style: Annotated[str | None, typer.Option(help="Style, in words.")] = None,
    size: Annotated[str | None, typer.Option(help="Side in px, or 1024x768.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    cfg_scale: Annotated[float | None, typer.Option(help="How strictly the prompt is followed.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the first picture; further ones count up.")
    ] = None,
    n: Annotated[int, typer.Option(help="Pictures wanted.")] = 1,
    quality: Annotated[str | None, typer.Option(help="preview or production.")] = None,
    init: Annotated[Path | None, typer.Option(help="Picture to edit: JPEG, PNG or WebP.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Where to repaint it: white on black, same size.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Picture to resemble: JPEG, PNG or WebP.")] = None,
    strength: Annotated[float | None, typer.Option(help="How much is repainted, 0 to 1.")] = None,
    application: Annotated[str | None, typer.Option(help="Application whose defaults apply.")] = None,
    team: Team = None,
    strict: Annotated[bool, typer.Option(help="Refuse what the model would change.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder; default renders/ in PLATEFUL_HOME.")] = None,
    as_json: Json = False,
) -> None:
    """Render one request with any model, candidates too, for its team's money; publish nothing."""
    settings = load_settings()
    name = name_for_tier(model or settings.model, quality, load_catalog(settings.catalog))
    inputs = open_inputs(_content(init), _content(mask), _content(reference))
    request = image_request(
        model=name,
        prompt=prompt,
        negative_prompt=negative,
        style=style,
        size=size,
        steps=steps,
        cfg_scale=cfg_scale,
        seed=seed,
        n=n,
        quality=quality,
        init_image=inputs.init,
        mask=inputs.mask,
        strength=strength,
        reference_image=inputs.reference,
        application=application,
        team=team or settings.team,
    )
    version = resolve_model(name, settings.weight_root, catalog=settings.catalog, trial=True)
    tasks = plan_request(request, version, inputs)
    if strict:
        check_strict(tasks[0])
    if not as_json:
        _print_receipt(version, tasks[0])
    lake = open_adapters(settings).lake
    with console.progress_bars():
        pictures = render_request(
            tasks,
            inputs,
            partial(open_renderer, version, lake, settings.model_memory),
            (out or settings.home / "renders").expanduser().resolve(),
            purse=open_purse(settings, PARTITION),
            lake=lake,
            clock=utc_now,
            on_progress=partial(progress.report, f"render {name}"),
        )
    _print_pictures(version, tasks[0], pictures, as_json)
    _raise_for_failed(pictures)


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        with path.expanduser().open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise ConfigError(
            f"picture {path} cannot be read: {error.strerror}", fix="correct the path"
        ) from error


def _print_receipt(version: ModelVersion, task: RenderTask) -> None:
    rows = [
        [name, _cut(line["requested"]), _cut(line["effective"]), line["status"], line.get("reason")]
        for name, line in task.receipt.items()
    ]
    columns = ["parameter", "requested", "effective", "status", "reason"]
    console.print_table(f"Receipt of {version.name}", columns, rows)


def _print_pictures(version: ModelVersion, task: RenderTask, pictures: list[Picture], as_json: bool) -> None:
    cost = sum(each.cost for each in pictures)
    if as_json:
        shown = [asdict(each) | {"usd": each.cost / MICRO} for each in pictures]
        console.print_json(
            {
                "model": version.model,
                "model_version": version.digest,
                "receipt": task.receipt,
                "pictures": shown,
                "team": task.team,
                "usd": cost / MICRO,
            }
        )
        return
    rows = [
        [each.candidate_id[:12], each.seed, each.status, round(each.seconds, 3), each.path or each.reason]
        for each in pictures
    ]
    title = f"Pictures: {len(pictures)}, team {task.team} paid {dollars(cost)}; nothing is published"
    console.print_table(title, ["candidate", "seed", "status", "seconds", "file"], rows)


def _raise_for_failed(pictures: list[Picture]) -> None:
    failed = [each for each in pictures if each.status == "failed"]
    if failed:
        raise RenderError(
            f"{len(failed)} of {len(pictures)} pictures failed, the first: {failed[0].reason}",
            fix="mend what is named and run the same command again; what was made is kept",
        )


def _cut(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Shorten digests and long texts: the file's manifest and --json hold them whole."""
    text = None if value is None else str(value)
    return text if text is None or len(text) <= LONG else text[: LONG - 1] + "…"
