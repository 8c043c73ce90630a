"""One model in a process of its own, behind llama.cpp's HTTP server on loopback.

Run by `llama_servers` as a file, so that nothing of Arena is loaded. The first line of standard input is a JSON
object: `path`, `context`, `threads`, `memory_bytes`, `key`. One line of standard output, `{"address"}`, says that the
model is loaded; if it cannot be, the process ends, and its standard error says why. It ends when its input does.
"""

import fcntl
import json
import os
import resource
import signal
import sys
import threading


def end_with_parent() -> None:
    """However the parent ends, its side of the pipe closes. On Linux the signal for that ends this process even while a
    model is being loaded, when no other thread runs; elsewhere the thread does, once it is."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    wanted = json.loads(os.read(0, 1 << 16))
    end_with_parent()
    import xllamacpp  # noqa: PLC0415 (only once the parent is watched: it takes half a second)

    # Weights, context and buffers together: what goes beyond fails here, and takes nobody else's memory.
    resource.setrlimit(resource.RLIMIT_AS, (wanted["memory_bytes"], wanted["memory_bytes"]))
    params = xllamacpp.CommonParams()
    params.model.path = wanted["path"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [wanted["key"]]
    params.n_ctx = wanted["context"]
    params.n_parallel = 1
    params.n_gpu_layers = 0  # the limits are those of processor and memory
    params.fit_params = False  # not a smaller context than was asked for
    params.cache_ram_mib = 0
    params.ui = params.endpoint_slots = params.endpoint_props = False
    params.offline = True
    params.verbosity = 1  # errors alone
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = wanted["threads"]
    params.n_threads_http = 4
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        sys.exit(1)
    print(json.dumps({"address": server.listening_address}), flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
