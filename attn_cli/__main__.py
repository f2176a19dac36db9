"""The program: `attn`, and `python -m attn_cli`."""

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with its code; `--version` before any slow import, 130 if interrupted."""
    try:
        if sys.argv[1:] == ["--version"] and _said_version():
            return
        # One thread: for matrices of this size, more of them only cost time to start.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        # What is imported stays: looking through it for garbage again and again takes longer than the attention itself.
        gc.set_threshold(100_000)
        from attn_cli.cli.boundary import run

        # Everything is written: to take all modules apart would take longer than the attention itself.
        os._exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        _interrupted()


def _said_version() -> bool:
    """Print the version; False if that fails, for the boundary to fail likewise and say why."""
    from attn_cli import __version__

    try:
        print(f"attn {__version__}", flush=True)
    except OSError:
        return False
    return True


def _interrupted() -> None:
    """Exit with 130; what is still unwritten is not wanted any more."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write("attn: interrupted")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass  # a stream that is closed, or not a file
    sys.exit(130)


if __name__ == "__main__":
    main()
