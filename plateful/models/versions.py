"""Model versions: one immutable set of weights with its serving profile.

Its digest goes into every candidate id. A hosted model has no weights here: its digest covers its address
and profile, and what its provider changes behind that name shows in the stored pictures alone.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from plateful.errors import ConfigError, ModelError
from plateful.identity import content_hash
from plateful.models.catalog import CATALOG_FILE, CatalogEntry, load_catalog, served_names
from plateful.models.digests import DIGESTS, verified
from plateful.models.profile import HostedProfile, ServingProfile
from plateful.models.weight_root import WeightRoot, weight_folder

WEIGHTS_ROOT = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class ModelVersion:
    """One immutable model with its serving profile. Two versions are equal when their digests are.

    Attributes:
        model: catalog name.
        digest: sha256 over the digests of all weight files and the profile.
        profile: how it is run.
        entry: its catalog entry.
        folder: local folder of its weights, e.g. with `pipeline/` and `tiny_vae/`; None for a hosted model.
    """

    model: str
    digest: str
    profile: ServingProfile | HostedProfile = field(compare=False)
    entry: CatalogEntry = field(compare=False)
    folder: Path | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Short name for people and partitions, e.g. plateful-tiny-1a2b3c4d5e6f."""
        return f"{self.model}-{self.digest[:12]}"

    @property
    def own(self) -> tuple[Path, ServingProfile]:
        """Weights folder and profile of a model that runs here.

        Raises:
            ModelError: it is hosted.
        """
        if self.folder is None or not isinstance(self.profile, ServingProfile):
            raise ModelError(
                f"model {self.model!r} is hosted by {self.entry.provider}, there is nothing to load",
                fix="use a model with weights of its own",
            )
        return self.folder, self.profile


def resolve_model(
    name: str, weights_root: WeightRoot | None = None, *, catalog: Path = CATALOG_FILE, trial: bool = False
) -> ModelVersion:
    """Return the model version behind a catalog name, with every weight file verified.

    Args:
        name: catalog id, or `<id>-<profile>`.
        weights_root: the folder, or place in a bucket, that holds one per set of weights (default: those
            shipped).
        catalog: the catalog file.
        trial: allow a candidate model, for pictures that nobody publishes.

    Raises:
        ConfigError: the name is not in the catalog, its status or its licence forbids serving it.
        ModelError: weights are absent, altered, unrecorded, or not safetensors.
        StoreError: the bucket that holds them refused or did not answer.
    """
    names = served_names(load_catalog(catalog))
    if name not in names:
        raise ConfigError(f"model {name!r} is not in the catalog", fix=f"use one of {', '.join(names)}")
    entry, profile = names[name]
    _admit(entry, trial=trial)
    return model_version(entry, weights_root or WEIGHTS_ROOT, profile=entry.profiles[profile])


def _admit(entry: CatalogEntry, *, trial: bool) -> None:
    if not entry.licence.allowed:
        raise ConfigError(
            f"model {entry.id!r}: licence {entry.licence.name!r} does not allow commercial use",
            fix="use another model, or record who waived it under licence.waiver in the catalog",
        )
    if entry.status == "retired" or (entry.status == "candidate" and not trial):
        raise ConfigError(
            f"model {entry.id!r} is {entry.status}, only validated models serve",
            fix="use a validated model; a candidate can be tried with `plateful render` and "
            "`plateful compare --models`",
        )


def model_version(
    entry: CatalogEntry, weights_root: WeightRoot, profile: ServingProfile | HostedProfile | None = None
) -> ModelVersion:
    """Return the version of a catalog entry; raises ModelError as `resolve_model` does."""
    run = profile or entry.profile_named()
    model = entry.served_name(run.name) if run.name in entry.profiles else entry.id
    if entry.weights is None:
        # With its address: two servers may call different models by one name.
        where = entry.endpoint.url if entry.endpoint else None
        asked = {"provider": entry.provider, "endpoint": where, "profile": run.model_dump(exclude_none=True)}
        digest = content_hash(asked)
        return ModelVersion(model, digest, run, entry)
    weights = entry.weights
    folder = weight_folder(weights_root, weights.folder, weights.sha256, weights.s3)
    if not folder.is_dir():
        raise ModelError(
            f"model {entry.id!r}: its weights folder {entry.weights.folder!r} is absent",
            fix=_where_from(entry),
        )
    digests = verified(folder)
    _pinned(entry, folder)
    # Without what is not set, so that a new optional field leaves old versions what they were.
    digest = content_hash({"weights": digests, "profile": run.model_dump(exclude_none=True)})
    return ModelVersion(model, digest, run, entry, folder)


def _where_from(entry: CatalogEntry) -> str:
    source = entry.weights and (entry.weights.s3 or entry.weights.hub)
    if source is None:
        return "run `make models`, or point PLATEFUL_WEIGHTS at the folder that holds it"
    return f"bring {source} there with its {DIGESTS}, and point PLATEFUL_WEIGHTS at the folder that holds it"


def _pinned(entry: CatalogEntry, folder: Path) -> None:
    pinned = entry.weights.sha256 if entry.weights else None
    if pinned and sha256((folder / DIGESTS).read_bytes()).hexdigest() != pinned:
        raise ModelError(
            f"model {entry.id!r}: {DIGESTS} is not the one that the catalog pins ({pinned[:12]})",
            fix="restore the weights, or correct weights.sha256 in the catalog",
        )
