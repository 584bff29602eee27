"""Does what each line of its input says, as an application does, and answers each with a line."""

import json
import sys
import threading

from jobs import run


def burst(queue, name):
    for number in range(20):
        run.apply_async([f"{name}-{number}"], queue=queue)


sending = None
for line in sys.stdin:
    what = json.loads(line)
    if what["do"] == "burst":
        sending = threading.Thread(target=burst, args=(what["queue"], what["job"]))
        sending.start()
    elif what["do"] == "join":
        sending.join()
    else:
        run.apply_async([what["job"]], queue=what["queue"], countdown=what.get("delay"))
    print("done", flush=True)
