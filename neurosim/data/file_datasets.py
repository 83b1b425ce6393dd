"""Data sets that come from files: iris and digits are shipped, MNIST is fetched, csv is your own."""

import gzip
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np

from neurosim.data import (
    DOWNLOADS,
    cifar,
    damaged_files,
    dataset_folder,
    is_own,
    read_csv,
    read_idx,
    stored_file,
)
from neurosim.data.arrays import FILE, read_rows
from neurosim.data.columns import DROP, PLAIN, REFUSE, Encoding, refuse_dates
from neurosim.data.csv_columns import read_columns
from neurosim.data.csv_faults import ABSENT
from neurosim.data.image_files import class_files, image_shape, read_images
from neurosim.data.published import unpacked_in
from neurosim.data.targets import MOST_AUTO_CLASSES, check_one_column, check_task, classes_of, looks_like_values
from neurosim.errors import DataError, UsageError
from neurosim.files.inputs import faults_in
from neurosim.plugin import Dataset, Table, hookimpl
from neurosim.printable import command
from neurosim.suggestions import listed, named

TABLES = Path(__file__).with_name("tables")

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def iris(request):
    return table_of(read_csv(TABLES / "iris.csv"), ["species"], task="classification")


def digits(request):
    with gzip.open(TABLES / "digits.csv.gz", "rt", encoding="ascii") as lines:
        rows = np.loadtxt(lines, delimiter=",", dtype=np.float32)
    return Table(
        features=np.ascontiguousarray(rows[:, :64]),
        targets=rows[:, 64].astype(np.int64),
        classes=DIGITS,
        image_shape=(8, 8),
    )


def arrays(request, file, task, categorical, indices, missing):
    encoding = Encoding(categorical, indices, missing)
    path = Path(request.base) / file
    if file == FILE and not path.exists():
        raise DataError(
            f"{path}: no such file, and no rows are given",
            'From Python: neurosim.run(scenario, data=(X, y)); or  numpy.savez("data.npz", X=X, y=y)  beside the '
            "scenario.",
        )
    return read_rows(request.file(file), task, encoding)


def csv(request, file, target, features, task, weights, categorical, indices, missing):
    check_task(task)
    encoding = Encoding(categorical, indices, missing)
    table = read_csv(request.file(file))
    targets = [target] if isinstance(target, str) else list(target)
    if weights:
        table.require([weights])
        if weights in (*targets, *features):
            role = "a feature" if weights in features else "the target" if len(targets) == 1 else "a target"
            hint = "Weights have a column of their own."
            raise UsageError(f'weights = "{named(weights)}": this column is {role}', hint)
    return table_of(table, targets, features, task, weights, encoding)


def table_of(table, targets, features=(), task="auto", weights="", encoding=PLAIN):
    """The columns `features` (when empty all but targets and weights) as inputs, and one column or several to learn."""
    table.require([*targets, *features])
    if len(set(targets)) < len(targets):
        raise UsageError(f"target = {targets}: each column once")
    if not {*targets}.isdisjoint(features) or len(set(features)) < len(features):
        one = len(targets) == 1
        raise UsageError(
            f"features = {list(features)}: each column once, and {'not the target' if one else 'no target'}",
            f'target is "{named(targets[0])}".' if one else f"The targets are {listed(targets)}.",
        )
    names = tuple(features) or tuple(name for name in table.names if name not in (*targets, weights))
    if not names:
        besides = f'the target "{targets[0]}"' if len(targets) == 1 else "the targets"
        raise DataError(f"{table.path}: there is no column besides {besides}")
    check_one_column(task, len(targets))
    values = len(targets) > 1 or task == "regression" or (task == "auto" and holds_values(table, targets[0]))
    rows = read_columns(table, names, targets if values else (), () if values else targets, encoding)
    found = Table(
        rows.inputs,
        rows.values,
        feature_names=rows.names,
        target_names=tuple(targets),
        weights=table.weights(weights)[rows.kept] if weights else None,
        columns=rows.columns,
        left_out=table.count - int(rows.kept.sum()),
    )
    if values:
        return found
    labels = table.texts(targets[0], missing="keep" if encoding.missing == DROP else "refuse")
    classes, indices = classes_of(compress(labels, rows.kept))
    check_classes(table, targets[0], classes, len(indices), task)
    return replace(found, targets=indices, classes=classes)


