"""Dónde está Redis: con las mismas opciones que los demás programas. Se busca otra vez en cada conexión nueva."""
import argparse, os
import redis
from redis.connection import SSLConnection, parse_url

def options():
    parser = argparse.ArgumentParser(description="Un worker de filtros de imagen.")
    parser.add_argument("--redis", metavar="URL", default=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    parser.add_argument("--tls", action="store_true", help="conecta por TLS, como rediss://")
    for name, meta in (("cacert", "FICHERO"), ("cert", "FICHERO"), ("key", "FICHERO"), ("username", "USUARIO"),
                       ("password-env", "VARIABLE"), ("sentinel", "HOST:PUERTO,…"), ("master", "NOMBRE"),
                       ("sentinel-password-env", "VARIABLE"), ("cluster", "HOST:PUERTO,…")):
        parser.add_argument(f"--{name}", metavar=meta)
    found = parser.parse_args()
    if bool(found.sentinel) != bool(found.master) or bool(found.cert) != bool(found.key) or found.sentinel and found.cluster:
        parser.error("--sentinel va con --master, --cert con --key, y --cluster sin --sentinel")
    for name in filter(None, (found.password_env, found.sentinel_password_env)):
        if name not in os.environ:
            parser.error(f"la variable {name} no está definida")
    return found

def servers(text):
    """Los servidores de "a:1,[::1]:2"."""
    pairs = (part.rpartition(":") for part in text.split(","))
    return [(host.strip("[]"), int(port)) for host, _, port in pairs]

def pool(key, patient):
    """Las conexiones, de la clase `patient`, con el servidor que tiene la cola: todas sus claves están en el slot de `key`."""
    asked = options()
    settings = parse_url(asked.redis)
    secure = settings.pop("connection_class", None) is SSLConnection or asked.tls or asked.cacert or asked.cert
    if asked.username:
        settings["username"] = asked.username
    if asked.password_env:
        settings["password"] = os.environ[asked.password_env]
    tls = dict(ssl_cert_reqs="required", ssl_check_hostname=True, ssl_ca_certs=asked.cacert, ssl_certfile=asked.cert,
               ssl_keyfile=asked.key) if secure else {}
    login = {name: settings[name] for name in ("username", "password") if name in settings}
    if asked.sentinel:
        login = {"password": os.environ[asked.sentinel_password_env]} if asked.sentinel_password_env else {}

    def ask(host, port):
        """Qué servidor dice este Sentinel, o este nodo, que tiene la cola; None si no lo sabe."""
        with redis.Redis(host=host, port=port, socket_timeout=1, ssl=bool(secure), **tls, **login) as server:
            if asked.sentinel:
                return server.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", asked.master)
            slot = server.execute_command("CLUSTER", "KEYSLOT", key)
            ranges = server.execute_command("CLUSTER", "SLOTS")
            mine = [node for first, last, node, *_ in ranges if first <= slot <= last]
            return mine and (mine[0][0] or host, mine[0][1])  # un nodo que no sabe su nombre es el preguntado

    def find():
        failure = redis.ConnectionError("ninguno sabe dónde está la cola")
        for host, port in servers(asked.sentinel or asked.cluster):
            try:
                if named := ask(host, port):
                    host, port = named[:2]
                    return host.decode() if isinstance(host, bytes) else host, int(port)
            except redis.RedisError as error:
                failure = error
        raise failure

    class Found(*((patient, SSLConnection) if secure else (patient,))):
        def _connect(self):
            if asked.sentinel or asked.cluster:
                self.host, self.port = find()
            return super()._connect()

    return redis.ConnectionPool(connection_class=Found, socket_timeout=3, **settings, **tls)
