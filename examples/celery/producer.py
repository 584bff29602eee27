"""producer.py COUNT SECONDS: queues COUNT tasks that take SECONDS each."""
import sys

from tasks import work

count, seconds = map(int, sys.argv[1:])
for _ in range(count):
    work.delay(seconds)
