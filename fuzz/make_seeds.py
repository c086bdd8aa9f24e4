#!/usr/bin/env python3
"""Writes fuzz/seeds/: what the fuzz targets begin with, made from the repository's own test data."""
import json
import pathlib
import re
import shutil
import struct

FUZZ = pathlib.Path(__file__).resolve().parent
REPO = FUZZ.parent
SEEDS = FUZZ / "seeds"
# Longer inputs only slow the mutation down.
BYTES_MAX = 4096


def write(target, name, data):
    data = data.encode() if isinstance(data, str) else data
    if len(data) > BYTES_MAX:
        return
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def files(pattern):
    return sorted(REPO.glob(pattern))


# Protocol Buffers' wire format.
def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(tag, value):
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(value)) + value


def chat_requests():
    for path in files("extproc/llm/testdata/requests/*.json"):
        yield path.stem, json.dumps(json.loads(path.read_text())["body"])


def answers():
    for path in files("extproc/llm/testdata/streams/*.sse"):
        api = 0 if path.name.startswith("openai") else 1
        for switches in (0, 2, 4):
            yield f"{path.stem}-{switches}", api | switches, path.read_bytes()
    for path in files("extproc/llm/testdata/answers/*.json"):
        case = json.loads(path.read_text())
        switches = 16 | (0 if case["api"] == "openai" else 1) | (0 if case["status"] == 200 else 8)
        yield path.stem, switches, case["body"].encode()


def manifests():
    for pattern in ("examples/*.yaml", "tests/seeds/*.yaml", "controller/translate/testdata/*.in.yaml"):
        for path in files(pattern):
            yield path.name, path.read_text()
    yield "expand.yaml", 'a: ${KEY}\nb: "${LINES}"\nc: ${EMPTY:=1} # ${NOT}\nd: $${KEY}\n  ${LINES}\n'


def costs():
    text = (REPO / "crates/cost/src/expression/tests.rs").read_text()
    found = re.findall(r'(?:cost|problem)\(\s*"([^"\\]*)"', text) + re.findall(r'^\s+\(?"([^"\\]*)",', text, re.M)
    yield from enumerate(sorted(set(found)))


def frame(message):
    return b"\0" + struct.pack(">I", len(message)) + message


def headers(tag, pairs, end=False):
    entries = b"".join(field(1, field(1, name) + field(3, value)) for name, value in pairs)
    return frame(field(tag, field(1, entries) + (field(3, 1) if end else b"")))


def body(tag, data, end=True):
    return frame(field(tag, field(1, data) + (field(2, 1) if end else b"")))


def streams():
    head = [(":method", "POST"), (":path", "/v1/chat/completions"), (":authority", "localhost"),
            ("content-type", "application/json"), ("authorization", "Bearer sk-alice-example"),
            ("x-request-id", "r1")]
    models = [("models", [(":method", "GET"), (":path", "/v1/models"), head[4]]),
              ("usage", [(":method", "GET"), (":path", "/v1/usage"), head[4]]),
              ("no-key", head[:4])]
    for name, pairs in models:
        yield name, headers(2, pairs, end=True)
    for path in files("extproc/llm/testdata/streams/*.sse"):
        model = "gpt-4o" if path.name.startswith("openai") else "claude"
        request = {"model": model, "stream": True, "max_tokens": 100,
                   "messages": [{"role": "user", "content": "hello"}]}
        data = path.read_bytes()
        half = len(data) // 2
        yield path.stem, b"".join([
            headers(2, head), body(4, json.dumps(request)),
            headers(3, [(":status", "200"), ("content-type", "text/event-stream")]),
            body(5, data[:half], end=False), body(5, data[half:]),
        ])
    for path in files("extproc/llm/testdata/answers/*.json"):
        case = json.loads(path.read_text())
        model = "gpt-4o" if case["api"] == "openai" else "claude"
        request = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
        yield path.stem, b"".join([
            headers(2, head), body(4, json.dumps(request)),
            headers(3, [(":status", str(case["status"])), ("content-type", "application/json"),
                        ("retry-after", "3")]),
            body(5, case["body"]),
        ])


def rate_limit_requests():
    def descriptor(*pairs, rest=b""):
        return field(2, b"".join(field(1, field(1, k) + field(2, v)) for k, v in pairs) + rest)

    def amount(units):
        return field(3, field(1, units))

    def requests(*descriptors):
        messages = [field(1, "d") + d for d in descriptors]
        return b"".join(struct.pack(">H", len(m)) + m for m in messages)

    yield "any", requests(*[descriptor(("k", "x"))] * 4)
    yield "exact", requests(*[descriptor(("k", "v"))] * 3)
    yield "two", requests(*[descriptor(("k", "x"), ("l", "v"))] * 2)
    yield "zero", requests(descriptor(("z", "x")))
    yield "cost", requests(descriptor(("c", "x"), rest=amount(7)), descriptor(("c", "x"), rest=amount(5) + field(4, 1)))
    yield "quota", requests(*[descriptor(("q", "x")) + descriptor(("s", "x"))] * 3)
    yield "own", requests(descriptor(("n", "x"), rest=field(2, field(1, 2) + field(2, 1))))
    yield "long", requests(descriptor(("k", "x" * 200)) + field(3, 9))


def redis_urls():
    text = (REPO / "ratelimit/redis/src/address.rs").read_text().split("mod tests")[1]
    found = re.findall(r'"((?:redis|unix|http)[^"]*|[a-z]+:[^"]*@h)"', text)
    yield from enumerate(sorted(set(found)))
    yield "password", "redis://user:~host:6379/1"
    yield "sentinel-password", "rediss-sentinel://user:~a,[::1]:2/master/1"


def windows():
    zones = ["UTC", "Europe/Madrid", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "nowhere"]
    for kind in range(9):
        zone = zones[kind % len(zones)]
        yield kind, struct.pack("<BQq", kind, 3_600_000, 1_773_489_600_000 + kind * 10**9) + zone.encode()
    yield "apia", struct.pack("<BQq", 3, 0, 1_325_239_200_000) + b"Pacific/Apia"
    yield "end", struct.pack("<BQq", 5, 0, 253_402_300_799_999) + b"UTC"


def main():
    shutil.rmtree(SEEDS, ignore_errors=True)
    for name, text in chat_requests():
        write("chat_request", name + ".json", text)
    for name, switches, data in answers():
        write("answer", name, bytes([switches, 77]) + data)
    for name, text in manifests():
        write("manifests", name, text)
    for name, text in costs():
        write("cost", f"{name}.cel", text)
    for name, data in streams():
        write("ext_proc", name, b"\0" + data)
    for name, data in rate_limit_requests():
        write("rate_limit", name, b"\1" + data)
    for name, text in redis_urls():
        write("redis_url", f"{name}.txt", text)
    for name, data in windows():
        write("window", f"{name}", data)


main()
