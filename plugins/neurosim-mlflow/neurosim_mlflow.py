"""A log in MLflow: the settings of a run as parameters, its measures as metrics, an epoch a step, and how it ended."""

import os
import time

from neurosim import RunObserver, hookimpl

KNOWN = "mlflow_run_id"  # in a run folder: the run in MLflow, which a resumed one continues
heard = {}  # by the folder of a network that is being trained: its run in MLflow, and the epochs that this has


def started(progress):
    client, known, last = _client(), None, 0
    if progress.folder is not None and (progress.folder / KNOWN).is_file():
        known = (progress.folder / KNOWN).read_text()
        last = max((metric.step for metric in client.get_metric_history(known, "train_loss")), default=0)
        client.update_run(known, "RUNNING")
    else:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "neurosim")
        there = client.get_experiment_by_name(name)
        number = there.experiment_id if there is not None else client.create_experiment(name)
        known = client.create_run(number, run_name=f"{progress.name}, seed {progress.seed}").info.run_id
        for key, value in progress.settings.items():
            client.log_param(known, key, str(value)[:500])
        if progress.folder is not None:
            (progress.folder / KNOWN).write_text(known)
    heard[_place(progress)] = known, last
    for record in progress.records[last:]:
        _write(known, record)


def epoch(progress):
    known, last = heard[_place(progress)]
    if progress.epoch > last:  # else it was written before the run was interrupted
        _write(known, progress.record)


def ended(progress):
    _client().set_terminated(heard.pop(_place(progress))[0], "FINISHED")


def left(progress):
    if _place(progress) in heard:
        _client().set_terminated(heard.pop(_place(progress))[0], "KILLED")


def _place(progress):
    return progress.folder or (progress.name, progress.seed)


def _write(known, record):
    from mlflow.entities import Metric

    now, step = int(time.time() * 1000), record["epoch"]
    values = [(name, value) for name, value in record.items() if name != "epoch" and value is not None]
    _client().log_batch(known, metrics=[Metric(name, value, now, step) for name, value in values])


def _client():
    from mlflow import MlflowClient  # takes seconds to import

    return MlflowClient()


@hookimpl
def neurosim_observers():
    return [RunObserver("mlflow", started=started, epoch=epoch, ended=ended, left=left, log=True, source="mlflow.org")]
