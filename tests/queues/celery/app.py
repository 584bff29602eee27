"""The Celery application of the tests: its tasks write down when they begin and end, as plain facts in another database."""
import os, time
import celery, redis

broker = os.environ["BROKER"]
app = celery.Celery("app", broker=broker)
options = {}
if os.environ.get("PREFIX"):
    options["global_keyprefix"] = os.environ["PREFIX"]
if os.environ.get("STEPS"):
    options["priority_steps"] = [int(step) for step in os.environ["STEPS"].split(",")]
    options["sep"] = os.environ["SEPARATOR"]
app.conf.update(
    broker_transport_options=options,
    broker_connection_retry_on_startup=True,
    task_acks_late=os.environ.get("ACKS_LATE") == "1",
)
facts = redis.Redis.from_url(os.environ["FACTS"])


@app.task(bind=True)
def work(self, key):
    """Runs until the test lets it end."""
    facts.sadd("running", self.request.id)
    facts.sadd("began", self.request.id)
    try:
        while not facts.exists("end:" + key) and not facts.exists("end"):
            time.sleep(0.02)
    finally:
        facts.srem("running", self.request.id)
    facts.incr("ended")
