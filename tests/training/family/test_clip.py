"""What a caption says of a plate, as the text tower's labels take it."""

import pytest

from training.family.clip import words_said

VALUES = ["apple", "cream", "cream sauce", "egg", "ice", "nuts", "pineapple", "warm neutral", "wood"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("salad on a wooden board", set()),
        ("salad on a wood background", {"wood"}),
        ("glass of juice with ice", {"ice"}),
        ("donuts with pineapple", {"pineapple"}),
        ("pasta with cream sauce and egg", {"cream sauce", "egg"}),
        ("tart with cream, cream sauce on the side", {"cream", "cream sauce"}),
        ("veggie bowl, warm neutral background", {"warm neutral"}),
    ],
)
def test_only_whole_words_are_said(text: str, said: set[str]) -> None:
    assert words_said(text, VALUES) == said
