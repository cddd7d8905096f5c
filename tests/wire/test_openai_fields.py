import pytest

from docs.openai_chat import FATES, PAGE, page
from proxy.errors import RequestInvalid
from proxy.wire.openai_fields import FAMILIES, FIELDS, GOVERNED, field_of
from proxy.wire.openai_messages import MEMBERS, PARTS


def test_the_page_tells_every_field_and_its_fate_as_the_code_has_it() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "make it anew: python -m docs.openai_chat"
    for name in (*FIELDS, *MEMBERS, *PARTS):
        assert f"| `{name}` |" in text


def test_every_fate_is_explained() -> None:
    assert {field.fate for field in FIELDS.values()} == set(FATES)


def test_a_refused_family_is_refused_by_how_a_name_begins_unless_the_name_itself_is_known() -> None:
    for beginning, field in FAMILIES.items():
        assert field_of(beginning + "anything") is field
        assert field.fate == "refused"


def test_an_unknown_field_is_refused() -> None:
    for name in ("", "surprise", "MODEL", "model ", "mеssages"):
        with pytest.raises(RequestInvalid):
            field_of(name)


def test_what_hangs_on_another_field_is_read_after_it() -> None:
    assert GOVERNED.index("tools") < GOVERNED.index("tool_choice")
    assert GOVERNED.index("stream") < GOVERNED.index("stream_options")