def holds_values(table, target):
    """Whether a column, going by what is in it, is of values rather than classes."""
    return looks_like_values(text for text in table.texts(target, missing="skip") if text not in ABSENT)


def check_classes(table, target, classes, count, task):
    """Raise DataError where the target of so many rows has one class only, or rather too many to be classes."""
    if task == "auto":
        with faults_in(table.path):
            refuse_dates(target, classes)
    if len(classes) < 2:
        raise DataError(
            f'{table.path}: column "{target}" has the same value "{classes[0]}" in every row',
            "Classification needs two classes or more.",
        )
    if task == "auto" and count >= MOST_AUTO_CLASSES and len(classes) > count / 2:
        raise DataError(
            f'{table.path}: column "{target}" has {len(classes):,} different values in {count:,} rows, such as '
            f"{classes[0]!r} and {classes[-1]!r}: too many to be classes, and they are not numbers",
            "Write numbers without units and without separators of thousands, 1000 and not 1,000; or is another column "
            "the target?",
        )


def images(request, folder, test_folder, size, color):
    shape = image_shape(size, color)
    classes, features, targets = images_by_class(request.directory(folder), shape)
    table = Table(features, targets, classes, image_shape=shape)
    if not test_folder:
        return table
    place = request.directory(test_folder, "test_folder")
    test_classes, test_features, test_targets = images_by_class(place, shape)
    if test_classes != classes:
        raise DataError(
            f"{place} has the classes {listed(test_classes)}, and {folder} has {listed(classes)}",
            "Both need the same folders.",
        )
    return replace(table, test_features=test_features, test_targets=test_targets)


def images_by_class(folder, shape):
    classes, files = class_files(folder)
    features = read_images([path for _, path in files], shape)
    return classes, features, np.array([index for index, _ in files], np.int64)


def mnist(request, samples, test_samples):
    return images_in(request.folder, "mnist", DIGITS, samples, test_samples)


def fashion_mnist(request, samples, test_samples):
    return images_in(request.folder, "fashion_mnist", CLOTHES, samples, test_samples)


def cifar10(request, samples, test_samples):
    folder = Path(request.folder)
    refuse_damaged(folder, "cifar10")
    archive, unpacked = stored_file(folder, cifar.ARCHIVE), unpacked_in(folder, DOWNLOADS["cifar10"].files[0])
    try:
        if archive is not None:
            records = cifar.read_archive(archive)
        elif unpacked is not None:
            records = cifar.read_folder(unpacked)
        else:
            records = {}
    except DataError as error:
        raise DataError(error.message, error.hint and replacing(folder, "cifar10")) from error
    if not records:
        raise lacking(folder, "cifar10", cifar.ARCHIVE)
    train = np.concatenate([records[name] for name in cifar.TRAINING])
    test = records[cifar.TEST]
    train, test = train[: chosen("samples", samples, train)], test[: chosen("test_samples", test_samples, test)]
    return Table(
        features=cifar.images_of(train),
        targets=train[:, 0].astype(np.int64),
        classes=cifar.CLASSES,
        image_shape=(cifar.SIDE, cifar.SIDE, cifar.CHANNELS),
        test_features=cifar.images_of(test),
        test_targets=test[:, 0].astype(np.int64),
    )


def images_in(folder, name, classes, samples, test_samples):
    """The 28x28 images of the four files that MNIST and its successors consist of."""
    folder = Path(folder)
    refuse_damaged(folder, name)
    features, targets = images_and_labels(folder, name, "train", classes, "samples", samples)
    test_features, test_targets = images_and_labels(folder, name, "t10k", classes, "test_samples", test_samples)
    return Table(
        features=features,
        targets=targets,
        classes=classes,
        image_shape=(28, 28),
        test_features=test_features,
        test_targets=test_targets,
    )


