import pytest

from feedtwin.errors import SchemaError
from feedtwin.schema.tables import TABLES, Column, TableSpec, declare, tables

ENERGY = Column("energy", "f4", (), "1", "Energy in [0, 1].", False)
VECTOR = Column("vector", "i1", (50,), "1/127", "Compact vector.", True)


def test_a_row_takes_the_bytes_of_its_columns():
    spec = TableSpec("t", "user", "user", (ENERGY, VECTOR))
    assert spec.row_bytes == 4 + 50
    assert spec.column("vector") is VECTOR


def test_a_wrong_declaration_is_refused():
    with pytest.raises(SchemaError, match="declared twice"):
        TableSpec("t", "user", "user", (ENERGY, ENERGY))
    with pytest.raises(SchemaError, match="no twin"):
        TableSpec("t", "usr", "user", (ENERGY,))
    with pytest.raises(SchemaError, match="not a number type"):
        Column("name", "str", (), "1", "x.", False)
    with pytest.raises(SchemaError, match="did you mean 'energy'"):
        TableSpec("t", "user", "user", (ENERGY,)).column("enrgy")


def test_a_declared_table_is_listed_and_its_name_is_taken(monkeypatch):
    monkeypatch.setitem(TABLES, "t_listed", TableSpec("t_listed", "user", "user", (ENERGY,)))
    assert any(row["table"] == "t_listed" and row["column"] == "energy" for row in tables())
    with pytest.raises(SchemaError, match="declared twice"):
        declare(TableSpec("t_listed", "content", "item", (VECTOR,)))
