import numpy as np
import pytest

from feedtwin.columns import Columns, boundary, policy_view
from feedtwin.errors import BoundaryError, SchemaError
from feedtwin.schema.tables import Column, TableSpec

SPEC = TableSpec(
    "users",
    "user",
    "user",
    (
        Column("energy", "f4", (), "1", "Energy in [0, 1].", False, 1.0),
        Column("vector", "i1", (3,), "1", "A vector.", True),
    ),
)


@pytest.fixture
def users():
    return Columns(SPEC, 4)


def test_rows_begin_with_the_fill_value(users):
    assert users.energy.tolist() == [1.0] * 4
    assert users.vector.shape == (4, 3) and not users.vector.any()
    assert (users.energy.dtype, users.vector.dtype) == (np.float32, np.int8)


def test_a_write_outside_a_handler_is_an_error(users):
    for array in (users.energy, users.frozen.energy, users.energy[1:], users.energy.base):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    with pytest.raises(ValueError):
        users.energy.flags.writeable = True
    assert users.energy.tolist() == [1.0] * 4


def test_a_write_inside_a_handler_is_seen_by_readers_without_a_copy(users):
    seen = users.frozen.energy
    with users.writing():
        users.energy[1] = 0.5
        assert seen[1] == 0.5
        with pytest.raises(ValueError, match="read-only"):
            users.frozen.energy[0] = 0.0
    assert users.energy[1] == 0.5


def test_an_array_kept_from_a_handler_cannot_be_written_after_it(users):
    with users.writing():
        kept = users.energy
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 0.0


def test_permission_ends_with_the_handler_even_when_it_fails(users):
    with pytest.raises(RuntimeError), users.writing():
        users.energy[0] = 0.25
        raise RuntimeError
    assert not users.is_writing
    with pytest.raises(ValueError, match="read-only"):
        users.energy[0] = 0.0


def test_handlers_may_nest_and_the_outer_keeps_its_permission(users):
    with users.writing():
        with users.writing():
            users.energy[0] = 0.25
        users.energy[1] = 0.75
    assert users.energy[:2].tolist() == [0.25, 0.75]


def test_a_column_cannot_be_replaced(users):
    with pytest.raises(BoundaryError, match="user twin"), users.writing():
        users.energy = np.zeros(4)
    with pytest.raises(BoundaryError, match="publish an event"):
        users.frozen.energy = np.zeros(4)


def test_rows_are_added_only_inside_a_handler(users):
    with pytest.raises(BoundaryError, match="handler of the user twin"):
        users.grow(1)
    with users.writing():
        users.energy[3] = 0.5
        added = users.grow(2)
        users.vector[added] = 7
    assert (added.start, added.stop, len(users), len(users.frozen)) == (4, 6, 6, 6)
    assert users.energy.tolist() == [1.0, 1.0, 1.0, 0.5, 1.0, 1.0]
    assert users.frozen.vector[:, 0].tolist() == [0, 0, 0, 0, 7, 7]


def test_an_array_from_before_growth_cannot_swallow_a_write(users):
    with users.writing():
        old = users.energy
        users.grow(1)
        with pytest.raises(ValueError, match="read-only"):
            old[0] = 0.0


def test_growing_row_by_row_moves_the_store_a_few_times_only(users):
    stores = set()
    with users.writing():
        for _ in range(1000):
            users.grow(1)
            stores.add(users.frozen.energy.base.ctypes.data)
    assert len(users) == 1004
    assert len(stores) <= 7


def test_a_grown_row_holds_the_fill_value_even_where_room_was_used_before(users):
    with users.writing():
        users.grow(1)
        users.energy[4] = 0.0
    users.load_state({name: array[:4].copy() for name, array in users.state().items()})
    with users.writing():
        users.grow(1)
    assert users.energy[4] == 1.0


def test_a_saved_state_comes_back_equal(users):
    with users.writing():
        users.energy[:] = [0.1, 0.2, 0.3, 0.4]
        users.grow(3)
        users.vector[:] = 5
    other = Columns(SPEC, 1)
    other.load_state(users.state())
    assert len(other) == 7
    assert all((other.state()[name] == users.state()[name]).all() for name in users.state())
    with pytest.raises(ValueError, match="read-only"):
        other.energy[0] = 0.0


def test_a_loaded_state_is_a_copy(users):
    source = {name: array.copy() for name, array in users.state().items()}
    users.load_state(source)
    source["energy"][:] = 0.0
    assert users.energy.tolist() == [1.0] * 4


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"energy": None}, r"missing \['energy'\]"),
        ({"other": np.zeros(4)}, r"unknown \['other'\]"),
        ({"energy": np.zeros(4)}, "energy is float64"),
        ({"vector": np.zeros((4, 2), np.int8)}, r"vector is int8 \(2,\)"),
        ({"energy": np.zeros(5, np.float32)}, "lengths"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(users, change, problem):
    state = {**users.state(), **change}
    with pytest.raises(SchemaError, match=problem):
        users.load_state({name: array for name, array in state.items() if array is not None})
    assert users.energy.tolist() == [1.0] * 4


def test_a_policy_reads_only_what_the_platform_knows(users):
    view = policy_view(users)
    assert view.vector.shape == (4, 3)
    assert dir(view) == ["vector"]
    with pytest.raises(BoundaryError, match=r"may not read users\.energy"):
        _ = view.energy
    with pytest.raises(AttributeError, match="did you mean 'vector'"):
        _ = view.vectr
    with pytest.raises(BoundaryError, match="may not write"):
        view.vector = 1
    with pytest.raises(ValueError, match="read-only"):
        view.vector[0] = 1


def test_a_boundary_names_who_wrote(users):
    with pytest.raises(BoundaryError, match=r"content\.on_x: wrote"), boundary("content.on_x"):
        users.energy[0] = 0.0
    with pytest.raises(ValueError, match="other"), boundary("content.on_x"):
        raise ValueError("other")


def test_an_unknown_column_suggests_the_nearest(users):
    with pytest.raises(AttributeError, match="did you mean 'energy'"):
        _ = users.enery
    with pytest.raises(AttributeError, match="did you mean 'energy'"):
        _ = users.frozen.enery


def test_a_column_may_not_hide_a_method():
    with pytest.raises(SchemaError, match="'grow' is taken"):
        Columns(TableSpec("t", "user", "user", (Column("grow", "u1", (), "1", "x.", True),)), 1)


def test_bytes_count_every_column(users):
    assert users.nbytes == 4 * SPEC.row_bytes
