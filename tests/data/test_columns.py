"""Columns of words, categories and missing values: what they become, in a run and ever after, and what is refused."""

import ast

import numpy as np
import pytest

import neurosim
from neurosim.data import columns as encoding
from neurosim.data import prepare
from neurosim.data.arrays import read_rows, table_of, write_rows
from neurosim.data.columns import Encoding, column_of, column_words
from neurosim.errors import DataError, NeurosimError, UsageError
from neurosim.exchange.numpy_script import numpy_files
from neurosim.plugin.columns import Column
from neurosim.training.measures import measure_remarks

ROWS = 'size;color;code;kind\n1,5;"red; dark";07;fern\n2,5;blue;11;moss\n;blue;7;fern\n4,5;"red; dark";11;moss\n'


@pytest.fixture
def load(load_dataset, tmp_path):
    """Write a file and load it as the data set ``csv``."""

    def load_content(content=ROWS, target="kind", **options):
        (tmp_path / "plants.csv").write_text(content, encoding="utf-8-sig")
        return load_dataset("csv", file="plants.csv", target=target, **options)

    return load_content


def test_words_become_inputs_of_0_and_1(load):
    table = load(missing="mean", categorical=["code"])
    assert table.feature_names == ("size", "color=blue", "color=red; dark", "code=07", "code=11")
    np.testing.assert_array_equal(
        table.features, [[1.5, 0, 1, 1, 0], [2.5, 1, 0, 0, 1], [np.nan, 1, 0, 1, 0], [4.5, 0, 1, 0, 1]]
    )
    assert table.classes == ("fern", "moss")
    table = load(missing="drop", indices=["color"])
    assert table.feature_names == ("size", "color", "code")
    np.testing.assert_array_equal(table.features, [[1.5, 1, 7], [2.5, 0, 11], [4.5, 1, 11]])
    said = measure_remarks({}, prepare(table, seed=0, test_fraction=0.34))
    assert said["left out"] == "1 row of 4, in which a value is missing"
    assert table.targets.tolist() == [0, 1, 1]


def test_the_mean_is_that_of_the_training_rows(load):
    values = [1.0, 2.0, None, 30.0, 50.0, 70.0, None, 90.0]
    table = load(
        "x,c,y\n" + "".join(f"{'NA' if v is None else v},{'ab'[k % 2]},0.5\n" for k, v in enumerate(values)),
        "y",
        missing="mean",
    )
    data = prepare(table, seed=3, test_fraction=0.5, standardize=True)
    learned = [values[row] for row in data.train.rows if values[row] is not None]
    assert data.columns[0].mean == pytest.approx(np.mean(learned))
    for split in (data.train, data.test):
        assert np.isfinite(split.features).all()
        lacking = [values[row] is None for row in split.rows]
        # Standardized, the mean is 0; categories are as they were.
        np.testing.assert_allclose(split.features[lacking, 0], 0.0, atol=1e-6)
        np.testing.assert_array_equal(split.features[:, 1], split.rows % 2 == 0)
    plain = prepare(table, seed=3, test_fraction=0.5)
    assert plain.sha256 == data.sha256


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (ROWS, {}, 'row 3 (line 4), column "size": the value is missing'),
        (ROWS, {}, "data.missing"),
        (ROWS.replace("blue", ""), {"missing": "mean"}, 'row 2 (line 3), column "color": the value is missing (and 1'),
        (ROWS.replace("blue", ""), {"missing": "mean"}, "Words have no mean."),
        (ROWS.replace("moss", ""), {"missing": "mean"}, 'row 2 (line 3), column "kind": the value is missing'),
        ("a,kind\n,x\n2,\n", {"missing": "drop"}, "in every row a value is missing"),
        (ROWS, {"missing": "median"}, 'missing = "median": expected one of refuse, mean, drop'),
        (ROWS, {"categorical": ["colour"]}, 'did you mean "color"?'),
        (ROWS, {"indices": ["kind"]}, "indices = ['kind']: unknown feature \"kind\""),
        ("day,n,kind\n2026-01-31,1,x\n2026-02-01 10:00,2,y\n", {}, 'column "day" holds dates, such as "2026-01-31"'),
        ("day,kind\n31.1.2026,x\n1.2.26,y\n", {}, "write the year, the month"),
        ("day,kind\nMay 3, x\n", {}, "holds"),
        ("n,kind\n1,3 May 2026\n2,4 May 2026\n", {}, 'column "kind" holds dates, such as "3 May 2026"'),
        ("t,n,kind\n10:30,1,x\n11:45,2,y\n", {}, 'overrides={"data.features": ["n"]}'),
        ("n,kind\n" + "".join(f"{k} cm,{k % 2}\n" for k in range(40)), {}, "40 different values in 40 rows"),
        ("n,kind\n,x\n,y\n", {"categorical": ["n"]}, 'column "n" has no values'),
    ],
)
def test_what_is_refused(load, content, options, said):
    with pytest.raises((DataError, UsageError)) as caught:
        load(content.replace("May 3, x", '"May 3, 2026",x'), **options)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_inputs_are_limited_before_there_is_an_array(load, monkeypatch):
    monkeypatch.setattr(encoding, "MOST_NUMBERS", 9)
    with pytest.raises(DataError, match=r'3 inputs for each of 4 rows .* column "color" alone has 2 categories'):
        load(features=["code", "color"])
    monkeypatch.setattr(encoding, "MOST_CATEGORIES", 1)
    with pytest.raises(DataError, match=r'plants\.csv: column "color" has more than 1 different values'):
        load(features=["code", "color"])


