"""The Celery app that workers start with, configured by the pipeline's settings:

celery -A matchme_pipeline.operations.celery_app worker --queues dagster --concurrency 2 --max-tasks-per-child 1
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """`app` is created when Celery asks for it."""
    if name != "app":
        raise AttributeError(name)
    from dagster_celery.make_app import make_app
    from dagster_celery.tasks import create_execute_job_task, create_resume_job_task, create_task

    from matchme_pipeline.operations import executors
    from matchme_pipeline.operations.celery_config import app_config
    from matchme_pipeline.settings import process_settings

    settings = process_settings()
    executors.require(settings)
    assert settings.celery_broker is not None
    # Load the code before the worker forks, so that the process of each step starts with it.
    import_module("matchme_pipeline.definitions")
    app = make_app(app_config(settings.celery_broker.get_secret_value()))
    for create in (create_task, create_execute_job_task, create_resume_job_task):
        create(app)
    globals()["app"] = app
    return app
