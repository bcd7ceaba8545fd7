"""Models, and the services that word, translate and render: weights, keys and whether somebody answers."""

import os
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path

from plateful.doctor.findings import Result, ok, warn
from plateful.environments import Environment, Settings
from plateful.errors import ConfigError, EndpointError
from plateful.models.catalog import load_catalog, served_names
from plateful.models.digests import verify_digests
from plateful.models.versions import resolve_model
from plateful.models.weight_root import RemoteWeights, part_folder, weight_place
from plateful.models.weight_store import read_record
from plateful.prompts.profiles import load_profile
from plateful.translation.profiles import CTranslate2Profile, GoogleProfile, profile_named

ANSWER_SECONDS = 10.0
GOOGLE_KEY = "GOOGLE_APPLICATION_CREDENTIALS"


def check_model(settings: Settings) -> Result:
    """Verify every weight file of the model in use, or that a hosted one has its key."""
    root, names = settings.weight_root, served_names(load_catalog(settings.catalog))
    own = names[settings.model][0].weights if settings.model in names else None
    if own and isinstance(root, RemoteWeights):
        place = weight_place(root, own.folder, own.s3)
        waiting = _not_fetched(place, own.sha256, settings)
        if waiting:
            return ok(f"{settings.model}: {waiting}")
    version = resolve_model(settings.model, root, catalog=settings.catalog)
    if version.folder is not None:
        return ok(f"{version.name}: weights in {version.folder} are the recorded ones")
    entry, _ = names[settings.model]
    if entry.endpoint is None or os.environ.get(entry.endpoint.key, "").strip():
        return ok(f"{version.name}: hosted, its key is set")
    raise ConfigError(
        f"model {settings.model!r} is hosted and has no key", fix=f"set {entry.endpoint.key} to the key"
    )


def check_judge(settings: Settings) -> Result:
    """Verify the CLIP that gates and judge look through."""
    if "://" in settings.clip:
        waiting = _not_fetched(settings.clip.rstrip("/").rpartition("/")[0], None, settings)
        if waiting:
            return ok(waiting)
    folder = part_folder(settings.clip, settings.weight_cache, settings.s3)
    verify_digests(folder.parent, folder.name)
    return ok(f"{folder}: the recorded files")


def _not_fetched(place: str, digest: str | None, settings: Settings) -> str | None:
    """Say what a bucket has that this node has not fetched yet, None when it has; downloads nothing."""
    record = read_record(place, digest, settings.s3)
    if (settings.weight_cache / record.digest).is_dir():
        return None
    return f"{len(record.files)} files of version {record.digest[:12]} in {place}, fetched at their first use"


def check_writer(settings: Settings) -> Result:
    """See that the prompt writer's endpoint has address, model and key, and answers."""
    profile = load_profile(settings.writer, url=settings.writer_url, model=settings.writer_model)
    endpoint = profile.endpoint
    if endpoint is None:
        return ok(f"{settings.writer}: template grammar, no service")
    missing = [
        variable
        for variable, value in (
            ("PLATEFUL_WRITER_URL", endpoint.url),
            ("PLATEFUL_WRITER_MODEL", endpoint.model),
            (endpoint.key_from, os.environ.get(endpoint.key_from) if endpoint.key_from else "none needed"),
        )
        if not value
    ]
    if missing or endpoint.url is None:
        raise ConfigError(
            f"writer {settings.writer!r} lacks {', '.join(map(str, missing))}", fix="set what is missing"
        )
    key = os.environ.get(endpoint.key_from, "") if endpoint.key_from else ""
    _ask(f"{endpoint.url.rstrip('/')}/models", "the writer's endpoint", f"see {endpoint.key_from}", key)
    return ok(f"{settings.writer}: {endpoint.model} at {endpoint.url} answers")


def check_translator(settings: Settings) -> Result:
    """See that the translator has its project and credentials, or its models."""
    profile = profile_named(settings.translator)
    if isinstance(profile, GoogleProfile):
        if not settings.translator_project:
            raise ConfigError(
                f"translator {settings.translator!r} needs a cloud project",
                fix="set PLATEFUL_TRANSLATOR_PROJECT",
            )
        key = os.environ.get(GOOGLE_KEY)
        if key is None:
            return warn(f"{GOOGLE_KEY} is not set", "set it, unless this machine's own account may translate")
        if not Path(key).is_file():
            raise ConfigError(
                f"{GOOGLE_KEY}={key!r} is not a file", fix="mount the service account's key there"
            )
        return ok(f"{settings.translator}: project {settings.translator_project}, credentials in a file")
    if isinstance(profile, CTranslate2Profile):
        folder = settings.translator_weights
        if folder is None or not folder.is_dir():
            raise ConfigError(
                f"translator {settings.translator!r} has no models in {str(folder)!r}",
                fix="set PLATEFUL_TRANSLATOR_WEIGHTS to the folder that holds zh-en, ar-en, ...",
            )
        return ok(f"{settings.translator}: models in {folder}")
    return ok(f"{settings.translator}: no service")


def check_gpu(settings: Settings) -> Result:
    """Name the GPU, if there is one."""
    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return ok(f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}, {memory:.0f} GiB")
    if settings.env is Environment.PRODUCTION:
        return warn("none on this machine", "nothing to do here; steps that render need a pod with one")
    return ok("none: pictures are rendered on the CPU")


def check_mlflow_answers(address: str) -> None:
    """Return when an MLflow server answers.

    Raises:
        EndpointError: it does not.
    """
    _ask(f"{address.rstrip('/')}/health", "MLflow", "see PLATEFUL_MLFLOW_URL and that the server runs")


def _ask(url: str, what: str, fix: str, key: str = "") -> None:
    """Return when a service answers and lets us in; that it does not know the path counts as an answer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the operator's own address
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310
            return
    except urllib.error.HTTPError as fault:
        if fault.code in (401, 403):
            raise EndpointError(f"{what} at {url} refuses our key: {fault.code}", fix=fix) from None
        if fault.code >= 500 and fault.code != HTTPStatus.NOT_IMPLEMENTED:
            raise EndpointError(f"{what} at {url} answers {fault.code}", fix="look at the service") from None
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "reason", fault)
        raise EndpointError(f"{what} at {url} does not answer: {reason}", fix=fix) from None
