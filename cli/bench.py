"""`plateful bench`: what a picture costs, rung by rung, and what the pipeline adds to rendering."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.options import Json
from plateful import progress
from plateful.environments import ROOT, Adapters, Settings, load_settings, open_adapters
from plateful.models.versions import resolve_model

if TYPE_CHECKING:
    from plateful.benching.runners import Runners
    from plateful.benching.scores import QualityScores

bench = typer.Typer(help="Measure renderers.", no_args_is_help=True)
EVAL_SET = "plates_v1"

Model = Annotated[str, typer.Option(help="Catalog model, or sd15-random / sdxl-random (random weights).")]
Repeats = Annotated[int, typer.Option(min=1, help="Rounds, A B A B; seconds are medians over them.")]
Device = Annotated[str | None, typer.Option(help="Torch device; default the first GPU, else the CPU.")]
Out = Annotated[Path, typer.Option(help="Folder of the result file.")]


@bench.command()
def ladder(
    model: Model = "plateful-tiny",
    images: Annotated[int, typer.Option(min=1, help="Pictures of each rung, over all rounds.")] = 96,
    repeats: Repeats = 6,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the rungs with fewer.")] = 10,
    scheduler: Annotated[str, typer.Option(help="Their scheduler; `shipped` is the model's.")] = "shipped",
    batch: Annotated[int, typer.Option(min=1, help="Pictures evaluated at once.")] = 16,
    cfg_share: Annotated[float, typer.Option(help="Share of the steps with guidance.")] = 0.5,
    cache_interval: Annotated[int, typer.Option(min=2, help="Deep layers: every n-th step.")] = 2,
    compiled: Annotated[
        bool, typer.Option("--compile/--no-compile", help="A rung with torch.compile.")
    ] = True,
    device: Device = None,
    out: Out = ROOT / "benchmarks" / "results",
    as_json: Json = False,
) -> None:
    """Measure the ablation ladder in one interleaved run, and write benchmarks/results/ladder-*.json."""
    from eval_sets.loader import load_eval_set
    from plateful.benching.ladder import run_ladder
    from plateful.benching.prices import load_prices
    from plateful.benching.rungs import Speedups

    settings = load_settings()
    runners, scored = _runners(settings, model, device)
    with console.progress_bars():
        result = run_ladder(
            runners,
            load_eval_set(EVAL_SET).items,
            images=images,
            repeats=repeats,
            speedups=Speedups(
                scheduler=scheduler,
                steps=steps,
                batch=batch,
                cfg_share=cfg_share,
                cache_interval=cache_interval,
                compiled=compiled,
                distilled=runners.distilled() if scored else None,
            ),
            prices=load_prices(),
            score=_scores(settings) if scored else None,
            on_progress=lambda done, total: progress.report(f"ladder {model}", done, total),
        )
    _written(result, out, "ladder")
    _show_ladder(result, as_json)


@bench.command()
def pipeline(
    model: Model = "plateful-tiny",
    images: Annotated[int, typer.Option(min=1, help="Pictures a round.")] = 96,
    repeats: Repeats = 5,
    device: Device = None,
    out: Out = ROOT / "benchmarks" / "results",
    as_json: Json = False,
) -> None:
    """Measure the renderer alone against the whole: scored, hashed, encoded, stored, manifest, ledger."""
    from eval_sets.loader import load_eval_set
    from plateful.benching.pipeline import measure_pipeline
    from plateful.benching.rungs import Rung

    settings = load_settings()
    runners, _ = _runners(settings, model, device)
    scores, rung = _scores(settings), Rung("own", "the model's own profile", runners.profile)
    with console.progress_bars():
        result = measure_pipeline(
            runners.renderer(rung),
            runners.tasks(rung, load_eval_set(EVAL_SET).items, images),
            scores.scorer,
            scores.judge,
            lambda home: _stores(settings, home),
            repeats=repeats,
            on_progress=lambda done, total: progress.report(f"pipeline {model}", done, total),
        )
    _written(result, out, "pipeline")
    if as_json:
        console.print_json(result)
        return
    console.print_table(f"{result['model']} on {result['hardware']}", list(result), [list(result.values())])


def _runners(settings: Settings, model: str, device: str | None) -> tuple["Runners", bool]:
    """Return what runs rungs of a model, and whether its pictures can be scored."""
    from plateful.benching.random_models import random_configs
    from plateful.benching.runners import Runners, random_version, weights_of

    if model in random_configs():
        return Runners(*random_version(model), device), False
    version = resolve_model(model, weights_root=settings.weight_root, catalog=settings.catalog)
    return Runners(version, weights_of(version), device), True


def _scores(settings: Settings) -> "QualityScores":
    from plateful.benching.scores import QualityScores
    from plateful.judging.judge import Judge
    from plateful.models.weight_root import part_folder
    from plateful.scoring.scorer import Scorer
    from plateful.vision.clip import TinyClip

    clip = TinyClip.load(part_folder(settings.clip, settings.weight_cache, settings.s3))
    return QualityScores(clip, Scorer(clip), Judge(clip))


def _stores(settings: Settings, home: Path) -> Adapters:
    return open_adapters(settings.model_copy(update={"home": home}))


def _written(result: dict[str, Any], folder: Path, kind: str) -> None:
    hardware = re.sub(r"[^a-z0-9]+", "-", result["hardware"].lower()).strip("-")
    path = folder / f"{kind}-{result['model']}-{hardware}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.err.print(f"written: {path}", markup=False, highlight=False)


def _show_ladder(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.print_json(result)
        return
    devices = list(result["rungs"][0]["costs"] | result["rungs"][-1]["costs"])
    columns = ["rung", "s/image", "images/s", "speed-up", "peak MB", "quality", "interval", "change (95 %)"]
    rows = []
    for rung in result["rungs"]:
        change = rung.get("quality_change_interval")
        costs = (rung["costs"].get(device) for device in devices)
        rows.append(
            [
                rung["name"] + (f" ({rung['note']})" if rung["note"] else ""),
                rung["seconds_per_image"],
                rung["images_per_second"],
                rung["speedup"],
                rung["peak_memory_mb"],
                rung["quality"],
                rung["quality_interval"],
                change,
                *(f"{c['usd_per_image']:.2g}{'*' if c['measured'] else ''}" if c else None for c in costs),
            ]
        )
    title = f"{result['model']} on {result['hardware']}; USD an image, * measured, others modelled"
    console.print_table(title, [*columns, *devices], rows)
