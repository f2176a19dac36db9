"""Schemes of families without tokenizer.json: special tokens around a text, and ids of SentencePiece pieces."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True)
class Scheme:
    """The special tokens and ids of a family.

    `first` replace the model's first ids, other ids move up by `shift`, and `last` come after them. `before`, `between`
    and `after` surround one text or two, with `{lang}` for the language of the text. With `segments`, the second text
    is segment 1.
    """

    first: tuple[str, ...] = ()
    shift: int = 0
    last: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    after: tuple[str, ...] = ("</s>",)
    segments: bool = False
    lang: str = ""


FAIRSEQ = ("<s>", "<pad>", "</s>", "<unk>")
OF_25 = (
    "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM ne_NP nl_XX "
    "ro_RO ru_RU si_LK tr_TR vi_VN zh_CN"
)
OF_50 = (
    f"{OF_25} af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE "
    "sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI"
)
OF_100 = (
    "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht "
    "hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps "
    "pt ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu"
)
_T5 = Scheme(between=("</s>",))
_XLMR = Scheme(FAIRSEQ, 1, ("<mask>",), before=("<s>",), between=("</s>", "</s>"))
_MBART = Scheme(FAIRSEQ, 1, (*OF_25.split(), "<mask>"), after=("</s>", "{lang}"), lang="en_XX")
_MBART50 = Scheme(FAIRSEQ, 1, (*OF_50.split(), "<mask>"), before=("{lang}",), lang="en_XX")
_PEGASUS = Scheme(
    ("<pad>", "</s>", "<mask_1>", "<mask_2>", *(f"<unk_{number}>" for number in range(2, 103))), shift=103
)
SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "t5": replace(_T5, last=tuple(f"<extra_id_{number}>" for number in range(99, -1, -1))),
        "mt5": _T5,
        "umt5": _T5,
        "deberta-v2": Scheme(last=("[MASK]",), before=("[CLS]",), between=("[SEP]",), after=("[SEP]",), segments=True),
        "xlm-roberta": _XLMR,
        "camembert": replace(_XLMR, first=("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED"), shift=4),
        "mbart": _MBART,
        "mbart50": _MBART50,
        "pegasus": _PEGASUS,
        "marian": Scheme(),
        "m2m_100": Scheme(last=tuple(f"__{code}__" for code in OF_100.split()), before=("__{lang}__",), lang="en"),
    }
)
"""`model_type`, or a name from `OTHERWISE` → its scheme."""

BEGINS: Mapping[str, str] = MappingProxyType({"opt": "</s>"})
"""`model_type` → the begin token, for models with GPT-2's byte pairs and a begin token."""

OTHERWISE: Mapping[str, str] = MappingProxyType({"MBart50Tokenizer": "mbart50", "MBart50TokenizerFast": "mbart50"})
"""`tokenizer_class` → the scheme, if the model type has several."""
