"""Every deviation, in the order in which they are tried; of those that fit alike the first is named first."""

from attn_cli.analysis.check.deviations.biases import BIASES
from attn_cli.analysis.check.deviations.deviation import Deviation
from attn_cli.analysis.check.deviations.fills import FILLS
from attn_cli.analysis.check.deviations.head_steps import HEAD_STEPS
from attn_cli.analysis.check.deviations.heads import HEADS
from attn_cli.analysis.check.deviations.leaving import LEAVING
from attn_cli.analysis.check.deviations.masks import WRONG_MASKS
from attn_cli.analysis.check.deviations.other_masks import OTHER_MASKS
from attn_cli.analysis.check.deviations.places import PLACES
from attn_cli.analysis.check.deviations.projections import PROJECTIONS
from attn_cli.analysis.check.deviations.rotations import ROTATIONS
from attn_cli.analysis.check.deviations.scales import SCALES
from attn_cli.analysis.check.deviations.softcaps import SOFTCAPS
from attn_cli.analysis.check.deviations.softmaxes import SOFTMAXES

DEVIATIONS: tuple[Deviation, ...] = (
    *(*SCALES, *SOFTCAPS, *BIASES, *SOFTMAXES),
    *(*WRONG_MASKS, *OTHER_MASKS, *FILLS),
    *(*ROTATIONS, *PLACES, *HEAD_STEPS, *PROJECTIONS, *HEADS, *LEAVING),
)
