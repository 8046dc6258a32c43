"""What the chip and its users must agree on, defined once: statements, ingest records, hashing, the link.

Nothing here imports another package of the project, so that RTL, firmware generator, golden models and
host can all import it.
"""
