"""The HTML contact sheet: self-contained, escaped, complete, and alive in a real browser."""

import re
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from plateful.errors import StoreError
from plateful.models.catalog import load_catalog
from plateful.models.versions import WEIGHTS_ROOT, model_version
from plateful.reporting.cards import REPORT_TABLES, CountryTables
from plateful.reporting.report import reason_gate, reason_label, share_text, write_report
from plateful.vision.image_io import open_stored
from plateful.vision.likeness import same_pixels
from tests.plateful.reporting.pictures import Pictures, drawing
from tests.plateful.reporting.sample import NOON, everything, fill

GPT_IMAGE = model_version(load_catalog()["gpt-image"], WEIGHTS_ROOT)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=2000",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = Pictures()
    summary, countries = everything(pictures)
    path = tmp_path_factory.mktemp("report") / "demo" / "report.html"
    return write_report(
        path, summary, countries, read_image=pictures.get, generated_at=NOON, hosted=GPT_IMAGE
    )


def test_page_asks_for_nothing_over_the_network(report: Path) -> None:
    html = report.read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|srcset|data|poster)="([^"]+)"', html)
    assert sources and all(source.startswith("data:image/webp;base64,") for source in sources)
    assert not re.findall(r"<link|@import|url\(", html)
    assert "default-src 'none'" in html and "unsafe-inline" not in html and 'style="' not in html


def test_menu_text_is_escaped(report: Path) -> None:
    html = report.read_text(encoding="utf-8")
    assert "<script>alert(1)" not in html and "&lt;script&gt;alert(1)" in html
    assert html.count("<script>") == 1


def test_every_product_candidate_reason_and_address_is_there(report: Path) -> None:
    html = report.read_text(encoding="utf-8")
    _, countries = everything(Pictures())
    for country in countries:
        for name in country.tables["translated_products"]["name"]:
            assert f'<h3 dir="auto">{name}</h3>' in html
        for url in country.tables["published_images"]["url"]:
            assert url in html
    assert html.count('<article class="card') == 17
    pictures = html.count('alt="Candidate'), html.count('alt="After, candidate')
    assert pictures == (24, 8), "two of 34 candidates were quarantined and have no picture"
    for words in (
        "Passed, not chosen",
        "Quality: blur",
        "Safety: text",
        "Render: not finite",
        "not repainted: <bdi>not a dish: text</bdi>",
        "Section heading",
        "خصم 50%",
    ):
        assert words in html
    assert not re.findall(r"<img(?![^>]*alt=)", html)


def test_repainted_photos_stand_beside_the_originals_with_what_was_left_alone(report: Path) -> None:
    html = report.read_text(encoding="utf-8")
    section = html[html.index("Vendor photos, repainted") : html.index("What this request would become")]
    strips = section.split("<article")[1:]
    assert len(strips) == 4
    pictures = Pictures()
    _, countries = everything(pictures)
    for tables, strip in zip(countries, strips, strict=True):
        key = f"{tables.country}{1:014d}c0"
        photo, after = (open_stored(pictures.get(k)) for k in (f"photo-{tables.country}-2", key))
        assert f"<b>{share_text(same_pixels(photo, after))}</b> of the photo's pixels untouched" in strip
        places = [strip.index(word) for word in ("Before", "Mask", "After")]
        assert places == sorted(places)
        assert len(set(re.findall(r'src="([^"]+)"', strip))) == 3
        assert "Waiting for review</span>" in strip
        assert f'href="#card-{key[:-2]}"' in strip and f'id="card-{key[:-2]}"' in html


@pytest.mark.parametrize(
    ("state", "badge", "note"),
    [
        ("approved", "Rejected", "A picture from text is published instead."),
        ("pending_review", "Rejected", "A picture from text waits for review instead."),
        ("rejected", "Rejected", None),
    ],
)
def test_a_repainting_never_bears_what_became_of_the_picture_from_text(
    tmp_path: Path, state: str, badge: str, note: str | None
) -> None:
    pictures = Pictures()
    summary, countries = everything(pictures)
    request = f"{countries[0].country}{1:014d}"
    passed_over = _passed_over(countries[0], request, state)
    path = write_report(
        tmp_path / "r.html", summary, [passed_over], read_image=pictures.get, generated_at=NOON
    )
    section = path.read_text(encoding="utf-8").partition("Vendor photos, repainted")[2]
    strip = next(s for s in section.split("<article")[1:] if f'href="#card-{request}"' in s)
    assert f">{badge}</span>" in strip.partition("</header>")[0]
    assert ("A picture from text" in strip) is (note is not None)
    assert (note or "") in strip


def _passed_over(tables: CountryTables, request: str, state: str) -> CountryTables:
    """Return a country's tables where a request's repainting failed, and its candidate from text did not."""
    repainted, text = f"{request}c0", f"{request}c1"
    changed = dict(tables.tables)

    def put(table: str, column: str, key: str, **values: object) -> None:
        frame = changed[table]
        new = {name: pl.lit(value, dtype=frame.schema[name]) for name, value in values.items()}
        changed[table] = frame.with_columns(
            pl.when(pl.col(column) == key).then(value).otherwise(name).alias(name)
            for name, value in new.items()
        )

    put("generated_candidates", "candidate_id", text, route="text_to_image", init_sha256=None)
    put("accepted_candidates", "candidate_id", repainted, accepted=False, reasons=["quality:blur"])
    put("accepted_candidates", "candidate_id", text, accepted=True, reasons=[])
    chosen = None if state == "rejected" else text
    put("review_decisions", "request_id", request, status=state, candidate_id=chosen)
    if state == "approved":
        product = changed["prompts"].filter(request_id=request)["subject"].item()
        live = {"image_id": f"{request}abcd", "product_id": product, "candidate_id": text}
        first = changed["published_images"].head(1)
        columns = (pl.lit(value).alias(name) for name, value in live.items())
        changed["published_images"] = pl.concat([changed["published_images"], first.with_columns(columns)])
    return CountryTables(tables.country, tables.name, changed)


