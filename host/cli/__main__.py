"""`python -m host.cli` is `livetrap`."""

from . import main

main()
