"""Only rows that carry nothing but a name can be headings."""

import pytest

from plateful.products.headings import is_section_heading


@pytest.mark.parametrize(
    "name",
    [
        "—— 面食 ——",
        "*** İÇECEKLER ***",
        "VORSPEISEN",
        "Sobremesas:",
        "【招牌推薦】",
        "-- SIDES --",
        "المشروبات",
        "เครื่องดื่ม",
        "Starters：",
    ],
)
def test_bare_headings(name: str) -> None:
    assert is_section_heading(name, "", bare=True)


@pytest.mark.parametrize("name", ["Getränke", "--- DRINKS ---", "Salads:"])
def test_a_row_with_a_price_or_description_is_never_a_heading(name: str) -> None:
    assert not is_section_heading(name, "", bare=False)


@pytest.mark.parametrize(
    "name", ["BLT", "Soup", "PICCATA ALLA MILANESE", "Pizza", "Salad", "7-Up", "Half & Half", "主食套餐A"]
)
def test_dishes_without_anything_else_stay(name: str) -> None:
    assert not is_section_heading(name, "Mains", bare=True)


def test_the_name_of_its_own_category_is_a_heading() -> None:
    assert is_section_heading("Hawker Favourites", "hawker favourites", bare=True)


@pytest.mark.parametrize(
    "name", ["ANTIPASTI", "Hot Drinks", "Heiße Getränke", "Bebidas", "Chef's Specials", "甜點", "음료"]
)
def test_menu_words_of_many_languages(name: str) -> None:
    assert is_section_heading(name, "", bare=True)
