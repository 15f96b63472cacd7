"""The tasks by name."""

from __future__ import annotations

import difflib

from automl_agent.exceptions import InputError
from automl_agent.tasks.base import Task
from automl_agent.tasks.classification import CLASSIFICATION_TASK
from automl_agent.tasks.regression import REGRESSION_TASK

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFICATION_TASK, REGRESSION_TASK)}


def find_task(name: str) -> Task:
    """Look up a task by name.

    Raises:
        InputError: there is no such task.
    """
    task = TASKS.get(name.strip().lower())
    if task is None:
        near = difflib.get_close_matches(name.lower(), TASKS, n=1)
        guess = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(f"there is no task '{name}'", f"{guess}choose {' or '.join(TASKS)}")
    return task
