"""Negatives that cannot be guessed: adversarial matching with a certificate, and an audit by models without the video.

Method: Zellers et al. 2019 (VCR), as used in section 4.2 of the HERO paper. Plain Python, usable alone:
``python -m adversarial match IN.jsonl OUT.jsonl`` and ``python -m adversarial audit IN.jsonl``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adversarial.audit.report import audit_items as audit_items
    from adversarial.leaks.audit import audit_release as audit_release
    from adversarial.negatives.pipeline import match_items as match_items

# by name, so that `import adversarial` stays cheap: the modules behind bring numba, scipy and sklearn
_PUBLIC = {
    "audit_items": "adversarial.audit.report",
    "audit_release": "adversarial.leaks.audit",
    "match_items": "adversarial.negatives.pipeline",
}
__all__ = ["audit_items", "audit_release", "match_items"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
