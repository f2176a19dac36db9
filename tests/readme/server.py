"""A stand-in for the program `attn` that starts at once: a server with everything imported, which forks for each run.

Documents hold hundreds of commands, and importing takes most of the time of each. A run is still a process of its own,
with the standard streams, folder and environment of the caller.
"""

import json
import os
import pkgutil
import socket
import stat
import sys
from importlib import import_module
from pathlib import Path

CLIENT = """#!{python} -SE
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
words = json.dumps([os.getcwd(), dict(os.environ), sys.argv[1:]]).encode()
socket.send_fds(server, [len(words).to_bytes(8, "little") + words], [0, 1, 2])
code = server.recv(1)
os._exit(code[0] if code else 70)
"""


def write_client(folder: Path, address: str) -> None:
    """Write a program `attn` that asks the server at this address."""
    path = folder / "attn"
    path.write_text(CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def serve(address: str) -> None:
    """Answer clients until standard input ends, with the process that started this one."""
    import attn_cli

    for module in pkgutil.walk_packages(attn_cli.__path__, "attn_cli."):
        if not module.name.endswith(("__main__", ".hub")):
            import_module(module.name)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(16)
    print("ready", flush=True)
    if os.fork() == 0:
        sys.stdin.read()  # ends with the process that started this one
        os.kill(os.getppid(), 15)
        os._exit(0)
    while True:
        client, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _answer(client)
        client.close()
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break


def _answer(client: socket.socket) -> None:
    """Run attn in a process of its own, and send its exit code."""
    data, streams, _, _ = socket.recv_fds(client, 1 << 16, 3)
    size = int.from_bytes(data[:8], "little")
    while len(data) < 8 + size:
        data += client.recv(1 << 16)
    folder, environment, arguments = json.loads(data[8:])
    child = os.fork()
    if child == 0:
        client.close()
        os.chdir(folder)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        # The old objects remember whether the server's own streams could seek.
        sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8"), os.fdopen(1, "w", encoding="utf-8")
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["attn", *arguments]
        from attn_cli.__main__ import main

        try:
            main()
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else 0)
        os._exit(0)
    for stream in streams:
        os.close(stream)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    client.sendall(bytes([code & 255]))
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
