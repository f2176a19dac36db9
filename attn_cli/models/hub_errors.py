"""Errors for failed requests to the hub, by the status of the answer or the kind of failure."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from attn_cli.errors import DocumentError

FETCH = "or fetch the model's folder another way and name it with -m ./folder"
LOG_IN = "log in with hf auth login, or set HF_TOKEN"
STATUSES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        401: ("the hub asks for a login (401)", f"check the name, then {LOG_IN}: it may be a private repository"),
        403: ("the hub forbids access (403)", "use a token that may read this repository: its page says who may"),
        404: ("there is no such model on the hub (404)", "check the name: owner/name, as in the page's address"),
        407: ("a proxy on the way asks for a login (407)", f"check HTTPS_PROXY, {FETCH}"),
        408: ("the hub took too long to answer (408)", f"try again later, {FETCH}"),
        429: ("the hub refuses more requests for now (429)", f"wait some minutes; {LOG_IN}: the limits are wider then"),
    }
)
"""The status of an answer → its meaning and a hint."""
BROKEN = "the hub is out of order ({status})", f"try again later, {FETCH}"
FAILURES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "OfflineModeIsEnabled": ("it is not in the cache, and HF_HUB_OFFLINE is set", f"unset HF_HUB_OFFLINE, {FETCH}"),
        "TimeoutException": ("the hub did not answer in time", f"check the connection, {FETCH}"),
        "ConnectError": ("the hub cannot be reached", f"check the connection, {FETCH}"),
        "HFValidationError": ("the hub has no names like this", "a name on the hub is owner/name"),
    }
)
"""The class of an exception, or a base class → its meaning and a hint."""


def refusal(name: str, error: BaseException, page: str = "") -> DocumentError:
    """The error for a repository that cannot be fetched; `page` is its address, for terms to accept."""
    causes = list(_causes(error))
    kinds = [kind.__name__ for cause in causes for kind in type(cause).__mro__]
    answers = [answer for cause in causes if (answer := getattr(cause, "response", None)) is not None]
    if "GatedRepoError" in kinds:
        return DocumentError(
            f"{name}: is gated: its owner asks you to accept terms first",
            hint=f"accept them on its page {page or name}, then {LOG_IN}",
        )
    if any(answer.headers.get("X-Error-Code") == "RepoNotFound" for answer in answers):
        return DocumentError(f"{name}: {STATUSES[404][0]}", hint=f"{STATUSES[404][1]}; if it is private, {LOG_IN}")
    for status in (answer.status_code for answer in answers):
        if status >= 500:
            return DocumentError(f"{name}: {BROKEN[0].format(status=status)}", hint=BROKEN[1])
        if status in STATUSES:
            return DocumentError(f"{name}: {STATUSES[status][0]}", hint=STATUSES[status][1])
    if (kind := next((kind for kind in kinds if kind in FAILURES), None)) is not None:
        return DocumentError(f"{name}: {FAILURES[kind][0]}", hint=FAILURES[kind][1])
    first_line = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
    return DocumentError(f"{name}: cannot be fetched: {first_line}", hint=f"check the connection, {FETCH}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The chain of exceptions that led to this one, the earliest first."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return reversed(chain)
