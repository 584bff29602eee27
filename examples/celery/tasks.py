"""The tasks, and the settings that matter on Kubernetes."""
import os
import time

from celery import Celery

app = Celery("tasks", broker=os.environ["REDIS_URL"])
app.conf.update(
    # By default a worker fetches four tasks for each slot ahead, and no new worker can take these.
    worker_prefetch_multiplier=1,
    # A task is acknowledged when it has ended: one whose worker is killed runs again. So it must bear to run twice.
    task_acks_late=True,
    # When it does: longer than the longest task, or a task that still runs is begun again beside itself.
    broker_transport_options={"visibility_timeout": 600},
    broker_connection_retry_on_startup=True,
)


@app.task
def work(seconds):
    time.sleep(seconds)