FRAME = {
    "size": [1.5, 2.5, None, 4.5],
    "color": ["red", "blue", "blue", "red"],
    "code": [7, 11, 7, 11],
    "kind": ["fern", "moss", "fern", "moss"],
}


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "dict"])
def test_tables_of_words_in_python(library):
    frame = FRAME
    if library != "dict":
        made = pytest.importorskip(library)
        frame = made.table(FRAME) if library == "pyarrow" else made.DataFrame(FRAME)
    found = table_of((frame, "kind"), how=Encoding(["code"], (), "mean"), test=(frame, "kind"))
    assert found.feature_names == ("size", "color=blue", "color=red", "code=7", "code=11")
    np.testing.assert_array_equal(found.features[:, 1:], [[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]])
    np.testing.assert_array_equal(found.test_features, found.features)
    dropped = table_of((frame, "kind"), how=Encoding(missing="drop"))
    np.testing.assert_array_equal(dropped.features[:, 0], [1.5, 2.5, 4.5])
    assert dropped.targets.tolist() == [0, 1, 1]


def test_categories_of_a_library_are_categories():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(FRAME).assign(code=pandas.Categorical(FRAME["code"]))
    assert table_of((frame[["code"]], FRAME["kind"])).feature_names == ("code=7", "code=11")
    rows = np.array([["red", 1.0], ["blue", None]], object)
    assert table_of((rows, ["a", "b"]), how=Encoding(missing="mean")).feature_names == (
        "column 0=blue",
        "column 0=red",
        "column 1",
    )


