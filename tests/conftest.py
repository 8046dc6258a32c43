"""Settings for all tests, and a key that several of them sign with."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("livetrap", derandomize=True, deadline=None, max_examples=100, database=None)
settings.load_profile("livetrap")


@pytest.fixture(scope="session")
def hss_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HSS private key file of 1024 signatures, with the public key beside it as `.pub`."""
    from host import hss
    from host.evidence.hash_keys import write_hss_public

    path = tmp_path_factory.mktemp("hss") / "key"
    key = hss.generate(2, 5)
    hss.save(path, key)
    write_hss_public(path.with_name("key.pub"), key.public_key)
    return path
