"""The program: `attn`, and `python -m attn_cli`."""

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with its code: 130 if interrupted. `--version` imports nothing slow."""
    try:
        if sys.argv[1:] in (["--version"], ["-V"]) and _printed_version():
            return
        # One thread: for matrices of this size, more threads only take time to start.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        # Imported modules stay, and searching them for garbage repeatedly takes longer than the attention.
        gc.set_threshold(100_000)
        if not sys.warnoptions and os.environ.get("ATTN_DEBUG", "0") in ("", "0"):
            import warnings

            warnings.simplefilter("ignore")  # warnings are for developers; results carry notes for readers
        from attn_cli.cli.boundary import run

        # All output is written; a regular exit would take longer than the attention.
        os._exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        _interrupted()


def _printed_version() -> bool:
    """Print the version; False if that fails, so that the boundary fails too and explains it."""
    from attn_cli import __version__

    try:
        print(f"attn {__version__}", flush=True)
    except OSError:
        return False
    return True


def _interrupted() -> None:
    """Exit with 130 and discard unwritten output; a second Ctrl-C has no effect."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write("attn: interrupted\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass  # the stream is closed or not a file
    os._exit(130)  # a regular exit can crash while signals arrive


if __name__ == "__main__":
    main()
