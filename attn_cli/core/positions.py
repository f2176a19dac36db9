"""How a token's place enters the arithmetic, as values."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class NoPositions:
    """Order plays no part: attention sees a set of tokens."""


POSITIONS = MappingProxyType({"none": NoPositions})
