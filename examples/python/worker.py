"""Un worker completo: toma tareas de Redis y no pierde ninguna, lo mate quien lo mate. El porqué: README.md."""
import json, os, pathlib, resource, signal, socket, threading, time
import redis
import source
from PIL import UnidentifiedImageError
from filters import process

LUA = pathlib.Path(os.environ.get("WORKERPOOL_LUA", pathlib.Path(__file__).parents[2] / "crates/protocol/src/lua"))
QUEUE, HOST = os.environ.get("QUEUE", "tasks"), socket.gethostname()
NAME, NAMESPACE = os.environ.get("POD_NAME", f"{HOST}-{os.getpid()}"), os.environ.get("POD_NAMESPACE", "")
LEASE, RESULT, FENCE, PAUSE, GAP = 8_000, 3_600_000, 86_400_000, 1_000, 2_000  # milisegundos
GRACE = float(os.environ.get("GRACE", 25))  # segundos para acabar lo empezado tras un SIGTERM
PERMANENT = (ValueError, KeyError, TypeError, AttributeError, RecursionError, UnidentifiedImageError)  # otro intento acabaría igual

class Patient(redis.Connection):
    """Los 3 segundos de paciencia son para el silencio, no para todo un envío: una línea lenta también llega."""
    def _connect(self):
        sock = super()._connect()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        return sock

    def send_packed_command(self, command, check_health=True):
        pieces = [part[i:i + 65_536] for part in command for i in range(0, len(part), 65_536)]
        super().send_packed_command(pieces, check_health)

r = redis.Redis(connection_pool=source.pool(f"wp:{{{QUEUE}}}:ready", Patient))
stop, me, doing = threading.Event(), "", ""  # me: nuestro nombre en el registro, con su generación: "ana.7"

def key(name, id=None, task=""):
    """El nombre completo: detrás de "worker:" y "claimed:" va un worker (nosotros, si no se dice otro)."""
    owner = me if id is None else id
    return f"wp:{{{QUEUE}}}:{name}" + {"worker:": owner, "claimed:": owner, "results:": task}.get(name, "")

def script(name, keys, before=""):
    """Un guion de Lua listo para llamarlo con sus argumentos; las claves ya las sabe."""
    code = r.register_script("".join((LUA / f"{it}.lua").read_text() for it in f"common {before} {name}".split()))
    return lambda *args, **whose: code([key(it, **whose) for it in keys.split()], args)

register = script("register", "generation workers worker: claimed:")
heartbeat = script("heartbeat", "worker: workers claimed:")
take = script("take", "worker: claimed: ready delayed suspects turn", before="taking")
claimed = script("claimed", "worker: claimed:")
ack = script("ack", "claimed: worker: stats attempts results: unread ready delayed suspects turn", before="taking")
fail = script("fail", "claimed: worker: delayed attempts stats failed results: unread", before="failure")
hand_back = script("hand_back", "claimed: worker: ready suspects")
dead = script("dead", "workers reaper worker:")
reap = script("reap", "workers worker: claimed: suspects attempts stats failed results: unread", before="failure")
drain = script("drain", "worker: claimed:")
deregister = script("deregister", "workers worker: claimed:")

def next_task():
    """Toma como mucho una tarea. Si no hay, espera un segundo y devuelve None."""
    global me
    leased, held, draining, element = take(0) if me else (0, 0, 0, None)
    if not leased:  # la primera vez, o el arriendo se perdió: a partir de aquí somos otra generación
        me = register(NAME, LEASE, NAME, HOST, "python", NAMESPACE, 1, id="").decode()
    elif draining:
        stop.wait(.5)
    elif element is not None:
        return element
    else:  # held: una toma anterior cuya respuesta se perdió por el camino
        element = r.lindex(key("claimed:"), 0) if held else r.blmove(key("ready"), key("claimed:"), 1, "RIGHT", "LEFT")
        if element is not None and not claimed():  # el arriendo acabó mientras tanto
            hand_back(element)
        else:
            return element

