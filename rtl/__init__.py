"""The chip in Amaranth: one block a file, grouped by what it serves, `soc.py` on top."""

import logging

# luna-soc logs at import that a processor which is not ours is missing.
logging.getLogger().addFilter(lambda record: not record.getMessage().startswith("To use Minerva"))
