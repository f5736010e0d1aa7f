"""Tables to trained models and back: what is learned, predictions after a round trip, remarks, errors, reports."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_table import made_up

import chainrule as cr
from chainrule.tabular import TrainedTable, load, read_table, scores, train_table
from chainrule.tabular.features import Category, Number
from chainrule.tabular.importance import importance
from chainrule.tabular.kinds import Kind, kind_of
from chainrule.tabular.preprocessing import learn
from chainrule.tabular.report import summary, write_report
from chainrule.tabular.target import Target, learned_target
from chainrule.tabular.trained import MODEL_FILE


@pytest.fixture(scope="module")
def regression() -> TrainedTable:
    return train_table(made_up(), "rent", drop=["class", "class"], members=2, epochs=40)


@pytest.fixture(scope="module")
def classification() -> TrainedTable:
    return train_table(made_up(), "class", drop=["rent"], members=2, epochs=40)


def test_regression_beats_the_mean_and_names_what_it_saw(regression: TrainedTable) -> None:
    assert regression.metrics["r2"] > 0.85
    assert regression.scores["mean"]["r2"] < 0.1
    assert set(regression.metrics) == {"r2", "rmse", "mae"}
    kinds = {one.column: getattr(one, "kind", "category") for one in regression.preprocessing.features}
    assert kinds == {"size": "number", "town": "category", "lift": "boolean", "since": "date"}
    assert {one.column: one.note.split(":")[0] for one in regression.preprocessing.dropped} == {
        "class": "as asked",
        "id": "an identifier",
        "country": "constant",
    }


def test_classification(classification: TrainedTable) -> None:
    assert classification.target.classes == ("cheap", "dear", "usual")
    assert classification.metrics["accuracy"] > max(0.75, classification.scores["most frequent class"]["accuracy"])
    table = made_up(50, seed=1)
    probabilities = classification.predict_proba(table)
    assert probabilities.shape == (50, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (classification.predict(table) == np.array(classification.target.classes)[probabilities.argmax(axis=1)]).all()


@pytest.mark.parametrize("name", ["regression", "classification"])
def test_a_saved_model_predicts_the_same_bits(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    trained = request.getfixturevalue(name)
    table = made_up(80, seed=2)
    path = trained.save(tmp_path / "folder" / "deep")
    assert [one.name for one in path.parent.iterdir()] == [MODEL_FILE]
    for given in (path, path.parent):
        again = load(given)
        assert again.outputs(table).tobytes() == trained.outputs(table).tobytes()
        assert again.metrics == trained.metrics
        assert again.preprocessing == trained.preprocessing
        assert again.target == trained.target
    again.save(tmp_path)
    assert (tmp_path / MODEL_FILE).read_bytes() == path.read_bytes()


def test_the_same_seed_gives_the_same_bits_with_any_threads(tmp_path: Path) -> None:
    table = made_up(200)
    found = []
    try:
        for threads in (1, 2):
            cr.set_num_threads(threads)
            found.append(train_table(table, "rent", members=1, epochs=5, seed=3).save(tmp_path / str(threads)).read_bytes())
    finally:
        cr.set_num_threads(0)
    assert found[0] == found[1]
    other = train_table(table, "rent", members=1, epochs=5, seed=4)
    assert other.save(tmp_path).read_bytes() != found[0]


def test_columns_in_another_order_and_more_of_them(regression: TrainedTable) -> None:
    table = made_up(30, seed=3)
    turned = {"more": [1] * 30, **{name: table[name] for name in reversed(table)}}
    assert (regression.predict(turned) == regression.predict(table)).all()
    needed = {name: table[name] for name in regression.preprocessing.columns}
    assert (regression.predict(needed) == regression.predict(table)).all()


def test_missing_columns_are_named(regression: TrainedTable) -> None:
    with pytest.raises(ValueError, match=r"table: expected the columns .* missing: 'town', 'since'"):
        regression.predict({"size": [1], "lift": [True]})
    with pytest.raises(ValueError, match="expected a model of classes"):
        regression.predict_proba(made_up(3))


def test_unseen_words_and_missing_cells(regression: TrainedTable) -> None:
    row = {"size": [100.0], "town": ["Bonn"], "lift": ["yes"], "since": ["2016-01-01"]}
    usual = regression.predict(row)
    for name, value, kind in (
        ("size", None, ""),
        ("size", "much", "number"),
        ("size", np.inf, "number"),
        ("town", "Paris", ""),
        ("town", None, ""),
        ("lift", "maybe", "boolean"),
        ("lift", 7, "boolean"),
        ("since", "soon", "date"),
    ):
        said = f"{name}: 1 cell is no {kind} and counts as missing, .* row 1, column '{name}'"
        with pytest.warns(UserWarning, match=said) if kind else nullcontext():
            other = regression.predict({**row, name: [value]})
        assert np.isfinite(other).all()
        assert 0 < other[0] < 3 * usual[0]
    # A town that nobody has heard of is not the most expensive one.
    assert regression.predict({**row, "town": ["Paris"]})[0] < regression.predict({**row, "town": ["Ulm"]})[0]
    assert regression.predict({name: [] for name in row}).shape == (0,)


def test_zeros_and_ones_are_true_and_false(tmp_path: Path) -> None:
    flags = [0, 1, 1, 0]
    y = [10.0 * flag + i % 3 / 10 for i in range(200) for flag in [flags[i % 4]]]
    spelled: dict[str, Any] = {
        "number": flags,
        "truth": [bool(flag) for flag in flags],
        "word": ["no", "yes", "yes", "no"],
        "digit": ["0", "1", "yes", "false"],
    }
    for cells in spelled.values():
        trained = train_table({"flag": cells * 50, "y": y}, "y", members=1, epochs=60)
        kind = "number" if cells is flags else "boolean"
        assert [one.kind for one in trained.preprocessing.features if isinstance(one, Number)] == [kind]
        for other in spelled.values():
            np.testing.assert_allclose(trained.predict({"flag": other}), [0, 10, 10, 0], atol=2)
        assert 2 < trained.predict({"flag": [0.5]})[0] < 8


def test_a_column_of_zeros_and_ones_is_one_of_numbers(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    children = [int(value) for value in random.permutation([0, 1] * 100)]
    table: dict[str, Any] = {"children": children, "x": random.normal(size=200), "y": np.array(children) * 7.5}
    trained = train_table(table, "y", members=1, epochs=30)
    (feature,) = [one for one in trained.preprocessing.features if one.column == "children"]
    assert isinstance(feature, Number)
    assert feature.kind == "number"
    trained.save(tmp_path)
    for model in (trained, load(tmp_path)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nothing is missing
            one, two, true = model.predict({"children": [1, 2, "True"], "x": [0.0, 0.0, 0.0]})
        assert two > one + 1
        assert true == one
        with pytest.warns(UserWarning, match="1 cell is no number"):
            model.predict({"children": ["many"], "x": [0.0]})


def test_zeros_and_ones_with_stray_words_are_numbers() -> None:
    cells: list[Any] = ["0", "1"] * 100
    table = read_table({"c": [*cells[:-2], "2", "oops"], "t": ["1.0", "0"] * 99 + ["yes", "1"]})
    assert [kind_of(table, name, np.arange(198)).name for name in ("c", "t")] == ["number", "number"]
    assert kind_of(table, "t", np.arange(200)).note == ""
    assert "the first is 'oops'" in kind_of(table, "c", np.arange(200)).note


def test_cells_that_cannot_be_read_are_counted_in_test_rows_too() -> None:
    x: list[Any] = [i / 7 for i in range(200)]
    table = {"x": x, "y": [i % 2 * 2.5 for i in range(200)]}
    details = train_table(table, "y", members=1, epochs=1).details
    assert details is not None
    assert details.notes == ()
    for stray in ("oops", np.inf):
        found = []
        for row in range(20):  # some of which are for training, some for testing
            details = train_table(table | {"x": [*x[:row], stray, *x[row + 1 :]]}, "y", members=1, epochs=1).details
            assert details is not None
            found += details.notes
        assert len(found) == 20
        assert {"in test rows" in note for note in found} == {True, False}
        assert all(f"x: 1 cell is no number and counts as missing, the first is {stray!r} (table, row" in note for note in found)


def test_large_whole_numbers_are_classes_of_their_own(tmp_path: Path) -> None:
    names = [2**53, 2**53 + 1, -(2**53) - 1, 10**400, 7]
    table: dict[str, Any] = {"x": [i % 5 for i in range(200)], "y": [names[i % 5] for i in range(200)]}
    lines = ["x,y", *(f"{x},{y}" for x, y in zip(table["x"], table["y"], strict=True))]
    (tmp_path / "data.csv").write_text("\n".join(lines))
    for source in (table, tmp_path / "data.csv"):
        trained = train_table(source, "y", members=1, epochs=200)
        assert trained.target.classes == tuple(map(str, sorted(names)))
        assert trained.predict({"x": range(5)}).tolist() == list(map(str, names))
    assert train_table({**table, "y": np.array(names[:2] * 100)}, "y", members=1, epochs=1).target.classes == tuple(
        map(str, names[:2])
    )


def test_large_whole_numbers_are_numbers_of_columns_and_of_regressions() -> None:
    random = np.random.default_rng(0)
    x = random.integers(2**53, 2**62, 300)
    trained = train_table({"x": x, "y": x // 3 + 1}, "y", members=1, epochs=60)
    assert trained.target.task == "regression"
    assert [one.kind for one in trained.preprocessing.features if isinstance(one, Number)] == ["number"]
    assert trained.metrics["r2"] > 0.95
    with pytest.raises(ValueError, match=r"'user_id' is dropped .an identifier"):
        train_table({"user_id": x, "y": x // 3}, "y")
    with pytest.raises(ValueError, match="row 300, column 'y': expected a number in the target of a regression, got '1000"):
        train_table({"x": range(300), "y": [*range(299), 10**400]}, "y", task="regression")


def test_columns_without_a_finite_number_are_dropped() -> None:
    x = [i % 13 / 2 for i in range(200)]
    for odd in ([np.inf] * 200, ["inf"] * 199 + [None], [None] * 199 + [-np.inf]):
        trained = train_table({"x": x, "odd": odd, "y": x}, "y", members=1, epochs=1)
        assert trained.preprocessing.columns == ["x"]
        assert "odd" in [one.column for one in trained.preprocessing.dropped]
    words = train_table({"x": x, "odd": [np.inf] * 199 + ["oops"], "y": x}, "y", members=1, epochs=1)
    assert Category("odd", ("inf",)) in words.preprocessing.features


@pytest.mark.parametrize("y", [[i % 9 * 1.5 for i in range(60)], ["a", "b"] * 30])
def test_more_members_than_rows_share_the_rows_to_validate(y: list[Any], tmp_path: Path) -> None:
    trained = train_table({"x": [i % 7 for i in range(60)], "z": [i % 11 for i in range(60)], "y": y}, "y", members=60, epochs=1)
    assert len(trained.models) == 60
    assert set(importance(trained)) == {"x", "z"}


def test_columns_that_are_dropped_may_hold_anything() -> None:
    table: dict[str, Any] = {"x": [i % 7 for i in range(60)], "odd": [[i] for i in range(60)], "y": ["a", "b"] * 30}
    with pytest.raises(TypeError, match="column 'odd': expected numbers, strings, booleans, dates or times, got list in row 1"):
        train_table(table, "y", members=1, epochs=1)
    for odd in ("odd", 2, "-2"):
        trained = train_table(table, -1, drop=[odd], members=1, epochs=1)
        assert [(one.column, one.note) for one in trained.preprocessing.dropped] == [("odd", "as asked")]
        assert len(trained.predict(table)) == 60  # which reads what is needed


def test_words_that_are_numbers_stay_words(tmp_path: Path) -> None:
    codes = ["01", "1", "x"]
    lines = ["code,y", *(f"{codes[i % 3]},{(0, 10, 20)[i % 3] + i % 2 / 10}" for i in range(300))]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    trained = train_table(tmp_path / "train.csv", "y", members=1, epochs=60)
    (tmp_path / "new.csv").write_text("code\n01\n1\n")
    np.testing.assert_allclose(trained.predict(tmp_path / "new.csv"), [0, 10], atol=2)
    np.testing.assert_allclose(trained.predict({"code": [1]}), [10], atol=2)


def test_number_features() -> None:
    cells = np.array([0.0, 1, 2, 3, 4, np.nan])
    feature = Number.learned("c", Kind("number"), cells, bins=2)
    assert (feature.mean, feature.scale, feature.fill, feature.missing) == (2.0, np.sqrt(2), 2.0, True)
    assert feature.edges == (0.0, 2.0, 4.0)
    assert feature.width == 4
    found = feature.transform(np.array([1.0, 3.0, 100.0, np.nan, np.inf]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 0], [-np.sqrt(0.5), np.sqrt(0.5), 5, 0, 0], rtol=1e-6)
    assert found[:, 1:].tolist() == [[0, -1, 0], [1, 0, 0], [1, 1, 0], [1, -1, 1], [1, -1, 1]]
    with pytest.raises(ValueError, match=r"column 'c': expected numbers up to 1e\+150"):
        Number.learned("c", Kind("number"), np.array([0.0, 1e200]), bins=2)


def test_category_features() -> None:
    feature = Category("c", ("b", "7"))
    cells = np.array(["b", None, "z", "7"], object)
    assert feature.transform(cells).tolist() == [[2], [1], [0], [3]]
    assert feature.transform(np.array([7.0, np.nan, 8.0])).tolist() == [[3], [1], [0]]


def test_wide_tables_get_fewer_pieces() -> None:
    random = np.random.default_rng(0)
    table = read_table({f"c{i}": random.normal(size=400) for i in range(500)} | {"y": random.normal(size=400)})
    found, _ = learn(table, "y", np.arange(400))
    assert 500 < found.numbers <= 2100


@pytest.mark.parametrize(
    ("values", "task", "wanted"),
    [
        ([0, 1] * 50, None, "classification"),
        ([0.5, 1] * 50, None, "regression"),
        (list(range(100)), None, "regression"),
        ([i % 7 for i in range(100)], None, "classification"),
        ([i % 7 for i in range(100)], "regression", "regression"),
        ([i % 12 for i in range(100)], None, "regression"),
        ([i % 12 for i in range(100)], "classification", "classification"),
        ([*([3, 4] * 49), 5, 6], None, "regression"),  # a count, some of which are rare
        (["b", "a"] * 50, None, "classification"),
        ([True, False] * 50, None, "classification"),
    ],
)
def test_tasks(values: list[Any], task: str | None, wanted: str) -> None:
    assert learned_target(read_table({"y": values}), "y", task, np.arange(100)).task == wanted


def test_targets_are_encoded_and_decoded() -> None:
    table = read_table({"y": [10, 2, 10, 2], "z": [1.0, 10.0, 100.0, 1000.0]})
    classes = learned_target(table, "y", None, np.arange(4))
    assert classes.classes == ("2", "10")  # by value, not as text
    assert classes.encode(table.columns["y"]).tolist() == [1, 0, 1, 0]
    for log in (False, True):
        target = Target("z", "regression", (), 1.0, 2.0, log)
        z = table.columns["z"]
        np.testing.assert_allclose(target.decode(target.encode(z)), z, rtol=1e-6)


def test_a_skewed_target_is_learned_through_its_logarithm_where_that_helps() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(0, 8, 600)
    trained = train_table({"x": x, "y": np.exp(x + random.normal(0, 0.2, 600))}, "y", members=1, epochs=30)
    assert trained.details is not None
    (note,) = trained.details.notes
    assert "the target is skewed" in note
    assert trained.target.log == ("it is kept" in note)
    assert trained.metrics["r2"] > 0.7
    assert (trained.predict({"x": [1, 2, 7.9]}) > (0 if trained.target.log else -1e9)).all()


def test_remarks_on_the_target() -> None:
    y = ["often"] * 190 + ["seldom"] * 10 + [None] * 7
    trained = train_table({"x": np.arange(207) % 13, "y": y}, "y", members=1, epochs=2)
    assert trained.details is not None
    assert "7 rows without a target" in trained.details.notes[0]
    assert "'seldom' has 5.0%" in trained.details.notes[1]
    assert np.bincount(trained.details.truth).tolist() == [38, 2]  # each class has its part of the test rows
    assert "auc" in trained.metrics


def odd_column(random: np.random.Generator, rows: int) -> Any:
    """One of many kinds of columns, most of them unpleasant."""
    makers: list[Any] = [
        lambda: random.normal(size=rows),
        lambda: random.integers(0, 5, rows),
        lambda: random.choice(["a", "b", 'ü,"x', "d e", ""], rows),
        lambda: np.exp(random.normal(0, 4, rows)),
        lambda: [None if value < 0.7 else value for value in random.random(rows)],
        lambda: random.random(rows) < 0.5,
        lambda: np.datetime64("2001-01-01") + random.integers(0, 9000, rows),
        lambda: [f"w{value}" for value in random.integers(0, rows, rows)],
        lambda: [None] * rows,
        lambda: np.where(random.random(rows) < 0.5, 1e-300, 1e120),
        lambda: np.where(random.random(rows) < 0.1, np.inf, 1.5),
        lambda: [None if value < 0.9 else "only" for value in random.random(rows)],
        lambda: np.where(random.random(rows) < 0.99, 0.0, 1e6),
        lambda: random.integers(-(2**62), 2**62, rows),
    ]
    return makers[random.integers(len(makers))]()


@pytest.mark.filterwarnings("ignore:.*as missing")  # a column may be of another kind in the other table
@pytest.mark.parametrize("seed", range(40))
def test_odd_tables_train_and_predict(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(20, 120))
    table = {f"c{i}": odd_column(random, rows) for i in range(4)} | {
        "y": random.normal(size=rows) if seed % 2 else np.arange(rows) % 3
    }
    other = {f"c{i}": odd_column(random, 20) for i in range(4)}
    table["c4"] = random.normal(size=rows)  # one that can be learned from
    other["c4"] = np.zeros(20)
    trained = train_table(table, "y", members=1, epochs=2, seed=seed)
    found = trained.outputs(other)
    assert np.isfinite(found).all()
    trained.save(tmp_path)
    assert load(tmp_path).outputs(other).tobytes() == found.tobytes()
    assert np.isfinite(list(trained.metrics.values())).all()


@pytest.mark.parametrize(
    ("table", "target", "options", "message"),
    [
        ({"x": range(9), "y": range(9)}, "y", {}, "expected at least 20 rows with a target 'y', got 9"),
        ({"x": range(50), "y": [1] * 50}, "y", {}, "expected a target of different values, got '1' in every row"),
        ({"x": [1] * 50, "y": range(50)}, "y", {}, "expected columns to learn from, got none: 'x' is dropped"),
        ({"y": range(50)}, "y", {}, "got none: the target stands alone"),
        ({"x": range(50), "y": [f"w{i}" for i in range(50)]}, "y", {}, "got 50 different values in 50 rows of 'y'"),
        ({"x": range(50), "y": range(50)}, "z", {}, "unknown column 'z'"),
        ({"x": range(50), "y": range(50)}, "y", {"drop": ["z"]}, "unknown column 'z'"),
        ({"x": range(50), "y": range(50)}, "y", {"drop": ["y"]}, "expected columns to drop beside the target"),
        ({"x": range(50), "y": range(50)}, "y", {"task": "sorting"}, "unknown task 'sorting'"),
        ({"x": range(50), "y": range(50)}, "y", {"test": 1}, "expected test as a finite number above 0 below 1"),
        ({"x": range(50), "y": range(50)}, "y", {"test": 0.001}, "leaves rows on both sides, got 0.001 of 50 rows"),
        ({"x": range(50), "y": range(50)}, "y", {"test": 0.9}, "leaves rows on both sides, got 0.9 of 50 rows"),
        ({"x": range(50), "y": range(50)}, "y", {"members": 0}, "members as an integer of at least 1"),
        ({"x": range(50), "y": range(50)}, "y", {"seed": -1}, "seed as an integer of at least 0"),
    ],
)
def test_tables_and_options_that_do_not_fit(table: dict[str, Any], target: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_table({name: list(column) for name, column in table.items()}, target, **options)


def test_a_word_in_a_target_of_numbers_is_found(tmp_path: Path) -> None:
    lines = ["x,y", *(f"{i},{i * 1.5}" for i in range(60))]
    lines[33] = "5,many"
    (tmp_path / "data.csv").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"data\.csv, line 34, column 'y': expected a number .* got 'many'"):
        train_table(tmp_path / "data.csv", "y")


def test_scores() -> None:
    classes = Target("y", "classification", ("a", "b"), 0.0, 1.0, log=False)
    found = scores.scores(classes, np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["cross_entropy"] == pytest.approx(-np.log([0.9, 0.6, 0.2]).mean())
    assert found["auc"] == 1.0
    number = Target("y", "regression", (), 0.0, 1.0, log=False)
    assert scores.scores(number, np.array([1.0, 3.0]), np.array([1.0, 2.0])) == {
        "r2": 0.5,
        "rmse": pytest.approx(np.sqrt(0.5)),
        "mae": 0.5,
    }


def test_auc_counts_pairs() -> None:
    random = np.random.default_rng(0)
    score, positive = random.integers(0, 5, 60) / 4, random.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert scores.auc(positive, score) == pytest.approx(np.mean(pairs), rel=1e-12)


def test_the_linear_baseline_is_least_squares() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 2))
    table = {"a": x[:, 0], "b": x[:, 1], "y": 2 * x[:, 0] - x[:, 1] + 3}
    trained = train_table(table, "y", members=1, epochs=1)
    assert trained.scores["linear, least squares"]["r2"] > 0.9999


def test_a_report_has_pictures(classification: TrainedTable, tmp_path: Path) -> None:
    text = write_report(classification, tmp_path).read_text()
    pictures = {"learning.png", "target.png", "importance.png", "confusion.png"}
    assert {one.name for one in tmp_path.iterdir()} == pictures | {"report.md"}
    for name in pictures:
        assert f"({name})" in text
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert f"{classification.metrics['accuracy']:.4f}" in text
    assert "| country | dropped: constant: 'DE' in every row" in text
    # Towns and sizes make the classes: the date does not.
    order = [line.split(" | ")[0] for line in text.split("## Columns")[1].splitlines() if line.startswith("| ")]
    assert set(order[1:3]) == {"| size", "| town"}


def test_a_picture_that_cannot_be_drawn_is_a_warning(
    regression: TrainedTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("chainrule.tabular.pictures._target", fail)
    with pytest.warns(UserWarning, match=r"^target\.png is not drawn: no ink$"):
        text = write_report(regression, tmp_path).read_text()
    assert "target.png" not in text
    assert {one.name for one in tmp_path.iterdir()} == {"report.md", "learning.png", "importance.png", "predicted.png"}


def test_a_report_without_matplotlib(regression: TrainedTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    text = write_report(regression, tmp_path).read_text()
    assert "pip install 'chainrule[plot]'" in text
    assert [one.name for one in tmp_path.iterdir()] == ["report.md"]


def test_the_summary_has_the_baselines(regression: TrainedTable, tmp_path: Path) -> None:
    text = summary(regression)
    assert "regression of 'rent'" in text
    for name in ("model", "mean", "linear, least squares"):
        assert any(line.startswith(name) for line in text.splitlines())
    regression.save(tmp_path)
    with pytest.raises(ValueError, match="got one that was loaded"):
        summary(load(tmp_path))


def test_the_same_bits_on_every_processor(run_python: Any) -> None:
    code = """
import numpy as np
from chainrule.tabular import train_table
random = np.random.RandomState(0)
x = random.uniform(0, 4, 120)
day = np.datetime64("2020-01-01") + random.randint(0, 900, 120)
table = {"x": x, "day": day, "word": np.where(x > 2, "a", "b"), "y": np.exp(2 * x)}
number = train_table(table, "y", members=1, epochs=3)
classes = train_table(table, "word", drop=["y"], members=1, epochs=3)
print(number.predict(table).tobytes().hex(), classes.predict_proba(table).tobytes().hex())
"""
    # What NumPy takes of this processor, and what chainrule does, as little as they can; names are NumPy 1's and 2's.
    plain = {
        "CHAINRULE_ISA": "baseline",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX X86_V4 AVX2 FMA3 X86_V3",
        "PYTHONWARNINGS": "ignore",
    }
    assert run_python(code) == run_python(code, **plain)