def images_and_labels(folder, name, part, classes, option, samples):
    images = read(folder, name, f"{part}-images-idx3-ubyte.gz", (None, 28, 28))
    file = f"{part}-labels-idx1-ubyte.gz"
    labels = read(folder, name, file, (len(images),))
    if labels.max() >= len(classes):
        row = int(np.argmax(labels >= len(classes)))
        raise DataError(
            f"{find(folder, name, file)}: label {labels[row]} in row {row}, expected 0 to {len(classes) - 1}",
            replacing(folder, name),
        )
    count = chosen(option, samples, images)
    return images[:count].reshape(count, 28 * 28), labels[:count].astype(np.int64)


def chosen(option, samples, images):
    """How many of the images an option takes."""
    if not 0 <= samples <= len(images):
        raise UsageError(f"{option} = {samples}: expected 0 to {len(images)}", "0 takes all of them.")
    return samples or len(images)


def refuse_damaged(folder, name):
    """Raise DataError where a file is not the published one, if neurosim itself put it there.

    In a folder that the user has named any files of this form will do, such as those of EMNIST.
    """
    damaged = damaged_files(name, folder) if is_own(folder) else []
    if damaged:
        raise DataError(f"{folder}: damaged: {', '.join(damaged)}", replacing(folder, name))


def read(folder, name, file, shape):
    """The array in a file of a data set."""
    path = find(folder, name, file)
    try:
        return read_idx(path, shape)
    except DataError as error:
        # One without a hint cannot be opened, which a new file would not change.
        raise DataError(error.message, error.hint and replacing(folder, name)) from error


def find(folder, name, file):
    path = stored_file(folder, file)
    if path is None:
        raise lacking(folder, name, file)
    return path


def lacking(folder, name, file):
    """The error for a file that is not there."""
    return DataError(
        f"{name}: {file} is not in {folder}",
        f"Run  {fetching(folder, name)}  or point NEUROSIM_DATA or data_dir=... at a folder that has {name}/{file}",
    )


def replacing(folder, name):
    return f"Run  {fetching(folder, name)}  to replace it with the published file."


def fetching(folder, name):
    """The command that downloads a data set into this folder."""
    return command("data", "fetch", name, data_dir=None if folder == dataset_folder(name) else folder.parent)


@hookimpl
def neurosim_datasets():
    published = {"samples": 0, "test_samples": 0}
    columns = {"categorical": [], "indices": [], "missing": REFUSE}
    return [
        Dataset(
            "iris",
            iris,
            description="150 iris flowers of 3 species, 4 lengths in cm",
            source="Fisher 1936",
        ),
        Dataset(
            "digits",
            digits,
            description="1,797 handwritten digits as 8x8 images, values 0 to 16",
            source="Alpaydin and Kaynak 1998 (UCI Machine Learning Repository)",
        ),
        Dataset(
            "csv",
            csv,
            options={"file": None, "target": None, "features": [], "task": "auto", "weights": "", **columns},
            description='your own CSV file, with named columns; task is "auto", "classification" or "regression"; '
            "weights names a column that says how much each row counts",
            several=("target",),
        ),
        Dataset(
            "arrays",
            arrays,
            options={"file": FILE, "task": "auto", **columns},
            description="arrays X and y in an npz file of NumPy, or given in Python; task as for csv",
        ),
        Dataset(
            "images",
            images,
            options={"folder": None, "test_folder": "", "size": 32, "color": "rgb"},
            description="your own PNG or JPEG files, a folder for each class; resized to size x size pixels",
        ),
        Dataset(
            "mnist",
            mnist,
            options=published,
            description="70,000 handwritten digits as 28x28 images, 10,000 of them for testing",
            source="LeCun, Cortes and Burges 1998",
        ),
        Dataset(
            "fashion_mnist",
            fashion_mnist,
            options=published,
            description="70,000 pieces of clothing as 28x28 images, 10,000 of them for testing",
            source="arXiv:1708.07747",
        ),
        Dataset(
            "cifar10",
            cifar10,
            options=published,
            description="60,000 photos of 10 classes as 32x32 images in color, 10,000 of them for testing",
            source="Krizhevsky 2009",
        ),
    ]
