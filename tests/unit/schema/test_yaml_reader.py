import pytest

from feedtwin.errors import SettingsError
from feedtwin.schema.yaml_reader import flatten, read_document, read_file, scalar


def test_values_keep_their_types_and_paths_their_lines():
    document = read_document("a:\n  b: 1\n  c: [0.5, x]\nd: '1'\ne: null\n", "w.yaml")
    assert document.values == {"a": {"b": 1, "c": [0.5, "x"]}, "d": "1", "e": None}
    assert document.at("a.c") == "w.yaml, line 3"
    assert document.at("nowhere") == "w.yaml"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\na: 2\n", 2, "key 'a' appears twice"),
        ("a:\n  b: 1\n  b: 2\n", 3, "key 'b' appears twice"),
        ("a: &x 1\n", 1, "anchors"),
        ("b: *x\n", 1, "aliases"),
        ("\na: !!python/object:os.system x\n", 2, "tags are not allowed"),
        ("a: !local {b: 1}\n", 1, "tags are not allowed"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("? [1]\n: 2\n", 1, "a key must be a plain word"),
        ("a: [1\n", None, "not readable as YAML"),
        ("- 1\n", None, "expected `key: value`"),
        ("", None, "found nothing"),
    ],
)
def test_what_hides_a_value_is_refused_with_its_line(text, line, problem):
    with pytest.raises(SettingsError, match=problem) as caught:
        read_document(text, "w.yaml")
    assert str(caught.value).startswith(f"w.yaml, line {line}:" if line else "w.yaml")


def test_a_file_in_another_encoding_is_named_with_the_byte(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_bytes("name: caf\u00e9\n".encode("latin-1"))
    with pytest.raises(
        SettingsError, match=r"w\.yaml: byte 9 is no UTF-8; expected a text file in UTF-8"
    ):
        read_file(path)
    with pytest.raises(SettingsError, match="mine: byte 9"):
        read_file(path, "mine")
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none.yaml")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_file(tmp_path)


def test_a_bomb_of_nesting_is_refused():
    with pytest.raises(SettingsError, match="nested deeper"):
        read_document("a: " + "[" * 40 + "]" * 40, "w.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-1e-3", -0.001), ("1_000", 1000), ("true", True), ("~", None), (".5", 0.5),
     ("yes", "yes"), ("-.inf", float("-inf")), ("1.2.3", "1.2.3"), ("0x10", "0x10")],
)  # fmt: skip
def test_words_are_read_as_yaml_1_2_reads_them(text, value):
    found = scalar(text)
    assert found == value and type(found) is type(value)


def test_nested_and_dotted_keys_flatten_to_the_same_paths():
    assert dict(flatten({"a": {"b": {"c": 1}}, "d.e": 2})) == {"a.b.c": 1, "d.e": 2}
