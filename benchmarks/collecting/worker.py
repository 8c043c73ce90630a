"""One worker's pump in a process of its own: `python -m benchmarks.collecting.worker`. It says `ready`; each line of
its input wakes it, as a message of the broker would, and the end of its input ends it."""

from __future__ import annotations

import sys
import threading

import django


def main() -> None:
    django.setup()
    from evals.collection.network_process import NetworkProcess  # noqa: PLC0415
    from evals.collection.pump import Pump  # noqa: PLC0415  (models need a set-up Django)

    pump = Pump(network=NetworkProcess)
    thread = threading.Thread(target=pump.run, name="pump")
    thread.start()
    print("ready", flush=True)
    for _ in sys.stdin:
        pump.wake()
    pump.stop()
    thread.join()


if __name__ == "__main__":
    main()
