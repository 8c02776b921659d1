"""Language fidelity: the share of answers in the requested language.

Two identifiers stand behind one function. `cld2` (pycld2) works offline and knows 94 of the 100 languages; `glotlid`
(cis-lmu/glotlid, Kargaran et al. 2023) knows all of them, but is fetched from the hub. Neither silently
replaces the other. Short captions are hard for both, so fidelity is read beside its ceiling, the fidelity of gold
captions in the same language. On the dense captions of 120 emoji cld2 reaches 75 % in the mean of 81
languages (76 % normalised); of the English captions of 861 emoji it takes 1.5 % for Danish and fewer for any other
language. Lower case, no punctuation, or a repeated caption change the ceiling by at most 0.2 points. So an answer is
identified unchanged, and the identifier does not know the requested language.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache

import numpy as np
import pycld2

from centurio_lib.languages import language, tested

# `glotlid` labels that differ from NLLB's (its third version has dropped macrolanguages); Latin is unknown to NLLB
GLOTLID = {"zh": "cmn_Hani", "fa": "fas_Arab", "et": "ekk_Latn", "tl": "fil_Latn", "la": "lat_Latn"}
# fixed version: its labels are the ones above
GLOTLID_REPO, GLOTLID_FILE = "cis-lmu/glotlid", "model_v3.bin"
# Normalised fidelity takes these for one language: members of one ISO 639-3 macrolanguage that short texts do not tell
# apart (Bosnian, Croatian, Serbian; Indonesian, Malay; Norwegians; ...); Filipino and Tagalog; both Chinese scripts.
GROUPS = {
    "cld2": [("bs", "hr", "sr"), ("id", "ms"), ("no", "nn"), ("zh", "zh-Hant")],
    "glotlid": [("bos_Latn", "hrv_Latn", "srp_Cyrl", "srp_Latn"), ("ind_Latn", "zsm_Latn"), ("nob_Latn", "nno_Latn"),
                ("arb_Arab", "arz_Arab"), ("azb_Arab", "azj_Latn"), ("quy_Latn", "quz_Latn"), ("swh_Latn", "swc_Latn"),
                ("als_Latn", "aln_Latn"), ("fil_Latn", "tgl_Latn")],
}


def label(code: str, identifier: str = "cld2") -> str | None:
    """The identifier's label of a trained or tested language; None for a language that it does not know.

    Raises KeyError for an unknown code, ValueError for an unknown identifier.
    """
    _check(identifier)
    if code in tested():
        return getattr(tested()[code], identifier) or None
    if identifier == "cld2":
        return language(code).cld2 or None
    return GLOTLID.get(code, language(code).nllb)


def identify(texts: list[str], identifier: str = "cld2") -> list[str]:
    """Label of the language of each text by an identifier; "" for an empty or unidentified text.

    Raises ValueError for an unknown identifier, RuntimeError saying what to fetch without GlotLID's file.
    """
    _check(identifier)
    clean = [printable(text) for text in texts]
    return _cld2(clean) if identifier == "cld2" else _glotlid(clean)


def printable(text: str) -> str:
    """Text in one line without control characters, surrogates and noncharacters, which pycld2 refuses."""
    visible = (" " if unicodedata.category(c) in ("Cc", "Cs", "Cn") else c for c in text)
    return " ".join("".join(visible).split())


def agreement(labels: Iterable[str], languages: Iterable[str], identifier: str = "cld2",
              normalised: bool = False) -> np.ndarray:
    """Compare labels of `identify` with requested languages: 1.0 if equal, else 0.0; (labels,).

    NaN where the identifier lacks the language. `normalised`: members of a group (`GROUPS`) count as one language.
    """
    expected = [label(code, identifier) for code in languages]
    same = _groups(identifier) if normalised else {}
    return np.array([float("nan") if right is None else float(same.get(one, one) == same.get(right, right))
                     for one, right in zip(labels, expected, strict=True)])


def in_language(texts: list[str], languages: list[str], identifier: str = "cld2") -> np.ndarray:
    """Fidelity of texts: 1.0 in the requested language, else 0.0; NaN if the identifier lacks the language."""
    return agreement(identify(texts, identifier), languages, identifier)


def _check(identifier: str) -> None:
    if identifier not in GROUPS:
        raise ValueError(f"identifier = {identifier!r}: there are {', '.join(GROUPS)}")


def _groups(identifier: str) -> dict[str, str]:
    return {member: group[0] for group in GROUPS[identifier] for member in group}


def _cld2(texts: list[str]) -> list[str]:
    codes = [pycld2.detect(text, isPlainText=True, bestEffort=True)[2][0][1] for text in texts]
    return ["" if code == "un" else code for code in codes]


def _glotlid(texts: list[str]) -> list[str]:
    if not any(texts):
        return [""] * len(texts)
    # a list in, since fasttext's answer to a single text fails with numpy 2
    labels, _ = _glotlid_model().predict(texts)
    return [best[0].removeprefix("__label__") if text else "" for text, best in zip(texts, labels, strict=True)]


@cache
def _glotlid_model():
    try:
        import fasttext
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise RuntimeError(f"identifier 'glotlid' lacks the module {error.name}: `pip install fasttext-wheel "
                           "huggingface_hub`, or choose identifier 'cld2'") from error
    try:
        return fasttext.load_model(hf_hub_download(GLOTLID_REPO, GLOTLID_FILE))
    except Exception as error:
        raise RuntimeError(f"GlotLID could not be loaded ({error}): where the hub is reachable, fetch it once with "
                           f"`hf download {GLOTLID_REPO} {GLOTLID_FILE}`, or choose identifier 'cld2'") from error
