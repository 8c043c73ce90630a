"""What `tests.shells` has in a shell's way to `manage.py`. Loads nothing of Arena's: it is to be there at once."""

import json
import os
import socket
import sys

if sys.argv[1:2] != ["manage.py"]:
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
try:
    os.close(os.open(os.environ["ARENA_TEST_FIRST"], os.O_CREAT | os.O_EXCL))
except FileExistsError:
    pass
else:
    os.execv(sys.executable, [sys.executable, os.environ["ARENA_TEST_ROOT"] + "/manage.py", *sys.argv[2:]])
with socket.socket(socket.AF_UNIX) as asking, asking.makefile("rwb") as stream:
    asking.connect(os.environ["ARENA_TEST_MANAGE"])
    stream.write(json.dumps(sys.argv[1:]).encode() + b"\n")
    stream.flush()
    code, out, err = json.loads(stream.read())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