LACKING = {"c": ["x", None, "y", "x"], "m": [True, None, True, False]}
LIBRARIES = {
    "pandas": lambda made: made.DataFrame(LACKING).astype({"c": "category", "m": "boolean"}),
    "pandas, text": lambda made: made.DataFrame(LACKING).astype({"c": "string", "m": "boolean"}),
    "polars": lambda made: made.DataFrame(LACKING).with_columns(made.col("c").cast(made.Categorical)),
    "pyarrow": lambda made: made.table({**LACKING, "c": made.array(LACKING["c"]).dictionary_encode()}),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_missing_is_so_in_every_library(library):
    frame = LIBRARIES[library](pytest.importorskip(library.partition(",")[0]))
    found = table_of((frame, [0.1, 0.2, 0.3, 0.4]), how=Encoding(missing="drop"))
    assert found.feature_names == ("c=x", "c=y", "m")
    np.testing.assert_array_equal(found.features, [[1, 0, 1], [0, 1, 1], [1, 0, 0]])
    filled = table_of(({"m": frame["m"]}, [1, 2, 3, 4]), how=Encoding(missing="mean"))
    np.testing.assert_array_equal(filled.features[:, 0], [1, np.nan, 1, 0])


def test_a_file_of_rows_keeps_the_encoding(tmp_path):
    table = table_of((FRAME, "kind"), how=Encoding(["code"], (), "mean"))
    (tmp_path / "data.npz").write_bytes(write_rows(table))
    again = read_rows(tmp_path / "data.npz", how=Encoding(["code"], (), "mean"))
    assert (again.columns, again.feature_names) == (table.columns, table.feature_names)
    np.testing.assert_array_equal(again.features, table.features)
    np.savez(tmp_path / "bad.npz", X=[[1.0]], y=[[1.0]], columns=['{"name": 1}'])
    with pytest.raises(DataError, match=r"bad\.npz: columns: a column has no name"):
        read_rows(tmp_path / "bad.npz")
    complete = table_of((FRAME, "kind"), how=Encoding(missing="drop", indices=["color"]))
    (tmp_path / "data.npz").write_bytes(write_rows(complete))
    again = read_rows(tmp_path / "data.npz", how=Encoding(missing="drop"))
    assert (again.columns, again.left_out) == (complete.columns, 1)
    np.savez(tmp_path / "bad.npz", X=[[1.0]], y=[[1.0]], left_out=[1])
    with pytest.raises(DataError, match=r"bad\.npz: left_out must be a whole number"):
        read_rows(tmp_path / "bad.npz")
    np.savez(tmp_path / "bad.npz", X=[[np.nan]], y=[0], classes=["a", "b"])
    with pytest.raises(UsageError, match="has an array named classes"):
        read_rows(tmp_path / "bad.npz", how=Encoding(missing="drop"))


@pytest.mark.parametrize(
    "words",
    [
        {},
        [],
        {"name": "a", "categories": "red"},
        {"name": "a", "categories": ["b", "b"]},
        {"name": "a", "categories": ["b"], "encoding": "both"},
        {"name": "a", "missing": "mean", "mean": float("inf")},
        {"name": "a", "missing": "mean", "mean": "1"},
        {"name": "a", "categories": ["b"], "missing": "mean"},
    ],
)
def test_columns_in_a_file_may_be_anything(words):
    with pytest.raises(ValueError, match="column"):
        column_of(words)


def test_columns_are_read_as_they_were_written():
    for column in (Column("a"), Column("a", ("x", "y"), True), Column("a", ("x",)), Column("a", fills=True, mean=0.5)):
        assert column_of(column_words(column)) == column


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on a table of words with a missing value, and its folder."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "plants.csv").write_text(ROWS)
    scenario = neurosim.scenario(
        data={
            "source": "csv",
            "file": str(folder / "plants.csv"),
            "target": "kind",
            "missing": "mean",
            "categorical": ["code"],
            "standardize": True,
        },
        network={
            "loss": "categorical_cross_entropy",
            "layers": [{"kind": "dense", "units": 2, "activation": "softmax"}],
        },
        optimizer={"name": "sgd", "lr": 0.5},
        training={"epochs": 2, "batch_size": 4},
    )
    return neurosim.run(scenario, out=folder / "run"), folder


def test_the_model_file_answers_for_rows_as_the_table_has_them(trained):
    result, folder = trained
    model = neurosim.load_model(folder / "run")
    outputs = model.outputs(model.read(folder / "plants.csv"))
    np.testing.assert_array_equal(outputs, result.simulator.forward(result.simulator.data.train.features))
    colors = ["red; dark", "blue", "blue", "red; dark"]
    plants = {"code": ["7", 11.0, 7, 11], "color": colors, "size": [1.5, 2.5, None, 4.5]}
    np.testing.assert_array_equal(model.outputs(plants), outputs)
    rows = list(zip(plants["size"], plants["color"], plants["code"], strict=True))
    np.testing.assert_array_equal(model.outputs(rows), outputs)
    np.testing.assert_array_equal(model.outputs([[1.5, 0, 1, 1, 0]]), outputs[:1])


def test_scripts_say_what_their_inputs_are(trained, tmp_path):
    text = " ".join(numpy_files(trained[0].simulator)[".py"].decode().replace("#", "").split())
    assert "x[:, 0], size, is 2.8333333333333335 in the data where a value is missing." in text
    assert "x[:, 1:3] are 1 for the color of the row and else 0: blue, red; dark. x[:, 3:5] are 1" in text
    assert "each input that is no category with mean 0" in text
    rows = ({"a\nimport os": ["x", '"""', "\\", "\nimport os"] * 2}, ["b", "c"] * 4)
    result = neurosim.fit(*rows, epochs=0, hidden=[])
    written = ast.parse(numpy_files(result.simulator)[".py"].decode())
    imports = [node for node in ast.walk(written) if isinstance(node, ast.Import)]
    assert [alias.name for node in imports for alias in node.names] == ["numpy"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [[1.0, "green", 7]],
            'X: row 0, column "color": "green" is not one of the categories that the network learned: blue, red; dark',
        ),
        ([[1.0, None, 7]], 'X: row 0, column "color": the value is missing'),
        ([["big", "blue", 7]], 'column "size" holds text; the network learned it as numbers'),
        ([[1.0, 2.0]], "the network learned from 3 columns, which become 5 inputs"),
        ({"size": [1.0], "color": ["blue"]}, 'X has no column "code"'),
        ("size,color,code\n1,blue,7\n2,glue,7\n", 'row 2 (line 3), column "color": "glue" is not one of the'),
        ("size,color,code\n1,blue,\n", 'row 1 (line 2), column "code": the value is missing'),
        ("size,color\n1,blue\n", 'has no column "code", which the network learned from'),
    ],
)
def test_rows_that_the_network_cannot_take(trained, tmp_path, rows, said):
    model = neurosim.load_model(trained[1] / "run")
    (tmp_path / "new.csv").write_text(str(rows))
    with pytest.raises(NeurosimError) as caught:
        model.read(tmp_path / "new.csv") if isinstance(rows, str) else model.predict(rows)
    assert said in caught.value.message
