import pytest

from proxy.errors import RequestInvalid
from proxy.settings import Limits
from proxy.wire.draft import Draft
from proxy.wire.openai_chat.fields import SCHEMA
from proxy.wire.openai_fields import FAMILIES


def test_a_refused_family_is_refused_by_how_a_name_begins_unless_the_name_itself_is_known() -> None:
    for beginning, field in FAMILIES.items():
        with pytest.raises(RequestInvalid, match="is not accepted"):
            SCHEMA.read(Draft(Limits()), {beginning + "anything": 1})
        assert field.fate == "refused"


def test_an_unknown_field_is_refused() -> None:
    for name in ("", "surprise", "MODEL", "model ", "mеssages"):
        with pytest.raises(RequestInvalid):
            SCHEMA.read(Draft(Limits()), {name: 1})


def test_an_unknown_field_is_left_out_and_counted_where_the_operator_wants() -> None:
    draft = Draft(Limits(unknown_fields="drop"))
    message = {"role": "user", "content": [{"type": "text", "text": "x", "extra": "y"}], "weird": "z"}
    SCHEMA.read(draft, {"model": "m", "messages": [message], "surprise": "words", "a name": 1})
    assert draft.dropped == ["surprise", "?", "messages/0/content/0/extra", "messages/0/weird"]
    part = {"type": "text", "text": "x"}
    assert draft.body == {"model": "m", "messages": [{"role": "user", "content": [part]}]}


def test_what_hangs_on_another_field_is_read_after_it() -> None:
    governed = [name for name, _ in SCHEMA.governed]
    assert governed.index("tools") < governed.index("tool_choice")
    assert governed.index("stream") < governed.index("stream_options")
