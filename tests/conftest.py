"""Settings for all tests, the command line in this process, and a key that several of them sign with."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("livetrap", derandomize=True, deadline=None, max_examples=100, database=None)
settings.load_profile("livetrap")


Result = tuple[int, str, str]
"""Exit code, standard output, standard error."""

Livetrap = Callable[..., Result]


@pytest.fixture
def livetrap(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Livetrap:
    """Runs a command in this process, as without settings in the environment and on 100 columns."""
    from host.cli import run

    for name in ("LIVETRAP_PORT", "LIVETRAP_BAUD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


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
