"""The matrix on the page is what is observed."""

from docs.coverage import PAGE, page


def test_the_page_tells_what_is_observed() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "make it anew: python -m docs.coverage"
