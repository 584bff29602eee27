"""Runs the operator in a network of its own, as in a pod: pools name addresses of every kind, the cluster's DNS changes
its mind, and each packet to an address that is forbidden is counted. Prints the counts and the pools' messages."""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DNS, REDIS, API, TENANT, METADATA = "10.96.0.10", "10.0.0.7", "10.96.0.1", "10.9.9.9", "169.254.169.254"
LOOPBACK_PORT = 7777  # loopback's other ports are those of this test
POOLS = {
    "flip": "flip:6379",  # a Service whose answer changes with each question
    "alias": "alias:6379",  # of type ExternalName, to the Service of another tenant
    "tenant": "redis.other.svc:6379",
    "address": f"{TENANT}:6379",
    "metadata": f"{METADATA}:80",
    "mapped": f"[::ffff:{METADATA}]:80",
    "loopback": f"127.0.0.1:{LOOPBACK_PORT}",
    "localhost": f"localhost:{LOOPBACK_PORT}",
    "api": f"{API}:443",
    "api-name": "kubernetes.default.svc:443",
}
counts = {"allowed": 0, "forbidden": 0}
questions = {"flip": 0}
messages = {}


def records(name, kind):
    """The A records of a name, and what it is an alias for."""
    if name.startswith("flip.shop.svc"):
        questions["flip"] += 1
        return [REDIS, METADATA, API, "127.0.0.1"][questions["flip"] % 4 - 1], None
    return {
        "alias.shop.svc.cluster.local": (TENANT, "redis.other.svc.cluster.local"),
        "redis.other.svc.cluster.local": (TENANT, None),
        "kubernetes.default.svc.cluster.local": (API, None),
    }.get(name, (None, None))


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def serve_dns():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((DNS, 53))
    while True:
        request, client = server.recvfrom(512)
        labels, at = [], 12
        while request[at]:
            labels.append(request[at + 1 : at + 1 + request[at]].decode())
            at += 1 + request[at]
        kind = struct.unpack(">H", request[at + 1 : at + 3])[0]
        name = ".".join(labels).lower()
        address, alias = records(name, kind) if kind == 1 else (None, None)
        answers = []
        if alias:
            answers.append(encode(name) + struct.pack(">HHIH", 5, 1, 1, len(encode(alias))) + encode(alias))
        if address:
            answers.append(encode(alias or name) + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(address))
        flags = 0x8180 if answers or kind != 1 else 0x8183
        head = request[:2] + struct.pack(">HHHHH", flags, 1, len(answers), 0, 0)
        server.sendto(head + request[12 : at + 5] + b"".join(answers), client)


def count_packets():
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    while True:
        frame, source = sniffer.recvfrom(2048)
        if source[2] != socket.PACKET_OUTGOING or frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        to = socket.inet_ntoa(frame[30:34])
        port = struct.unpack(">H", frame[36:38])[0]
        if to == REDIS:
            counts["allowed"] += 1
        elif to in (API, TENANT, METADATA) or (to == "127.0.0.1" and port == LOOPBACK_PORT):
            counts["forbidden"] += 1


def target(name):
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1, "resourceVersion": "1"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}}},
            "status": {"replicas": 3, "updatedReplicas": 3, "observedGeneration": 1}}


def pool(name, address):
    return {"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
            "metadata": {"name": name, "namespace": "shop", "uid": "pool-" + name, "generation": 1,
                         "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"scaleTargetRef": {"name": name}, "minReplicas": 3, "maxReplicas": 10,
                     "redis": {"address": f"redis://{address}/0"}, "queues": [{"name": "tasks"}]}}


LISTS = {
    "/apis/workerpool.dev/v1alpha1/workerpools": ("WorkerPoolList", [pool(*it) for it in POOLS.items()]),
    "/apis/autoscaling/v2/horizontalpodautoscalers": ("HorizontalPodAutoscalerList", []),
    "/apis/apps/v1/deployments": ("DeploymentList", [target(name) for name in POOLS]),
}


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, code=200):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path not in LISTS:
            self.answer({"kind": "Status", "code": 404, "reason": "NotFound"}, 404)
        elif "watch=" in query:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            time.sleep(60)
        else:
            kind, items = LISTS[path]
            version = "/".join(path.split("/")[2:4])
            self.answer({"kind": kind, "apiVersion": version, "metadata": {"resourceVersion": "1"}, "items": items})

    def do_PATCH(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = body["metadata"]["name"]
        if self.path.partition("?")[0].endswith("/status"):
            messages[name] = body["status"].get("decision", {}).get("message", "")
        self.answer({**pool(name, POOLS[name]), **{key: body[key] for key in body if key == "status"}})

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["content-length"]))), 201)


def run(*command):
    subprocess.run(command, check=True)


run("ip", "link", "set", "lo", "up")
for address in (DNS, REDIS, API, TENANT, METADATA):
    run("ip", "address", "add", address + "/32", "dev", "lo")
folder = tempfile.mkdtemp()
with open(folder + "/resolv.conf", "w") as file:
    file.write(f"search ops.svc.cluster.local svc.cluster.local cluster.local\nnameserver {DNS}\noptions ndots:5\n")
run("mount", "--bind", folder + "/resolv.conf", os.path.realpath("/etc/resolv.conf"))
server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
server.daemon_threads = True
with open(folder + "/kubeconfig", "w") as file:
    json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
               "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
               "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}, file)
for serve in (serve_dns, count_packets, server.serve_forever):
    threading.Thread(target=serve, daemon=True).start()
environment = dict(os.environ, KUBECONFIG=folder + "/kubeconfig", KUBERNETES_SERVICE_HOST=API)
operator = subprocess.Popen([*sys.argv[1:], "--listen=127.0.0.1:8080"], env=environment, stdout=subprocess.DEVNULL)
deadline = time.monotonic() + 60
def is_over():
    """Each pool says why, and the answer for "flip" has changed under the operator's eyes: one may come too late."""
    has_ended = counts["allowed"] and questions["flip"] > 1 and all("may " in messages.get(name, "") for name in POOLS)
    return has_ended or counts["forbidden"]


while time.monotonic() < deadline and not is_over():
    time.sleep(0.05)
operator.terminate()
operator.wait()
print(json.dumps({"counts": counts, "messages": messages}))
