"""Tables from text files and memory: separators, headers, quotes, what is missing, and errors that say where."""

from __future__ import annotations

import datetime
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.tabular import Table, plain, read_table
from chainrule.tabular.kinds import dates, kind_of, numbers


@pytest.fixture(autouse=True, params=["pyarrow", "csv"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is read in both ways, however small it is."""
    if request.param == "pyarrow":
        pytest.importorskip("pyarrow")  # in the extra "test"
    monkeypatch.setattr(plain, "_LEAST_BYTES", 0 if request.param == "pyarrow" else 1 << 60)


def read(tmp_path: Path, content: str | bytes, name: str = "data.csv", **options: Any) -> Table:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **options)


def cells(table: Table) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in table.columns.items()}


NUMBERS = "1|-2.50| 7 |+3|1e5|1E-7|.5|5.|-0|00012|0.1000000000000000055511151231257827|1e-310|4.9e-324|123456789.123456789"
MISSES = "|NA|na|Na|nA|NaN|nan|-nan|?| - |.|NULL|Null|<NA>|#N/A|n/A"
OTHERS = (
    "inf|-Infinity|1e400|-1e400|1e-400|9007199254740992|9007199254740993|9007199254740993.0|0x10|0x1p3|1_000|1,5|1.5.2|1e|e5|- 1|nan(1)|"
    "nan()|inf(1)|1d5|1f|True|word|\u03a9\u0661|\u0661|1\xa0|\x0b2|2020-01-02|1 2|+-1|--1|+|1\x1c2|\u20283|none|\ufeff7"
)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("seed", range(30))
def test_both_readers_read_the_same(tmp_path: Path, separator: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    numbers = [*NUMBERS.split("|"), *(repr(value) for value in random.normal(size=20) * 10.0 ** random.integers(-300, 15, 20))]
    columns = [
        random.choice([*random.choice(numbers, 5), *random.choice(MISSES.split("|"), i % 3)], 30).tolist() for i in range(12)
    ]
    for column in columns[:9]:
        column[random.integers(30)] = random.choice(OTHERS.split("|"))
    lines = [[f"c{i}" for i in range(12)], *map(list, zip(*columns, strict=True))]
    if separator == ",":
        lines = [[cell.replace(",", "") for cell in line] for line in lines]
    content = "\n".join(map(separator.join, lines)) + "\n" * int(random.integers(2))
    path = tmp_path / "data.csv"
    path.write_bytes(content.encode("utf-8-sig" if seed % 2 else "utf-8"))
    found = []
    for least in (0, 1 << 60):
        monkeypatch.setattr(plain, "_LEAST_BYTES", least)
        found.append(read_table(path, as_text=["c10"], header=bool(seed % 3)))
    assert found[0].names == found[1].names
    assert found[0].lines == found[1].lines
    for name, column in found[0].columns.items():
        other = found[1].columns[name]
        assert column.dtype == other.dtype
        np.testing.assert_array_equal(column, other)
        assert column.dtype == object or (np.signbit(column) == np.signbit(other))[~np.isnan(column)].all()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_plain_files_are_read_by_pyarrow(
    tmp_path: Path, end: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    original = plain.read
    monkeypatch.setattr(plain, "read", lambda *given: found.append(original(*given)) or found[-1])
    lines = ['"a";b;c;d', *(f"{i};w{i % 3};{i},5;{'' if i % 7 else i / 2}" for i in range(500))]
    table = read(tmp_path, end.join(lines))
    assert table.columns["a"].tolist() == list(range(500))
    assert table.columns["b"].tolist() == [f"w{i % 3}" for i in range(500)]
    assert table.columns["c"].tolist() == [i + 0.5 for i in range(500)]
    assert np.isnan(table.columns["d"]).sum() == 500 - 72
    assert table.lines == list(range(2, 502))
    lines[400] = "x"
    with pytest.raises(ValueError, match="line 401: expected 4 cells, as in line 1, got 1"):
        read(tmp_path, end.join(lines))
    lines[400] = '1;"w;1";2;3'
    assert read(tmp_path, end.join(lines)).columns["b"][399] == "w;1"
    assert [one is not None for one in found] == ["[pyarrow" in request.node.name, False, False]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_are_found(tmp_path: Path, separator: str, end: str) -> None:
    lines = [["a", "b", "c"], ["1", "x", "2.5"], ["-3e2", "y", "0"]]
    table = read(tmp_path, end.join(separator.join(line) for line in lines))
    assert cells(table) == {"a": [1.0, -300.0], "b": ["x", "y"], "c": [2.5, 0.0]}
    assert table.lines == [2, 3]


def test_quoted_cells_have_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    table = read(tmp_path, 'name,n\n"a, ""b""\nc",1\n\n d ,2\n')
    assert cells(table) == {"name": ['a, "b"\nc', "d"], "n": [1.0, 2.0]}
    assert table.lines == [2, 5]


def test_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    table = read(tmp_path, "a;b;c\n1,5;x,y;2\n-3;z;2,25\n;1,5;?\n")
    assert np.array_equal(table.columns["a"], [1.5, -3, np.nan], equal_nan=True)
    assert np.array_equal(table.columns["c"], [2, 2.25, np.nan], equal_nan=True)
    assert table.columns["b"].tolist() == ["x,y", "z", "1,5"]
    assert cells(read(tmp_path, "1,5;x\n2;y\n")) == {"column_1": [1.5, 2.0], "column_2": ["x", "y"]}
    assert read(tmp_path, "a;b\n1,5;2\n", as_text=["a"]).columns["a"].tolist() == ["1,5"]


def test_decimal_commas_are_decided_by_column(tmp_path: Path) -> None:
    lines = ["size;code;both;small", "1,5;1.5;1,5;1,5e-05", "2;1.10;1.5;-,5", "2,25;1.1;2;7"]
    table = read(tmp_path, "\n".join(lines))
    assert table.columns["size"].tolist() == [1.5, 2, 2.25]
    assert table.columns["code"].tolist() == [1.5, 1.1, 1.1]
    assert table.columns["both"].tolist() == ["1,5", "1.5", "2"]  # thousands, or two codes: no number for sure
    assert table.columns["small"].tolist() == [1.5e-5, -0.5, 7]
    assert read(tmp_path, "\n".join(lines), as_text=["code"]).columns["code"].tolist() == ["1.5", "1.10", "1.1"]


def test_blank_lines_with_spaces_are_blank(tmp_path: Path) -> None:
    for blank in (" ", "  \t ", ""):
        table = read(tmp_path, f"a;b\n{blank}\n1,5;x\n{blank}\n2;y\n")
        assert cells(table) == {"a": [1.5, 2.0], "b": ["x", "y"]}
        assert table.lines == [3, 5]


def test_a_quoted_empty_cell_is_a_row_of_one_column(tmp_path: Path) -> None:
    table = read(tmp_path, 'a\n1\n""\n  \n\n" "\n3\n')
    assert np.array_equal(table.columns["a"], [1, np.nan, np.nan, 3], equal_nan=True)
    assert table.lines == [2, 3, 6, 7]


def test_more_rows_than_are_turned_into_columns_at_a_time(tmp_path: Path) -> None:
    lines = ["n,word", *(f"{i},w{i}" for i in range(10_000))]
    table = read(tmp_path, "\n".join(lines))
    assert table.columns["n"].tolist() == list(range(10_000))
    assert table.columns["word"].tolist() == [f"w{i}" for i in range(10_000)]
    assert table.lines == list(range(2, 10_002))
    lines[9_000] += ",more"
    with pytest.raises(ValueError, match="line 9001: expected 2 cells, as in line 1, got 3"):
        read(tmp_path, "\n".join(lines))


def test_whole_numbers_that_a_float_rounds_stay_text(tmp_path: Path) -> None:
    large = 2**53
    table = read(tmp_path, f"a,b,c,d\n{large},{large + 1},1e{400},{10**400}\n-{large + 2},,9007199254740993.0,0{large}\n")
    assert table.columns["a"].tolist() == [large, -large - 2]
    assert table.columns["b"].tolist() == [str(large + 1), None]
    assert table.columns["c"].tolist() == [np.inf, large]
    assert table.columns["d"].tolist() == [str(10**400), f"0{large}"]
    found = read_table({"small": np.array([large, -large]), "large": np.array([0, -large - 1]), "mixed": [large + 1, None]})
    assert cells(found) == {"small": [large, -large], "large": ["0", str(-large - 1)], "mixed": [str(large + 1), None]}
    assert cells(read_table({"a": np.array([2**64 - 1, 0], np.uint64)})) == {"a": [str(2**64 - 1), "0"]}


def test_a_separator_inside_quotes_is_none(tmp_path: Path) -> None:
    assert list(read(tmp_path, 'a;b\n"1,2,3";4\n"5,6,7";8\n').columns) == ["a", "b"]


def test_gzip_and_byte_order_marks(tmp_path: Path) -> None:
    text = "é,b\n1,2\n"
    for content in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        assert cells(read(tmp_path, content)) == {"é": [1.0], "b": [2.0]}
        assert cells(read(tmp_path, gzip.compress(content), "data.csv.gz")) == {"é": [1.0], "b": [2.0]}


def test_a_tsv_is_cut_at_tabs_only(tmp_path: Path) -> None:
    assert cells(read(tmp_path, "a\n1,2\n3,4\n", "data.tsv")) == {"a": ["1,2", "3,4"]}


def test_a_cell_longer_than_the_blocks_of_a_reader(tmp_path: Path) -> None:
    table = read(tmp_path, f"a,b\n1,{'x' * 3_000_000}\n2,y\n")
    assert table.columns["a"].tolist() == [1, 2]
    assert list(map(len, table.columns["b"])) == [3_000_000, 1]


def test_missing_cells(tmp_path: Path) -> None:
    for missing in ("", "NA", "?", "NaN", "null", "N/A", " - "):
        table = read(tmp_path, f"a,b,c\n1,{missing},x\n{missing},2,{missing}\n")
        assert np.array_equal(table.columns["a"], [1, np.nan], equal_nan=True)
        assert np.array_equal(table.columns["b"], [np.nan, 2], equal_nan=True)
        assert table.columns["c"].tolist() == ["x", None]


def test_what_is_no_number_of_tables_stays_text(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1_000,x\n2,y\n").columns["a"].tolist() == ["1_000", "2"]


def test_headers(tmp_path: Path) -> None:
    assert list(read(tmp_path, "1,x\n2,y\n").columns) == ["column_1", "column_2"]
    assert list(read(tmp_path, "a,\n2,y\n").columns) == ["a", "column_2"]
    assert list(read(tmp_path, "2019,y\n2,3\n", target="y").columns) == ["2019", "y"]
    assert list(read(tmp_path, "2019,y\n2,x\n", target="y").columns) == ["2019", "y"]  # no position: it can be a name only
    assert cells(read(tmp_path, "a,b\nc,d\n", header=False)) == {"column_1": ["a", "c"], "column_2": ["b", "d"]}


@pytest.mark.parametrize("target", ["1", 1, "3", "-1", -1, " 2 "])
def test_a_position_makes_no_header(tmp_path: Path, target: str | int) -> None:
    assert read(tmp_path, "1,x,3\n2,y,4\n", target=target).lines == [1, 2]
    assert read(tmp_path, "3,1,-1\n2,3,4\n", target=target, drop=["2"]).lines == [1, 2]
    assert read(tmp_path, "a,b,c\n2,y,4\n", target=target).lines == [2]
    assert read(tmp_path, "a,b,c\nx,y,z\n", target=target).lines == [2]


def test_a_word_above_numbers_makes_a_header(tmp_path: Path) -> None:
    assert list(read(tmp_path, "town,2019,size\nUlm,2,3\nBonn,,\n").columns) == ["town", "2019", "size"]
    assert list(read(tmp_path, "2019;size\n2,5;1,5\n").columns) == ["2019", "size"]
    for first in ("?,2019", "unknown,3"):  # nothing, and a word that other rows have, too
        assert list(read(tmp_path, f"{first}\n2,3\nunknown,4\n").columns) == ["column_1", "column_2"]


def test_names_that_are_known_make_a_header_or_none(tmp_path: Path) -> None:
    assert list(read(tmp_path, "2019,2020\n2,3\n", only=["2020", "2019"]).columns) == ["2019", "2020"]
    assert list(read(tmp_path, "a,b\nc,d\n", only=["column_1", "column_2"]).columns) == ["column_1", "column_2"]
    assert read(tmp_path, "a,b\n1,2\n", only=["column_1", "column_2"]).columns == {}
    assert read(tmp_path, "oops,2\n1,2\n", only=["column_1", "column_2"]).lines == [1, 2]
    assert cells(read(tmp_path, "a,b\n1,2\n", only=["b", "c"])) == {"b": [2.0]}


def test_columns_that_are_dropped_keep_their_positions(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b,c\n1,2,3\n", drop=["2"])
    assert (list(table.columns), table.names) == (["a", "c"], ["a", "b", "c"])
    assert [table.column(one) for one in (2, 3, "-1", "b")] == ["b", "c", "c", "b"]
    with pytest.raises(ValueError, match=r"data\.csv: expected a column's name, or its position from 1 to 3 or from -1, got 4"):
        read(tmp_path, "a,b,c\n1,2,3\n", drop=["4"])


def test_columns_by_name_and_position(tmp_path: Path) -> None:
    table = read(tmp_path, "price,size,3\n1,2,3\n", header=True)
    assert [table.column(one) for one in ("size", 1, "-1", "2", "3")] == ["size", "price", "3", "size", "3"]
    with pytest.raises(ValueError, match=r"data\.csv: unknown column 'sise': did you mean 'size'\?"):
        table.column("sise")
    for position in ("0", "4", "-4"):
        with pytest.raises(ValueError, match="position from 1 to 3"):
            table.column(position)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "got a file without one"),
        ("\n\n", "got a file without one"),
        ("a,b\n", "expected rows below the header"),
        ("a,b\n1,2\n\n1,2,3\n", "line 4: expected 2 cells, as in line 1, got 3"),
        ('a,b\n1\n1,"2\n3\n', "line 2: expected 2 cells, as in line 1, got 1"),
        ('a,b\n1,"2\n3\n', "line 2: .*unexpected end of data"),
        ('a,b\n1,"2"3\n', "line 2: .*expected after"),
        ("a,a\n1,2\n", "line 1: expected each column's name once, got 'a' for columns 1 and 2"),
        (b"a,b\n1,2\n1,\xff\n", "line 3: expected text in UTF-8, got the byte 0xff"),
        (b"a,b\n1,\0\n", "line 2: expected text, got a zero byte"),
        (gzip.compress(b"a,b\n1,2\n" * 100)[:-20], "expected a whole gzip file"),
    ],
)
def test_errors_say_where(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=rf"data\.csv.*{message}"):
        read(tmp_path, content)


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")  # in the extra "test"
    parquet = pytest.importorskip("pyarrow.parquet")
    moment = datetime.datetime(2024, 2, 29, 12, 30)
    columns = {
        "n": [1, None, 3],
        "x": [0.5, 1.5, None],
        "word": ["a", None, "b"],
        "flag": [True, False, None],
        "when": [moment, None, moment],
        "kind": pyarrow.array(["u", "v", "u"]).dictionary_encode(),
        "large": [2**53 + 1, None, 5],
        "time": [moment.time(), None, moment.time()],
        "length": [datetime.timedelta(seconds=90.5), None, datetime.timedelta(seconds=90.5)],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "data.parquet")
    table = read_table(tmp_path / "data.parquet")
    assert np.array_equal(table.columns["n"], [1, np.nan, 3], equal_nan=True)
    assert np.array_equal(table.columns["x"], [0.5, 1.5, np.nan], equal_nan=True)
    found = cells(table)
    assert found["word"] == ["a", None, "b"]
    assert found["flag"] == ["true", "false", None]
    assert found["when"] == ["2024-02-29T12:30:00", None, "2024-02-29T12:30:00"]
    assert found["kind"] == ["u", "v", "u"]
    assert found["large"] == [str(2**53 + 1), None, "5"]
    assert found["time"] == ["12:30:00", None, "12:30:00"]
    assert np.array_equal(found["length"], [90.5, np.nan, 90.5], equal_nan=True)
    others = {"list": [[1], None, [2, 3]], "struct": [{"a": 1}, None, {"a": 2}], "bytes": [b"a", None, b"b"]}
    for name, values in others.items():
        parquet.write_table(pyarrow.table({**columns, name: values}), tmp_path / "data.parquet")
        with pytest.raises(
            TypeError, match=rf"data\.parquet, column '{name}': expected numbers, strings, booleans, dates or times, got"
        ):
            read_table(tmp_path / "data.parquet")
        for options in ({"drop": [name]}, {"drop": [-1]}, {"only": list(columns)}):
            assert list(read_table(tmp_path / "data.parquet", **options).columns) == list(columns)
    (tmp_path / "data.parquet").write_bytes(b"PAR1" + bytes(20))
    with pytest.raises(ValueError, match="expected a Parquet file"):
        read_table(tmp_path / "data.parquet")


def test_parquet_without_a_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow.parquet", "pyarrow", "polars"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    with pytest.raises(ImportError, match=r"pip install 'chainrule\[tables\]'"):
        read_table(tmp_path / "data.parquet")


def test_columns_in_memory() -> None:
    day = datetime.date(2024, 1, 2)
    table = read_table(
        {
            "int": np.arange(2, dtype=np.uint8),
            "float": [1.5, None],
            "bool": np.array([True, False]),
            "text": np.array(["1x", "2"]),
            "day": [day, None],
            "day64": np.array(["2024-01-02", "NaT"], "datetime64[D]"),
            "exact": [Decimal("1.25"), 2],
            "mixed": [1, "b"],
            "time": [datetime.time(9, 5), None],
            "length": np.array([90, "NaT"], "timedelta64[s]"),
            "lengths": [np.timedelta64(2, "m"), datetime.timedelta(milliseconds=1500)],
            "signal": [Decimal("NaN"), Decimal("1")],
        }
    )
    found = cells(table)
    assert found["int"] == [0.0, 1.0]
    assert np.array_equal(found["float"], [1.5, np.nan], equal_nan=True)
    assert found["bool"] == ["true", "false"]
    assert found["text"] == ["1x", "2"]
    assert found["day"] == ["2024-01-02", None]
    assert found["day64"] == ["2024-01-02T00:00:00", None]
    assert found["exact"] == [1.25, 2.0]
    assert found["mixed"] == ["1", "b"]
    assert found["time"] == ["09:05:00", None]
    assert np.array_equal(found["length"], [90.0, np.nan], equal_nan=True)
    assert found["lengths"] == [120.0, 1.5]
    assert np.array_equal(found["signal"], [np.nan, 1.0], equal_nan=True)
    assert table.place(0, "int") == "table, row 1, column 'int'"


class Frame:
    """As data frames are: names in `columns`, columns by name, each with `to_numpy`."""

    def __init__(self, **columns: list[Any]) -> None:
        self.columns = list(columns)
        self._columns = columns

    def __getitem__(self, name: str) -> Any:
        values = self._columns[name]

        class Series:
            def to_numpy(self) -> np.ndarray[Any, Any]:
                return np.array(values)

        return Series()


def test_a_lazy_frame_is_to_be_collected() -> None:
    polars = pytest.importorskip("polars")  # in the extra "test"
    frame = polars.DataFrame({"a": [1, 2]})
    assert cells(read_table(frame)) == {"a": [1.0, 2.0]}
    with pytest.raises(TypeError, match=r"expected .* a data frame, got LazyFrame; call its collect\(\)"):
        read_table(frame.lazy())


def test_data_frames() -> None:
    assert cells(read_table(Frame(a=[1, 2], b=["x", "y"]))) == {"a": [1.0, 2.0], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1, 2], TypeError, "expected a file's name, a dict of columns or a data frame, got list"),
        ({}, ValueError, "expected columns, got none"),
        ({1: [2]}, TypeError, "names as strings, got 1"),
        ({"a": [1, 2], "b": [1]}, ValueError, "got 2 rows of 'a' and 1 of 'b'"),
        ({"a": np.ones((2, 2))}, ValueError, r"column 'a': expected one dimension, got shape \(2, 2\)"),
        ({"a": [1, [2]]}, TypeError, "column 'a': .* got list in row 2"),
        ({"a": [np.ones(2), np.ones(2)]}, TypeError, "column 'a': .* got ndarray in row 1"),
        ({"a": np.ones(2, complex)}, TypeError, "got complex128"),
    ],
)
def test_what_is_no_table(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_table(given)


def kind(values: list[Any], name: str = "c", **others: list[Any]) -> Any:
    table = read_table({name: values, **others})
    return kind_of(table, name, np.arange(table.rows))


def test_kinds() -> None:
    assert kind([1.5, 2, None]).name == "number"
    assert kind(["yes", "No", None, "yes"]).name == "boolean"
    assert kind(["a", "b", "a", "a", "b", "b", "b", "c"]).values == ("b", "a")
    assert "1 of 3 values" in kind(["a", "b", "a", "a", "b", "b", "b", "c"]).note
    assert kind(["a", "b"] * 50).note == ""
    assert kind([None, None]).note == "empty"
    assert "constant: 7" in kind([7, 7]).note
    assert "constant: 'x'" in kind(["x", "x"]).note
    assert kind(["x"] * 5 + [None]).name == "category"  # whether it is there may tell something
    assert "identifier" in kind([f"row {i}" for i in range(200)]).note
    assert kind([f"street {i % 90}" for i in range(300)]).name == "category"


def test_identifiers() -> None:
    rows = list(range(100))
    others = {"x": rows, "y": rows}
    assert "numbered" in kind(rows, "n", **others).note
    assert "own in every row" in kind([(7 * i) % 101 for i in rows], "user_id", **others).note
    assert kind([(7 * i) % 101 for i in rows], "income", **others).name == "number"
    assert kind(rows, "x", y=rows).name == "number"  # alone with a target it is a curve


@pytest.mark.parametrize(
    ("texts", "date_format", "seconds"),
    [
        (["1970-01-02", "1970-01-03"], "iso", 86400),
        (["1970-01-02T00:00:01Z", "1970-01-03 05:00"], "iso", 86401),
        (["1970-01-02T02:00:00+02:00", "1970-01-03"], "iso", 86400),
        (["01/02/1970", "12/31/1999"], "%m/%d/%Y", 86400),
        (["02/01/1970", "31/12/1999"], "%d/%m/%Y", 86400),
        (["02.01.1970", "31.12.1999"], "%d.%m.%Y", 86400),
    ],
)
def test_dates(texts: list[str], date_format: str, seconds: int) -> None:
    found = kind([*texts, None])
    assert (found.name, found.date_format) == ("date", date_format)
    values = dates(read_table({"c": [*texts, None, "13/13/13"]}).columns["c"], date_format)
    assert values[0] == seconds
    assert np.isnan(values[2:]).all()


def test_a_stray_word_among_numbers_is_missing_and_said(tmp_path: Path) -> None:
    lines = ["x,y", *(f"{i},1" for i in range(100))]
    lines[40] = "oops,2"
    table = read(tmp_path, "\n".join(lines))
    found = kind_of(table, "x", np.arange(100))
    assert found.name == "number"
    assert "'oops'" in found.note
    assert "line 41, column 'x'" in found.note
    assert np.flatnonzero(np.isnan(numbers(table.columns["x"]))).tolist() == [39]