def test_a_report_without_a_hosted_model_has_no_receipt_of_one(tmp_path: Path) -> None:
    pictures = Pictures()
    summary, countries = everything(pictures)
    path = write_report(tmp_path / "r.html", summary, countries, read_image=pictures.get, generated_at=NOON)
    assert "would become" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (1, "100 %"), (0.99996, "99.9 %"), (0.00001, "0.1 %"), (0.5096, "51.0 %")]
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float, text: str) -> None:
    assert share_text(share) == text


def test_waiting_products_come_first_and_a_large_country_is_cut_with_a_note(tmp_path: Path) -> None:
    pictures = Pictures()
    summary, countries = everything(pictures)
    path = tmp_path / "report.html"
    write_report(path, summary, countries, read_image=pictures.get, generated_at=NOON, cards_per_country=2)
    html = path.read_text(encoding="utf-8")
    assert re.findall(r'data-status="(\w+)"', html)[:2] == ["pending_review", "published"]
    assert "4 more products are not shown" in html


def test_two_hundred_and_fifty_products_stay_below_eight_megabytes(tmp_path: Path) -> None:
    drawn = {(name, side): drawing(name, 3, side) for name in ("pizza", "sushi") for side in (128, 160)}
    pictures = Pictures()
    summary, countries = everything(
        pictures, lambda _, seed, side=128: drawn["pizza" if seed % 2 else "sushi", side], repeat=15
    )
    path = write_report(tmp_path / "r.html", summary, countries, read_image=pictures.get, generated_at=NOON)
    assert summary["total"]["without_images"] == 255
    assert path.stat().st_size < 8_000_000


def test_an_interrupted_write_leaves_the_old_report(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    pictures = Pictures()
    summary, countries = everything(pictures)
    pictures.content.popitem()
    with pytest.raises(StoreError, match="is missing"):
        write_report(path, summary, countries, read_image=pictures.get, generated_at=NOON)
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_empty_country_and_feed_rejects(tmp_path: Path) -> None:
    tables = {name: fill(name, []) for name in REPORT_TABLES}
    counts = dict.fromkeys(
        (
            "rows_in",
            "rows_rejected",
            "products",
            "without_images",
            "published",
            "pending_review",
            "rejected",
            "quarantined",
            "candidates",
            "rendered_now",
            "accepted",
        ),
        0,
    ) | {"seconds": {}}
    summary = {
        "model": "plateful-tiny",
        "model_version": "f" * 64,
        "feed": {"rows_in": 1, "rows_without_country": 1},
        "countries": {"MT": counts},
        "total": counts,
    }
    rejects = fill("rejects", [{"file": "f.csv", "row": 1, "reason": "unknown_country", "detail": "XX"}])
    path = write_report(
        tmp_path / "r.html",
        summary,
        [CountryTables("MT", "Malta", tables)],
        read_image=Pictures().get,
        generated_at=NOON,
        feed_rejects=rejects,
    )
    assert "1 feed rows belong to no country" in path.read_text(encoding="utf-8")


def test_missing_table_is_named() -> None:
    with pytest.raises(StoreError, match=r"MT: tables \['rejects'"):
        CountryTables("MT", "Malta", {"prompts": pl.DataFrame()})


@pytest.mark.parametrize(
    ("reason", "label", "gate"),
    [
        ("quality:blur", "Quality: blur", "quality"),
        ("missing_name", "Missing name", "other"),
        ("odd:x", "odd: x", "other"),
    ],
)
def test_reasons_in_words(reason: str, label: str, gate: str) -> None:
    assert (reason_label(reason), reason_gate(reason)) == (label, gate)


def in_browser(address: str, profile: Path) -> subprocess.CompletedProcess[str]:
    flags = [*FLAGS, f"--user-data-dir={profile}", "--enable-logging=stderr", "--dump-dom", address]
    return subprocess.run([str(BROWSER), *flags], capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on PATH; `apt-get install chromium` lets this test run"
)
@pytest.mark.parametrize(
    ("view", "count", "hidden"),
    [
        ("", 17, 0),
        ("#status=pending_review", 4, 13),
        ("#country=CN&reason=quality%3Ablur", 2, 15),
        ("#words=%D8%B4%D8%A7%D9%88%D8%B1%D9%85%D8%A7", 1, 16),
        ("#words=nothing+like+it", 0, 17),
        ("#country-DE", 17, 0),
    ],
)
def test_filters_work_in_a_browser_under_the_policy(
    report: Path, tmp_path: Path, view: str, count: int, hidden: int
) -> None:
    run = in_browser(report.as_uri() + view, tmp_path)
    assert f'<output aria-live="polite">{count} of 17 products</output>' in run.stdout
    assert len(re.findall(r'<article class="card[^>]* hidden=""', run.stdout)) == hidden
    assert "Content Security Policy" not in run.stderr and "Uncaught" not in run.stderr