def retry_forever(call, *args, **whose):
    """Lo que termina una tarea se repite hasta que Redis conteste; dos veces no hace daño."""
    while True:
        try:
            return call(*args, **whose)
        except redis.RedisError:
            r.connection_pool.disconnect(inuse_connections=False)  # no las del otro hilo
            time.sleep(.5)

def refuse(word):
    raise ValueError(f"{word} no es JSON")

def parse(element):
    """La tarea de un elemento: su id, cuánto se guarda el resultado, su body. ValueError: no es ninguna tarea."""
    integer = lambda digits: float(digits) if digits == "-0" else int(digits)  # -0 solo existe con decimales
    task = json.loads(element.decode(), parse_constant=refuse, parse_int=integer)
    whole = lambda value, bits: type(value) is int and 0 <= value < 2 ** bits
    if not isinstance(task, dict) or not isinstance(task.get("id"), str) or "body" not in task:
        raise ValueError("una tarea es un objeto con id (un texto), at y body")
    if type(task.get("at")) is not int or abs(task["at"]) >= 2 ** 63 or not whole(task.get("attempt", 1), 32):
        raise ValueError("at y attempt son números enteros")
    keep = task.get("keep")
    if keep is not None and not whole(keep, 64):
        raise ValueError("keep es un número de milisegundos")
    json.dumps([task["id"], task["body"]], ensure_ascii=False).encode()  # medio carácter, como \ud800, no es texto
    return task["id"], RESULT if keep is None else keep, task["body"]

def work(element):
    global doing
    started = time.monotonic()
    try:
        doing, keep, body = parse(element)
        result = {"id": doing, "worker": me, **process(body, r.get)}
        took = result["millis"] = round((time.monotonic() - started) * 1000)
        text = json.dumps(result)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".encode(errors="replace")
        retry_forever(fail, element, reason, 1 if isinstance(error, PERMANENT) else 5, RESULT, PAUSE)
    else:
        retry_forever(ack, element, doing, text, keep, took, task=doing)

def keep_alive():
    """En un hilo aparte, que ninguna tarea puede frenar: renueva nuestro arriendo y rescata lo que tenían los muertos."""
    cpu = spent = 0
    while not time.sleep(1):
        cpu += (100 * (time.process_time() - spent) - cpu) / 15  # la media de unos 15 s, en % de una CPU
        spent = time.process_time()
        try:
            heartbeat(me, LEASE, round(cpu), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, doing)
            if stop.is_set():
                drain(1)
            for id in (it.decode() for it in dead(450, LEASE, GAP, id="")):
                while reap(id, 500, 5, RESULT, FENCE, id=id)[2]:
                    pass
        except Exception:  # este hilo no muere nunca: sin él nos darían por muertos
            pass  # Redis no está: ya volverá

def leave():
    """Devuelve lo que quede a medias y se borra del registro."""
    while me and retry_forever(deregister, me, FENCE):
        if (element := r.lindex(key("claimed:"), 0)) is not None:
            retry_forever(hand_back, element)

def give_up():
    """Se acabó la gracia y la tarea no: otro la hará. Sin Redis, en 3 segundos: entonces el arriendo acaba solo."""
    farewell = threading.Thread(target=leave, daemon=True)
    farewell.start()
    farewell.join(3)
    os._exit(0)

def on_sigterm(*_):
    stop.set()
    timer = threading.Timer(GRACE, give_up)
    timer.daemon = True
    timer.start()

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, on_sigterm)
    threading.Thread(target=keep_alive, daemon=True).start()
    while not stop.is_set():
        try:
            if (element := next_task()) is not None:  # también un elemento vacío es basura que hay que apartar
                work(element)
        except redis.RedisError:
            r.connection_pool.disconnect(inuse_connections=False)  # no las del otro hilo
            stop.wait(1)
    leave()
