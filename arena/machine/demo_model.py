"""The demo's model: SmolLM2-135M-Instruct behind llama.cpp's own HTTP server on loopback, spoken to like any other
provider. Run by `manage.py up` as `python -m arena.machine.demo_model PORT`; knows nothing of Django."""

from __future__ import annotations

import os
import signal
import sys

import xllamacpp

from arena.machine.parts import model_file

NAME = "smollm2-135m-instruct"


def main(port: int) -> None:
    weights = model_file()
    if weights is None:
        sys.exit("The demo model is not installed. Run make run without DEMO=0.")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.ui = False
    params.n_ctx = 2048
    params.n_parallel = 1
    params.verbosity = 1  # errors alone
    # Its threads wait for each other by spinning: one that shares its core with the web server holds all of them up.
    threads = max(1, min(4, (os.cpu_count() or 1) - 1))
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    print(f"{NAME} answers at {server.listening_address}/v1", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    # Not through the server's own end, which waits for requests in flight; those are asked again.
    os._exit(0)


if __name__ == "__main__":
    # Blocked before the server's threads exist, so that they inherit it and sigwait alone hears them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main(int(sys.argv[1]))
