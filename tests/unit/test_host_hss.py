"""HSS key files: signatures that verify, and one-time keys that sign once, whatever happens to the signer."""

import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pyhsslms import pyhsslms

from formats.lms import HSS_KEY_BYTES, LMS_KEY_BYTES, lms_signature_bytes
from host import hss
from host.errors import EvidenceError, LivetrapError
from sim.golden.lms import signature_bytes, verify_hss

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "maker.hss"
    hss.save(file, hss.generate(1, 5))
    return file


def one_time_key(signature: bytes, levels: int = 1) -> tuple[bytes, int]:
    """What may sign only once: the lower tree's public key (empty with one level) and the leaf."""
    if levels == 1:
        return b"", int.from_bytes(signature[4:8], "big")
    at = 4 + lms_signature_bytes(5)
    return signature[at : at + LMS_KEY_BYTES], int.from_bytes(signature[at + LMS_KEY_BYTES :][:4], "big")


@pytest.mark.parametrize(("heights", "count"), [((5,), 32), ((10,), 1024), ((5, 5), 1024)])
def test_a_new_key(tmp_path: Path, heights: tuple[int, ...], count: int) -> None:
    path = tmp_path / "key"
    key = hss.generate(len(heights), *heights)
    assert key.remaining == count
    hss.save(path, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert hss.load(path) == key and hss.PrivateKey.decode(key.encode()) == key
    public = hss.public_key(path)
    assert len(public) == HSS_KEY_BYTES and public == key.public_key
    signature = hss.sign(path, b"message")
    assert len(signature) == signature_bytes(heights)
    assert verify_hss(public, b"message", signature)
    assert pyhsslms.HssPublicKey.deserialize(public).verify(b"message", signature)
    assert hss.load(path).remaining == count - 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secrets_are_not_shown() -> None:
    key = hss.generate(1, 5)
    assert repr(key.levels[0].seed) not in repr(key)


def test_two_new_keys_differ() -> None:
    assert hss.generate(1, 5).public_key != hss.generate(1, 5).public_key


def test_every_leaf_signs_once_and_then_none(path: Path) -> None:
    public, seen = hss.public_key(path), []
    for number in range(16):
        seen.append(one_time_key(signature := hss.sign(path, bytes([number]))))
        assert verify_hss(public, bytes([number]), signature)
    with hss.open_key(path) as key:
        for left in range(16, 0, -1):
            assert key.remaining == left
            seen.append(one_time_key(key.sign(b"more")))
        for _ in range(2):
            with pytest.raises(EvidenceError, match=f"^{path}: the key has made all its signatures"):
                key.sign(b"one too many")
    with pytest.raises(EvidenceError, match=f"^{path}: the key has made all its signatures"):
        hss.sign(path, b"one too many")
    assert sorted(leaf for _, leaf in seen) == list(range(32))


def test_lower_trees_follow_one_another_across_openings(tmp_path: Path) -> None:
    path = tmp_path / "key"
    hss.save(path, hss.generate(2, 5))
    public, seen = hss.public_key(path), set()
    for _ in range(5):
        with hss.open_key(path) as key:
            for _ in range(15):
                signature = key.sign(b"m")
                assert verify_hss(public, b"m", signature)
                seen.add(one_time_key(signature, 2))
    assert len(seen) == 75 and len({lower for lower, _ in seen}) == 3
    assert hss.load(path).remaining == 1024 - 75


def test_a_lower_tree_keeps_its_height(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = hss.generate(2, 10, 5)
    hss.save(path, replace(key, levels=(key.levels[0], replace(key.levels[1], leaf=32))))
    signature = hss.sign(path, b"m")
    assert len(signature) == signature_bytes([10, 5]) and verify_hss(key.public_key, b"m", signature)
    assert [level.leaf for level in hss.load(path).levels] == [2, 1]
    assert hss.load(path).remaining == 1022 * 32 + 31


def test_the_last_signature_of_two_levels(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = hss.generate(2, 5)
    root, lower = key.levels
    hss.save(path, replace(key, levels=(replace(root, leaf=32), replace(lower, leaf=31))))
    assert verify_hss(key.public_key, b"m", hss.sign(path, b"m"))
    with pytest.raises(EvidenceError, match="has made all its signatures"):
        hss.sign(path, b"m")


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["write", "fsync", "replace", "folder", "verify"])
def test_killed_at_any_step_no_leaf_signs_twice(path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed releases nothing; and what was released before is never signed with again."""
    public = hss.public_key(path)
    released = [hss.sign(path, b"before")]

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(os, "fdopen", killed)
        elif step == "folder":
            patch.setattr(hss, "_sync_folder", killed)
        elif step == "verify":
            patch.setattr(hss, "verify_hss", killed)
        else:
            patch.setattr(os, step, killed)
        with pytest.raises(Killed):
            hss.sign(path, b"never released")
    released += [hss.sign(path, b"after"), hss.sign(path, b"after that")]
    leaves = [leaf for _, leaf in map(one_time_key, released)]
    spent = step in ("folder", "verify")
    assert leaves == ([0, 2, 3] if spent else [0, 1, 2])
    assert verify_hss(public, b"after that", released[-1])


def test_the_file_is_durable_before_the_signature_is_released(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = []

    def recorded(name: str) -> None:
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *arguments: (events.append(name), real(*arguments))[1])

    recorded("fsync")
    recorded("replace")
    monkeypatch.setattr(hss, "verify_hss", lambda *_: events.append("released") is None)
    hss.sign(path, b"m")
    assert events == ["fsync", "replace", "fsync", "released"]


@pytest.mark.parametrize("folder", [False, True])
def test_a_write_that_fails_releases_nothing(path: Path, folder: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one opening: the signer goes on from what the file says."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with hss.open_key(path) as key:
        key.sign(b"before")
        with monkeypatch.context() as patch:
            patch.setattr(*((hss, "_sync_folder", full) if folder else (os, "fsync", full)))
            with pytest.raises(EvidenceError, match=f"^{path}: No space left on device$"):
                key.sign(b"never released")
        assert one_time_key(key.sign(b"after"))[1] == (2 if folder else 1)


SIGNER = """
import sys
from pathlib import Path
from host.hss import open_key
with open_key(Path(sys.argv[1])) as key:
    while True:
        print(key.sign(b"m").hex(), flush=True)
"""


def test_a_signer_that_is_killed_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    hss.save(path, hss.generate(2, 5))
    released = []
    for count in (1, 7, 40):
        signer = subprocess.Popen(
            [sys.executable, "-c", SIGNER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert signer.stdout
        lines = [signer.stdout.readline() for _ in range(count)]
        signer.send_signal(signal.SIGKILL)
        rest = signer.communicate(timeout=60)[0].splitlines(keepends=True)
        released += [line for line in lines + rest if line.endswith("\n")]
    released.append(hss.sign(path, b"m").hex())
    keys = [one_time_key(bytes.fromhex(line.strip()), 2) for line in released]
    assert len(keys) >= 49 and len(set(keys)) == len(keys)


def test_one_signer_at_a_time(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    with hss.open_key(path):
        for name in (path, link):
            with pytest.raises(EvidenceError, match=f"^{path}: another program is signing with it$"):
                hss.sign(name, b"m")
        assert hss.public_key(path)
    assert one_time_key(hss.sign(link, b"m"))[1] == 0
    assert link.is_symlink() and hss.load(path).remaining == 31


def test_errors_of_the_body_are_not_the_keys(path: Path) -> None:
    with pytest.raises(ConnectionResetError), hss.open_key(path):
        raise ConnectionResetError
    with pytest.raises(BlockingIOError), hss.open_key(path):
        raise BlockingIOError


def test_keys_are_not_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(EvidenceError, match="exists already"):
        hss.save(path, hss.generate(1, 5))
    assert path.read_bytes() == before


def test_a_damaged_file_signs_nothing(path: Path) -> None:
    contents = path.read_bytes()
    for position in range(len(contents)):
        damaged = bytearray(contents)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(ValueError, match="HSS private key"):
            hss.PrivateKey.decode(bytes(damaged))
    for size in range(len(contents)):
        with pytest.raises(ValueError, match="HSS private key"):
            hss.PrivateKey.decode(contents[:size])
    path.write_bytes(contents[:-1])
    for use in (hss.public_key, hss.load, lambda name: hss.sign(name, b"m")):
        with pytest.raises(EvidenceError, match=f"^{path}: not an HSS private key"):
            use(path)


def test_a_file_that_contradicts_itself(path: Path) -> None:
    """With a right checksum: another level's numbers, or another key's public half."""
    key = hss.load(path)
    (level,) = key.levels
    for wrong in (
        replace(key, levels=(replace(level, leaf=33),)),
        replace(key, levels=(level,) * 3),
        replace(key, levels=()),
        replace(key, levels=(level, level)),
        replace(key, lower_signature=bytes(lms_signature_bytes(5))),
    ):
        with pytest.raises(ValueError, match="HSS private key of another"):
            hss.PrivateKey.decode(wrong.encode())
    path.unlink()
    hss.save(path, replace(key, public_key=key.public_key[:-1] + bytes([key.public_key[-1] ^ 1])))
    with pytest.raises(EvidenceError, match="its public key is another"):
        hss.sign(path, b"m")


def test_what_cannot_be_made() -> None:
    for levels, heights in ((0, (5,)), (3, (5,)), (1, (5, 5))):
        with pytest.raises(LivetrapError, match="one level or two"):
            hss.generate(levels, *heights)
    for levels, heights in ((1, (6,)), (2, (5, 0)), (2, (4,))):
        with pytest.raises(LivetrapError, match="a height of 5, 10, 15, 20, 25, not"):
            hss.generate(levels, *heights)


def test_no_such_file(tmp_path: Path) -> None:
    for use in (hss.public_key, lambda name: hss.sign(name, b"m")):
        with pytest.raises(EvidenceError, match=f"^{tmp_path / 'absent'}: No such file"):
            use(tmp_path / "absent")
    assert not list(tmp_path.iterdir())


def test_without_pyhsslms(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyhsslms", None)
    for use in (lambda: hss.generate(1, 5), lambda: hss.sign(path, b"m")):
        with pytest.raises(LivetrapError, match=r"run pip install '\.\[maker\]' in livetrap's repository$"):
            use()
    assert len(hss.public_key(path)) == HSS_KEY_BYTES
