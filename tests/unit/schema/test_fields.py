import numpy as np
import pytest

from feedtwin.errors import SchemaError
from feedtwin.schema.actions import ACTIONS, OASIS_ALIASES, PAPER_ALIASES, action, to_oasis
from feedtwin.schema.codes import SessionEnd
from feedtwin.schema.events import EVENTS, Event, event
from feedtwin.schema.fields import DTYPES, Field
from feedtwin.schema.nearest import nearest, suggest


def test_a_field_with_an_unknown_type_is_refused():
    with pytest.raises(SchemaError, match="dtype 'u3'"):
        Field("x", "u3", "1", "x")


@pytest.mark.parametrize("name", ["Step", "a-b", "1x", ""])
def test_a_field_name_is_a_lower_case_word(name):
    with pytest.raises(SchemaError, match="lower-case"):
        Field(name, "u1", "1", "x")


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_and_arrow_agree_on_every_type(dtype):
    field = Field("x", dtype, "s", "A time.")
    arrow = field.arrow()
    assert not arrow.nullable
    assert arrow.metadata == {b"unit": b"s", b"meaning": b"A time."}
    if dtype != "str":
        assert np.dtype(arrow.type.to_pandas_dtype()) == field.numpy_dtype


def test_a_code_field_lists_its_codes():
    row = Field("cause", "u1", "code", "Why.", SessionEnd).as_row()
    assert row["codes"] == {"1": "boredom", "2": "energy", "3": "cap", "4": "feed_exhausted"}


def test_an_event_refuses_a_field_declared_twice_and_an_unknown_twin():
    step = Field("step", "u4", "step", "When.")
    with pytest.raises(SchemaError, match="declared twice"):
        Event(1, "X", "user", ("user",), (step, step), "+", "x")
    with pytest.raises(SchemaError, match="no twin is called 'usr'"):
        Event(1, "X", "usr", ("user",), (step,), "+", "x")


def test_an_event_packs_its_fields_without_gaps_in_declared_order():
    watched = EVENTS["VIDEO_WATCHED"]
    assert watched.dtype.names == tuple(watched.numpy_dtypes) == tuple(watched.arrow.names)
    assert watched.dtype.itemsize == sum(t.itemsize for t in watched.numpy_dtypes.values())


def test_an_unknown_event_suggests_the_nearest():
    with pytest.raises(SchemaError, match="did you mean 'VIDEO_WATCHED'"):
        event("VIDEO_WACHED")


def test_an_action_is_found_by_its_oasis_and_its_paper_name():
    assert action("sign_up").name == "SIGNUP"
    assert action("LIKE") is action("LIKE_VIDEO") is ACTIONS["LIKE_VIDEO"]
    with pytest.raises(SchemaError, match="did you mean 'REPOST'"):
        action("REPOSTT")


def test_every_oasis_name_comes_back_as_it_went():
    assert all(to_oasis(action(name).name) == name for name in OASIS_ALIASES)
    assert to_oasis("CREATE_VIDEO") is None
    assert set(PAPER_ALIASES) == {"LIKE", "SHARE", "COMMENT", "DUET", "STITCH"}


def test_the_nearest_name_forgives_a_forgotten_prefix():
    known = ["user.memory.tau_h", "promotion.velocity_gate", "on"]
    assert nearest("velocity_gate", known) == "promotion.velocity_gate"
    assert nearest("user.memory.tau", known) == "user.memory.tau_h"
    assert suggest("nothing_like_it", known) == ""
