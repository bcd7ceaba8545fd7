"""Who words a prompt: one protocol, the template grammar, and what a writer is told.

A writer decides on the words alone. What the picture must show is decided before it, from the record, by the
scene and the contract, which are the same for every writer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from plateful.errors import PlatefulError
from plateful.prompts.scene import Scene, slots_of
from plateful.prompts.templates import Template

# CLIP reads 77 tokens a chunk; a longer prompt becomes several, and its end weighs little.
MAX_PROMPT = 400


class PromptRefusedError(PlatefulError):
    """One request's prompt is refused; the others go on. `reason` is the name that the UI counts."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(
            f"{reason}: {detail}", fix="correct the record, or let the template grammar write it"
        )
        self.reason = reason


@dataclass(frozen=True)
class Brief:
    """What one prompt is about.

    `products` are TRANSLATED_PRODUCTS rows, the lead first; `lines` is the contract; `record_hash` is that of
    the product or group.
    """

    request_id: str
    template: Template
    scene: Scene
    products: Sequence[Mapping[str, Any]]
    lines: Sequence[Mapping[str, Any]]
    record_hash: str


class PromptWriter(Protocol):
    """Words prompts."""

    @property
    def name(self) -> str:
        """Who it is and in which version, as written into PROMPTS.writer."""
        ...

    @property
    def parallel(self) -> int:
        """How many briefs may be worked on at once, at least 1."""
        ...

    def write(self, brief: Brief) -> str:
        """Return a prompt of 1 to MAX_PROMPT characters of plain ASCII.

        Raises:
            PromptRefusedError: no prompt for this one; others may have theirs.
            EndpointError: the service behind it does not answer; nobody gets one now.
        """
        ...


class GrammarWriter:
    """Fills the template with the scene: deterministic, in the words of the embedded model's captions."""

    name = "grammar@1"
    parallel = 1

    def write(self, brief: Brief) -> str:
        """Return the filled template."""
        return grammar_prompt(brief.scene, brief.template)


def grammar_prompt(scene: Scene, template: Template) -> str:
    """Return a scene in a template's words, cut between words at MAX_PROMPT characters."""
    text = template.fill(slots_of(scene, template))
    return text if len(text) <= MAX_PROMPT else text[:MAX_PROMPT].rpartition(" ")[0].rstrip(" ,")
