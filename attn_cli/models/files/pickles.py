"""Read the tensors of a PyTorch pickle without running it.

A pickle is a small program that may call any Python function. This reader follows only the instructions that
torch.save() writes for a dictionary of tensors. It maps known names to values of this file, refuses all others, and
imports nothing.
"""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

from attn_cli.errors import DocumentError

UNSAFE = "loading it could run hidden code; convert it where you trust it: model.save_pretrained(folder)"
MOST = 2**40
"""The limit of a tensor's numbers, far above any model's."""

STORAGES: Mapping[str, str] = MappingProxyType(
    {
        "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
        "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
        "BoolStorage": "BOOL",
    }
)  # fmt: skip
"""PyTorch's storage class → the dtype of its numbers."""


@dataclass(frozen=True)
class Storage:
    """A run of numbers: its file in the zip, the dtype and the count."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class Pickled:
    """A tensor in a storage; offset, shape and strides count numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def span(self) -> int:
        """The count of numbers from the first to the last, including those between."""
        if not prod(self.shape):
            return 0
        return 1 + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))


@dataclass(frozen=True)
class _Name:
    """A name that the pickle may use, and the function for a call of it."""

    name: str
    call: Callable[..., Any]


class _Mark:
    """The start of a run of values on the stack."""


def _storage(kind: Any, name: Any, key: Any, device: Any, count: Any, *_: Any) -> Storage:
    if kind != "storage" or not isinstance(name, _Name) or name.name not in STORAGES or type(count) is not int:
        raise ValueError("a storage is described in an unknown way")
    return Storage(str(key), STORAGES[name.name], count)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Pickled:
    numbers = [offset, *shape, *strides]
    if not isinstance(storage, Storage) or len(shape) != len(strides):
        raise ValueError("a tensor is described in an unknown way")
    if not all(type(number) is int and 0 <= number <= MOST for number in numbers):
        raise ValueError("a tensor has sizes that none can have")
    tensor = Pickled(storage, offset, tuple(shape), tuple(strides))
    if tensor.offset + tensor.span > storage.count or prod(shape) > max(storage.count, 1):
        raise ValueError("a tensor reaches past its storage")
    return tensor


def _refused(*_: Any) -> Any:
    raise ValueError("a name is called that only stands for a dtype")


NAMES: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "collections OrderedDict": lambda *_: {},
        "torch._utils _rebuild_tensor": _tensor,
        "torch._utils _rebuild_tensor_v2": _tensor,
        "torch._utils _rebuild_parameter": lambda data, *_: data,
        "torch Size": lambda sizes=(): tuple(sizes),
        **{f"torch {name}": _refused for name in STORAGES},
    }
)
"""Every allowed name, and the function for a call of it; other names are refused."""


def tensors_of_pickle(data: bytes, where: str) -> dict[str, Pickled]:
    """The tensors by name; DocumentError for a name or an instruction outside dictionaries of tensors.

    Other values beside the tensors are dropped. A dictionary under `state_dict`, `model_state_dict` or `model` is used
    in place of the whole.
    """
    try:
        value = _followed(data, where)
    except (ValueError, TypeError, LookupError, OverflowError, AttributeError, RecursionError) as error:
        raise DocumentError(
            f"{where}: is not a dictionary of tensors: {type(error).__name__}: {error}"[:300], hint=UNSAFE
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    tensors = (
        {str(name): entry for name, entry in value.items() if isinstance(entry, Pickled)}
        if isinstance(value, dict)
        else {}
    )
    if not tensors:
        raise DocumentError(f"{where}: holds no tensors", hint=UNSAFE)
    return tensors


def _followed(data: bytes, where: str) -> Any:
    """The value that the instructions build."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STOP":
            return stack.pop()
        if opcode.name in ("GLOBAL", "STACK_GLOBAL"):
            name = argument if opcode.name == "GLOBAL" else " ".join(reversed([stack.pop(), stack.pop()]))
            stack.append(_named(name, where))
        elif opcode.name in CONSTANTS:
            stack.append(CONSTANTS[opcode.name](argument))
        elif opcode.name in MEMO_PUTS:
            memo[len(memo) if opcode.name == "MEMOIZE" else argument] = stack[-1]
        elif opcode.name in MEMO_GETS:
            stack.append(memo[argument])
        elif opcode.name in ACTIONS:
            ACTIONS[opcode.name](stack)
        elif opcode.name not in ("PROTO", "FRAME"):
            raise DocumentError(
                f"{where}: uses the instruction {opcode.name}, which no dictionary of tensors needs", hint=UNSAFE
            )
    raise ValueError("it breaks off")


def _named(name: str, where: str) -> _Name:
    if name not in NAMES:
        raise DocumentError(
            f"{where}: names {name.replace(' ', '.')!r}, which is not part of a tensor"[:300], hint=UNSAFE
        )
    return _Name(name.rpartition(" ")[2], NAMES[name])


def _marked(stack: list[Any]) -> list[Any]:
    """Pop the values since the last mark, and the mark."""
    values: list[Any] = []
    while (value := stack.pop()) is not MARK:
        values.append(value)
    return values[::-1]


def _reduce(stack: list[Any]) -> None:
    arguments, name = stack.pop(), stack.pop()
    if not isinstance(name, _Name):
        raise ValueError("something is called that is not a name")
    stack.append(name.call(*arguments))


def _drop(stack: list[Any]) -> None:
    stack.pop()


def _persistent(stack: list[Any]) -> None:
    stack.append(_storage(*stack.pop()))


def _set_items(stack: list[Any]) -> None:
    values = _marked(stack)
    stack[-1].update(zip(values[::2], values[1::2], strict=True))


def _set_item(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    stack[-1][key] = value


def _extend(stack: list[Any]) -> None:
    values = _marked(stack)
    stack[-1].extend(values)


def _append(stack: list[Any]) -> None:
    value = stack.pop()
    stack[-1].append(value)


def _tuple(count: int) -> Callable[[list[Any]], None]:
    def make(stack: list[Any]) -> None:
        values = [stack.pop() for _ in range(count)]
        stack.append(tuple(reversed(values)))

    return make


MARK = _Mark()
CONSTANTS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "MARK": lambda _: MARK,
        "NONE": lambda _: None,
        "NEWTRUE": lambda _: True,
        "NEWFALSE": lambda _: False,
        "EMPTY_DICT": lambda _: {},
        "EMPTY_LIST": lambda _: [],
        "EMPTY_TUPLE": lambda _: (),
        **dict.fromkeys(
            (
                "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "INT", "LONG", "BINUNICODE", "SHORT_BINUNICODE",
                "UNICODE",
            ),
            lambda value: value,
        ),
    }
)  # fmt: skip
"""Instructions that push a value."""
MEMO_PUTS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
MEMO_GETS = ("GET", "BINGET", "LONG_BINGET")
ACTIONS: Mapping[str, Callable[[list[Any]], None]] = MappingProxyType(
    {
        "POP": _drop,
        "TUPLE": lambda stack: stack.append(tuple(_marked(stack))),
        "TUPLE1": _tuple(1),
        "TUPLE2": _tuple(2),
        "TUPLE3": _tuple(3),
        "REDUCE": _reduce,
        "BINPERSID": _persistent,
        "BUILD": _drop,  # attributes, such as _metadata, are dropped
        "SETITEM": _set_item,
        "SETITEMS": _set_items,
        "APPEND": _append,
        "APPENDS": _extend,
    }
)
"""Instructions that change the stack."""
