"""Sends tasks with Celery's own producer: send.py QUEUE COUNT [countdown=S] [priority=N]."""
import sys
from app import work

queue, count, *options = sys.argv[1:]
options = {name: int(value) for name, value in (option.split("=") for option in options)}
for _ in range(int(count)):
    work.apply_async(["x"], queue=queue, **options)
