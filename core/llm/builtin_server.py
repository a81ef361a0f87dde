"""The child that holds llama.cpp. It is told what to load by one line on stdin, answers with its port, and ends when
stdin does, which is also when its parent was killed."""

from __future__ import annotations

import json
import os
import sys
import urllib.request


def main() -> None:
    import xllamacpp

    order = json.loads(sys.stdin.readline())
    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["path"]
    parameters.n_ctx = order["window"]
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = order["threads"]
    parameters.cpuparams_batch.n_threads = order["threads"]
    parameters.verbosity = -1
    parameters.api_keys = [order["secret"]]
    server = xllamacpp.Server(parameters)
    url = server.listening_address
    port = int(url.rpartition(":")[2])
    print(json.dumps({"port": port, "window": _window(url, order)}), flush=True)
    sys.stdin.read()
    os._exit(0)


def _window(url: str, order: dict[str, str | int]) -> int:
    request = urllib.request.Request(f"{url}/props", headers={"Authorization": f"Bearer {order['secret']}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        properties = json.load(answer)
    return int(properties["default_generation_settings"]["n_ctx"])


if __name__ == "__main__":
    main()
