"""Negatives that cannot be guessed: adversarial matching with a certificate, and an audit by blind models.

Method: Zellers et al. 2019 (VCR), as used in section 4.2 of the HERO paper. Plain Python, usable alone:
``python -m adversarial match IN.jsonl OUT.jsonl`` and ``python -m adversarial audit IN.jsonl``.
"""
