"""Verification of an evidence folder with nothing but the maker's public key: small checks in a fixed order."""

from .report import Check, Report, Verdict
from .verifier import verify

__all__ = ["Check", "Report", "Verdict", "verify"]
