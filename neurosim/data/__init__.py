"""Data: from files to rows that a network can be trained on.

1. A registered data set is asked for its rows and gives a `Table`. Those with files read them with
   `read_idx` (MNIST) or `read_csv` (anything with named columns) from `dataset_folder`, and
   `fetch` downloads and verifies what is public.
2. `prepare` checks the table, deals its rows to `Split` objects and scales them: a `Prepared`.

Readers believe nothing a file says about itself; each fault is a `neurosim.errors.DataError`.
"""

from neurosim.data.csv_faults import FieldsError, parse_number
from neurosim.data.csv_file import CsvFile, read_csv
from neurosim.data.fetch import fetch
from neurosim.data.folders import data_root, dataset_folder, is_own, stored_file
from neurosim.data.idx import read_idx
from neurosim.data.prepare import Prepared, Split, prepare
from neurosim.data.published import DOWNLOADS, Download, RemoteFile, damaged_files, missing_files

__all__ = [
    "DOWNLOADS",
    "CsvFile",
    "Download",
    "FieldsError",
    "Prepared",
    "RemoteFile",
    "Split",
    "damaged_files",
    "data_root",
    "dataset_folder",
    "fetch",
    "is_own",
    "missing_files",
    "parse_number",
    "prepare",
    "read_csv",
    "read_idx",
    "stored_file",
]
