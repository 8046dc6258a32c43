"""Claim key.hidden: no bit of the key reaches anything that the CPU can read.

Two copies of fuses and key vault, that differ in the seed's fuses or in the entropy that becomes a key, and in
nothing else: whatever the bus does, all that the bus reads, and all that leaves the two but what only the signer and
the fuses get, is the same in every cycle. By induction over every register. (Fuses of the seed that are set while the
lifecycle is RAW are no
key: a key generation was cut off, and no key can be made of them. They are taken as the same.)

The second test follows the seed through the netlist of the whole chip: its wires end at the signer.
"""

import re

import pytest
from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.otp import SEED_BYTES, SEED_OFFSET, Lifecycle
from rtl.bus import CSR_ADDR_WIDTH, CSR_DATA_WIDTH, csr
from rtl.config import CONFIGS
from rtl.crypto.key_vault import KeyVault
from rtl.io.otp import Otp
from rtl.soc import LivetrapSoC
from sim.rtl.elaboration import to_rtlil
from tests.formal.prover import Refuted, prove_equal


class KeyHolders(wiring.Component):
    """Fuses and vault, wired as in rtl/soc.py.

    copy: 0 or 1; which byte of `seed_bytes` and which word of `entropy_words` is its own. leak: for the test of the
    proof: a bit of the seed is shown while this is 1.
    """

    def __init__(self, copy: int, leak: bool = False):
        self._copy, self._leak = copy, leak
        self._otp = Otp()
        super().__init__(
            {
                "bus": In(csr.Signature(addr_width=CSR_ADDR_WIDTH, data_width=CSR_DATA_WIDTH)),
                "load_valid": In(1),
                "load_byte": In(8),
                "seed_bytes": In(16),
                "load_ready": Out(1),
                "burn_valid": Out(1),
                "burn_address": Out(7),
                "burn_ready": In(1),
                "entropy_valid": In(1),
                "entropy_words": In(128),
                "entropy_ready": Out(1),
                "zeroise": In(1),
                "lifecycle": Out(2),
                "sealed": Out(1),
                "vault_valid": Out(1),
                "vault_locked": Out(1),
                "security_floor": Out(7),
                "chip_id": Out(128),
                "configuration": Out(256),
                "signer_seed": Out(256),
                "burn_data": Out(8),
            }
        )
        self.bus.memory_map = self._otp.bus.memory_map

    def elaborate(self, platform):
        m = Module()
        m.submodules.otp = otp = self._otp
        m.submodules.vault = vault = KeyVault()
        connect(m, flipped(self.bus), otp.bus)
        connect(m, otp.seed_words, vault.words)

        in_seed = (otp.offset >= SEED_OFFSET) & (otp.offset < SEED_OFFSET + SEED_BYTES)
        is_key = in_seed & (otp.lifecycle != Lifecycle.RAW)
        own_byte = self.seed_bytes.word_select(self._copy, 8)
        m.d.comb += [
            otp.load.valid.eq(self.load_valid),
            otp.load.payload.eq(Mux(is_key, own_byte, self.load_byte)),
            self.load_ready.eq(otp.load.ready),
            otp.burns.ready.eq(self.burn_ready),
            self.burn_valid.eq(otp.burns.valid),
            self.burn_address.eq(otp.burns.payload.address),
            otp.entropy.valid.eq(self.entropy_valid),
            otp.entropy.payload.eq(self.entropy_words.word_select(self._copy, 64)),
            self.entropy_ready.eq(otp.entropy.ready),
            vault.lock.eq(otp.sealed),
            vault.zeroise.eq(self.zeroise),
            self.lifecycle.eq(otp.lifecycle),
            self.sealed.eq(otp.sealed),
            self.signer_seed.eq(vault.seed),
            self.burn_data.eq(otp.burns.payload.data),
            self.vault_valid.eq(vault.valid),
            self.vault_locked.eq(vault.locked ^ vault.seed[0] if self._leak else vault.locked),
            self.security_floor.eq(otp.security_floor),
            self.chip_id.eq(otp.chip_id.as_value()),
            self.configuration.eq(otp.configuration.as_value()),
        ]
        return m


SECRET = ("vault.seed", "otp.word")
"""Registers: the seed, and the word of it that is on its way."""

SIGNER_AND_FUSES = ("signer_seed", "burn_data")
"""Outputs that nothing but the signer and the fuses get."""


def test_copies_with_different_keys_stay_equal(tmp_path):
    prove_equal((KeyHolders(0), KeyHolders(1)), SECRET, SIGNER_AND_FUSES, tmp_path)


def test_the_proof_finds_a_leak(tmp_path):
    with pytest.raises(Refuted, match="FAIL"):
        prove_equal((KeyHolders(0, leak=True), KeyHolders(1, leak=True)), SECRET, SIGNER_AND_FUSES, tmp_path)


def cells_at(module: str, cell: str, port: str) -> set[str]:
    """The cells of a module in RTLIL, and "port" for its ports, that the wire at a cell's port reaches.

    Other names of the wire are followed; what else than a name outside of cells uses it is an error.
    """
    cells = dict(re.findall(r"^  cell \\\S+ \\(\S+)\n(.*?)^  end$", module, re.MULTILINE | re.DOTALL))
    outside = re.sub(r"^  cell .*?^  end$", "", module, flags=re.MULTILINE | re.DOTALL)
    reached: set[str] = set()
    wires = [re.search(rf"connect \\{port} (\\\S+)", cells[cell]).group(1)]
    for wire in wires:
        name = re.compile(re.escape(wire) + r"(?![\w$.])")
        reached |= {other for other, body in cells.items() if name.search(body)}
        for line in filter(name.search, outside.splitlines()):
            alias = re.fullmatch(r"\s*connect (\\\S+)(?: \[[\d:]+\])? (\\\S+)(?: \[[\d:]+\])?", line)
            if alias:
                wires += [side for side in alias.groups() if side not in wires]
            elif re.search(r" (input|output|inout) ", line):
                reached.add("port")
            else:
                assert line.startswith("  wire "), line
    return reached


def test_the_seeds_wires_end_at_the_signer():
    text, _ = to_rtlil(LivetrapSoC(CONFIGS["test"]), "soc")
    module = re.search(r"^module \\soc\n(.*?)^end$", text, re.MULTILINE | re.DOTALL).group(1)
    assert cells_at(module, "otp", "seed_words__payload") == {"otp", "key_vault"}
    assert cells_at(module, "key_vault", "seed") == {"key_vault", "signer"}
    assert cells_at(module, "otp", "burns__payload") == {"otp", "port"}
    # That the search can find more:
    assert "chip" in cells_at(module, "otp", "chip_id")
