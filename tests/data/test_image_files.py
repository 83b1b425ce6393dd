"""The data set ``images``: what PNG and JPEG files become, and what is refused in which words."""

import io
import struct
import zlib

import numpy as np
import pytest

import neurosim
from neurosim.cli.application import execute
from neurosim.data import image_files
from neurosim.data.file_datasets import images
from neurosim.data.image_files import class_files, files_to_answer_for, read_images
from neurosim.errors import DataError, UsageError
from neurosim.plugin import DataRequest

Image = pytest.importorskip("PIL.Image")
RED, BLUE = (250, 10, 10), (10, 10, 250)


def content(color=RED, size=(8, 8), kind="PNG", mode="RGB", **how):
    packed = io.BytesIO()
    Image.new(mode, size, color).save(packed, kind, **how)
    return packed.getvalue()


@pytest.fixture
def photos(tmp_path):
    """A folder with a class of red and one of blue images, of several sizes."""
    for name, color in (("red", RED), ("blue", BLUE)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            (tmp_path / "photos" / name / f"{number}.png").write_bytes(content(color, (8 + number, 6)))
    return tmp_path / "photos"


@pytest.fixture
def load(photos):
    request = DataRequest(None, photos.parent / "data" / "images", photos.parent)
    given = {"folder": photos.name, "test_folder": "", "size": 4, "color": "rgb"}
    return lambda **options: images(request, **{**given, **options})


def test_rows_are_in_the_order_of_names_whatever_the_system_gives(load, photos):
    (photos / "blue" / "10.JPG").write_bytes(content(BLUE, kind="JPEG", quality=95))
    (photos / "blue" / ".hidden").write_text("of the system")
    (photos / "LICENSE.txt").write_text("beside the classes")
    table = load()
    assert table.classes == ("blue", "red")
    assert table.targets.tolist() == [0] * 5 + [1] * 4
    assert table.image_shape == (4, 4, 3)
    assert table.features.dtype == np.uint8
    np.testing.assert_allclose(table.features[2].reshape(-1, 3), [BLUE] * 16, atol=4)
    np.testing.assert_array_equal(table.features[0].reshape(-1, 3), [BLUE] * 16)
    _, files = class_files(photos)
    assert [path.name for _, path in files][:3] == ["0.png", "1.png", "10.JPG"]
    gray = load(color="gray")
    assert gray.image_shape == (4, 4)
    # The weights of ITU-R 601: 0.299 red, 0.587 green, 0.114 blue.
    assert gray.features[0, 0] == round(0.299 * 10 + 0.587 * 10 + 0.114 * 250)


def test_classes_that_are_numbers_are_in_their_order(tmp_path):
    for name in ("10", "9", "1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(content())
    assert class_files(tmp_path)[0] == ("1", "9", "10")


def test_kinds_of_pixels(tmp_path):
    drawing = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    drawing.putpixel((1, 0), (0, 0, 0, 255))
    drawing.save(tmp_path / "transparent.png")
    Image.fromarray(np.array([[0, 65535]], np.uint16)).save(tmp_path / "deep.png")
    drawing.convert("P").save(tmp_path / "palette.png")
    held = Image.new("RGB", (2, 1), BLUE)
    held.putpixel((0, 0), RED)
    note = Image.Exif()
    note[0x0112] = 3  # upside down
    held.save(tmp_path / "turned.png", exif=note)
    rows = {path.stem: read_images([path], (1, 2, 3))[0].reshape(2, 3).tolist() for path in tmp_path.iterdir()}
    assert rows["transparent"] == rows["palette"] == [[255] * 3, [0] * 3]
    assert rows["deep"] == [[0] * 3, [255] * 3]
    assert rows["turned"] == [list(BLUE), list(RED)]


def test_images_for_testing(load, photos):
    (photos / "red").rename(photos.parent / "kept")
    (photos.parent / "test").mkdir()
    (photos.parent / "kept").rename(photos.parent / "test" / "red")
    (photos / "red").mkdir()
    (photos / "red" / "a.png").write_bytes(content())
    with pytest.raises(DataError, match="test has only the class red"):
        load(test_folder="test")
    (photos.parent / "test" / "green").mkdir()
    (photos.parent / "test" / "green" / "a.png").write_bytes(content())
    with pytest.raises(DataError, match="test has the classes green, red, and photos has blue, red"):
        load(test_folder="test")
    (photos.parent / "test" / "green").rename(photos.parent / "test" / "blue")
    assert load(test_folder="test").test_targets.tolist() == [0, 1, 1, 1, 1]


def png(width, height):
    """The beginning of a PNG file that promises so many pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 100) + b"IDAT" + bytes(50)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.png", b"", "is empty"),
        ("x.png", b"text", "neither a PNG nor a JPEG file"),
        ("x.png", content(kind="JPEG"), "is a JPEG file, whatever its ending says"),
        ("x.jpg", content(), "is a PNG file, whatever its ending says"),
        ("x.gif", b"GIF89a", "is not a PNG or JPEG file"),
        ("x.png", content(size=(90, 90))[:-40], "is damaged: "),
        ("x.jpeg", content(size=(90, 90), kind="JPEG")[:300], "is damaged: "),
        ("x.png", png(100_000, 100_000), "has more than the 67,108,864 pixels that are read"),
        ("x.png", png(8_193, 8_192), "has more than the 67,108,864 pixels that are read"),
        ("x.png", png(10, 10), "is damaged: "),
        ("x.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "is damaged: "),
    ],
    ids=range(11),
)
def test_files_that_are_no_images(load, photos, name, data, said):
    (photos / "red" / name).write_bytes(data)
    with pytest.raises(DataError) as caught:
        load()
    assert str(photos / "red" / name) in caught.value.message
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_folders_that_are_not_of_classes(load, photos, monkeypatch):
    (photos / "red" / "deep").mkdir()
    with pytest.raises(DataError, match="deep is a folder within a class"):
        load()
    (photos / "red" / "deep").rmdir()
    (photos / "over.png").write_bytes(content())
    with pytest.raises(DataError, match=r"over\.png lies beside the classes"):
        load()
    (photos / "over.png").unlink()
    for path in (photos / "red").iterdir():
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(DataError, match=r"photos/red has no folders"):
        load(folder="photos/red")
    with pytest.raises(DataError, match=r"red/\d\.txt is not a PNG or JPEG file"):
        load()
    for path in (photos / "red").iterdir():
        path.rename(path.with_suffix(".png"))
    (photos / "green").mkdir()
    with pytest.raises(DataError, match="green has no images"):
        load()
    (photos / "green").rmdir()
    monkeypatch.setattr(image_files, "LARGEST", 100)
    with pytest.raises(DataError, match="8 images of 4 x 4 x 3 bytes are more than the 100 bytes"):
        load()
    monkeypatch.setattr(image_files, "LARGEST_FILE", 20)
    with pytest.raises(DataError, match="more than the 20 bytes that are read"):
        load(size=1)


def test_wrong_options(load):
    with pytest.raises(UsageError, match="size = 0: expected 1 to 1024"):
        load(size=0)
    with pytest.raises(UsageError, match='color = "sepia": expected rgb or gray'):
        load(color="sepia")
    with pytest.raises(DataError, match="nowhere: no such folder"):
        load(folder="nowhere")
    with pytest.raises(DataError, match=r"0\.png: not a folder"):
        load(folder="photos/red/0.png")
    with pytest.raises(UsageError, match=r"folder = '\.\./\.\./\.\.': .* lies outside"):
        load(folder="../../..")


def test_links_may_not_lead_out(load, photos, tmp_path):
    (tmp_path / "private.png").write_bytes(content())
    (photos / "red" / "near.png").symlink_to(photos / "blue" / "0.png")
    assert len(load().features) == 9
    (photos / "red" / "link.png").symlink_to(tmp_path / "private.png")
    with pytest.raises(DataError, match=r"link\.png is a link that leads out of .*photos"):
        load()
    with pytest.raises(DataError, match=r"link\.png is a link that leads out of"):
        files_to_answer_for(photos)
    (photos / "red" / "link.png").unlink()
    (tmp_path / "elsewhere").mkdir()
    (photos / "green").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="green is a link that leads out of"):
        load()


SCENARIO = """
scenario = { name = "photos", title = "Photos" }
data = { source = "images", folder = "photos", size = 4, validation_fraction = 0.25 }
network.loss = "binary_cross_entropy"
network.layers = [{ kind = "dense", units = 1, activation = "sigmoid" }]
optimizer = { name = "sgd", lr = 1.0 }
training = { epochs = 20, batch_size = 4 }
plots.pictures = ["learning_curves"]
"""


def test_a_network_answers_for_images_and_folders(photos, tmp_path, monkeypatch, capsys):
    (tmp_path / "photos.toml").write_text(SCENARIO)
    neurosim.run(tmp_path / "photos.toml", out=tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.jpg").write_bytes(content(RED, (30, 20), "JPEG"))
    assert execute(["predict", "run", "--data", "new.jpg"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[:2] == ["file", "prediction"]
    assert shown[1].split()[:2] == ["new.jpg", "red"]
    assert execute(["predict", "run", "--data", "photos", "--out", "answers.csv"]) == 0
    rows = [line.split(",")[:2] for line in (tmp_path / "answers.csv").read_text().splitlines()]
    assert rows[0] == ["file", "prediction"]
    assert rows[1:] == [[f"{name}/{number}.png", name] for name in ("blue", "red") for number in range(4)]
    # The run's own scenario finds the images from its folder, and is still that of the run.
    simulator = neurosim.Simulator("run")
    assert simulator.data.classes == ("blue", "red")
    assert execute(["compare", "run", "run"]) == 0
    capsys.readouterr()
    photos.rename("moved")
    assert execute(["report", "run"]) == 3
    assert f"{photos}: there is no such folder any more" in capsys.readouterr().err
    (tmp_path / "rows.csv").write_text("a\n1\n")
    assert execute(["predict", "run", "--data", "rows.csv"]) == 3
    assert "It learned from images: give it a PNG or JPEG file" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert execute(["predict", "run", "--data", "empty"]) == 3
    assert "empty has no PNG or JPEG files" in capsys.readouterr().err


def test_a_network_of_numbers_takes_no_images(tmp_path):
    (tmp_path / "new.png").write_bytes(content())
    model = neurosim.fit([[0.0, 1.0], [1.0, 0.0]] * 4, [0, 1] * 4, epochs=0)
    assert model.scenario.data.source == "arrays"
    neurosim.run("xor", out=tmp_path / "run", overrides={"training.epochs": 0, "expect": {}})
    with pytest.raises(DataError, match=r"new\.png: this network has not learned from images"):
        neurosim.load_model(tmp_path / "run").read(tmp_path / "new.png")


def test_without_pillow_the_package_is_named(load, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(UsageError, match="Pillow, which is not installed") as caught:
        load()
    assert caught.value.hint == 'pip install "neurosim-edu[images]"'
