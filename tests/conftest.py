"""Settings for all tests."""

from hypothesis import settings

settings.register_profile("livetrap", derandomize=True, deadline=None, max_examples=100, database=None)
settings.load_profile("livetrap")
