"""The statement builder: fills the byte template, has it signed, and chains it.

Layout and who fills which claim: formats/statement.cddl. Firmware can write the nonce and digest slots and
choose the kind, and nothing else; with kind = snapshot the digest slot is wired to the Merkle root.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from formats.hashing import Domain
from formats.statement import Kind, layout
from rtl.config import Config
from rtl.crypto.ed25519_signer import Ed25519Signer
from rtl.crypto.sponge_arbiter import SpongeUser
from rtl.io.boot import LIFE
from rtl.snapshot.statement_template import (
    Action,
    Target,
    message_bytes,
    slot_names,
    statement_words,
    walk,
)

DIGEST_WORDS = 4
NONCE_SLOT = 0
DIGEST_SLOT = 4
SLOT_WORDS = 8
"""64-bit words that firmware may write: nonce, then digest."""

FACTS = data.StructLayout(
    {
        "ticks": 64,
        "macs": 64,
        "steps": 64,
        "descriptor": 64,
        "inputs": data.ArrayLayout(64, DIGEST_WORDS),
        "records": 64,
        "words": 32,
    }
)
"""What the hardware knows at one instant."""


def _big_endian(value, size: int):
    """The `size` low bytes of a value, most significant first, as a little-endian word."""
    padded = Cat(value, Const(0, 64))
    return Cat(*(padded[8 * index : 8 * index + 8] for index in reversed(range(size))))


class StatementBuilder(wiring.Component):
    """Makes one statement at a time: seq, chain and the statement live on until power-on.

    request: one cycle with `kind`; ignored while busy. Refused (`refused` until the next request) when the chip has
    no identity yet or its entropy source has failed, when kind is none of Kind, or snapshot and no finished capture
    awaits its statement. The first one since `reset` must be of kind boot, after `measured`, and no other may be.
    reset: one cycle, never while busy; a request in it is refused. booted: a boot statement was made since then.
    restore: one cycle; if no statement was begun and nothing restored since power-on, life goes on at `life`: seq and
    chain are taken, `restores` is 1 in that cycle (bootcount and macs are kept outside), `restored` from the next on.
    slot_*: firmware's 32-bit words, 0-7 nonce, 8-15 digest; ignored while busy.
    instant: the cycle in which a capture starts; `facts` of that cycle belong to the snapshot's statement, and
    for other kinds those of the request. captured: a finished capture awaits its statement, with `cause` and
    `root`. stated: one cycle when they are in the template and the next capture may start.
    message_*: Sig_structure for the signer (data in the cycle after the address). read_*: COSE_Sign1.
    The walk over the template takes a cycle for each of its bytes; then the signature, then the chain hash.
    sign: one cycle, in which the message is complete. signature_*: eight 64-bit words, byte 0 least significant.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "request": In(1),
                "kind": In(5),
                "busy": Out(1),
                "valid": Out(1),
                "refused": Out(1),
                "slot_write": In(1),
                "slot_index": In(4),
                "slot_data": In(32),
                "identified": In(1),
                "entropy_failed": In(1),
                "measured": In(1),
                "reset": In(1),
                "booted": Out(1),
                "life": In(LIFE),
                "restore": In(1),
                "restores": Out(1),
                "restored": Out(1),
                "chip_id": In(data.ArrayLayout(64, 2)),
                "bootcount": In(32),
                "measurement": In(data.ArrayLayout(64, DIGEST_WORDS)),
                "security_version": In(32),
                "lifecycle": In(2),
                "security_floor": In(8),
                "configuration": In(data.ArrayLayout(64, DIGEST_WORDS)),
                "facts": In(FACTS),
                "instant": In(1),
                "captured": In(1),
                "cause": In(4),
                "root": In(data.ArrayLayout(64, DIGEST_WORDS)),
                "stated": Out(1),
                "seq": Out(64),
                "sign": Out(1),
                "message_length": Out(range(1025), init=message_bytes()),
                "message_addr": In(range(128)),
                "message_data": Out(64),
                "signature_valid": In(1),
                "signature_ready": Out(1),
                "signature_data": In(64),
                "sponge": Out(SpongeUser()),
                "read_addr": In(range(statement_words())),
                "read_data": Out(64),
            }
        )

    def elaborate(self, platform):
        m = Module()
        slots = Signal(data.ArrayLayout(64, SLOT_WORDS))
        chain = Signal(data.ArrayLayout(64, DIGEST_WORDS))
        snapshot_facts, other_facts, facts = Signal(FACTS), Signal(FACTS), Signal(FACTS)
        making = Signal(5)
        is_snapshot = making == Kind.SNAPSHOT

        with m.If(self.instant):
            m.d.sync += snapshot_facts.eq(self.facts)
        m.d.comb += facts.eq(Mux(is_snapshot, snapshot_facts, other_facts))

        with m.If(self.slot_write & ~self.busy):
            with m.Switch(self.slot_index[1:]):
                for index in range(SLOT_WORDS):
                    with m.Case(index):
                        m.d.sync += slots[index].word_select(self.slot_index[0], 32).eq(self.slot_data)

        digest = [Mux(is_snapshot, self.root[i], slots[DIGEST_SLOT + i]) for i in range(DIGEST_WORDS)]
        sources = {
            "nonce": [slots[NONCE_SLOT + index] for index in range(DIGEST_WORDS)],
            "ueid": list(self.chip_id),
            "kind": [making],
            "seq": [_big_endian(self.seq, 8)],
            "bootcount": [_big_endian(self.bootcount, 4)],
            "ticks": [_big_endian(facts.ticks, 8)],
            "macs": [_big_endian(facts.macs, 8)],
            "steps": [_big_endian(facts.steps, 8)],
            "descriptor": [_big_endian(facts.descriptor, 8)],
            "cause": [Mux(is_snapshot, self.cause, 0)],
            "firmware": list(self.measurement),
            "security_version": [_big_endian(self.security_version, 4)],
            "chain": list(chain),
            "inputs": list(facts.inputs),
            "records": [_big_endian(facts.records, 8)],
            "words": [_big_endian(facts.words, 8)],
            "digest": digest,
            "lifecycle": [self.lifecycle],
            "security_floor": [_big_endian(self.security_floor, 4)],
            "configuration": list(self.configuration),
        }
        assert set(sources) == set(slot_names(self._config))
        source_words = [word for name in slot_names(self._config) for word in sources[name]]
        steps = walk(self._config)
        m.submodules.template = template = Memory(
            shape=12, depth=len(steps), init=[target << 10 | action << 8 | byte for target, action, byte in steps]
        )
        m.submodules.message = message = Memory(shape=64, depth=-(-message_bytes() // 8), init=[])
        m.submodules.statement = statement = Memory(shape=64, depth=statement_words(), init=[])
        template_port = template.read_port()
        message_write, message_read = message.write_port(granularity=8), message.read_port()
        statement_write, statement_read = statement.write_port(granularity=8), statement.read_port()

        position = Signal(range(len(steps) + 1))
        message_at = Signal(range(1024))
        statement_at = Signal(range(1024))
        source = Signal(ceil_log2(len(source_words) + 1))
        held = Signal(56)
        loaded, emitted = Signal(64), Signal(8)
        with m.Switch(source):
            for index, word in enumerate(source_words):
                with m.Case(index):
                    m.d.comb += loaded.eq(word)
        literal, action, target = template_port.data[:8], template_port.data[8:10], template_port.data[10:]

        m.d.comb += [
            template_port.addr.eq(position),
            message_write.addr.eq(message_at[3:]),
            message_write.data.eq(emitted.replicate(8)),
            statement_write.addr.eq(statement_at[3:]),
            statement_write.data.eq(emitted.replicate(8)),
            message_read.addr.eq(self.message_addr),
            self.message_data.eq(message_read.data),
            self.read_data.eq(Mux(self.valid, statement_read.data, 0)),
        ]

        hashed = Signal(range(DIGEST_WORDS + statement_words()))
        sponge = self.sponge
        m.d.comb += sponge.domain.eq(Domain.CHAIN)
        m.d.comb += statement_read.addr.eq(Mux(self.busy, hashed - DIGEST_WORDS, self.read_addr))

        acceptable = Signal()
        with m.Switch(self.kind):
            with m.Case(Kind.BOOT):
                m.d.comb += acceptable.eq(~self.booted & self.measured)
            with m.Case(Kind.SNAPSHOT):
                m.d.comb += acceptable.eq(self.booted & self.captured)
            with m.Case(*(other for other in Kind if other not in (Kind.BOOT, Kind.SNAPSHOT))):
                m.d.comb += acceptable.eq(self.booted)
        accepted = Signal()
        m.d.comb += accepted.eq(acceptable & self.identified & ~self.entropy_failed & ~self.reset)

        requested = Signal()
        m.d.comb += self.restores.eq(self.restore & ~self.restored & ~requested & ~self.request)
        with m.If(self.restores):
            m.d.sync += [self.restored.eq(1), self.seq.eq(self.life.seq), chain.eq(self.life.chain)]

        with m.If(self.reset):
            m.d.sync += self.booted.eq(0)

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                with m.If(self.request):
                    m.d.sync += self.refused.eq(~accepted)
                    with m.If(accepted):
                        m.d.sync += [
                            requested.eq(1),
                            making.eq(self.kind),
                            other_facts.eq(self.facts),
                            self.valid.eq(0),
                            position.eq(0),
                            message_at.eq(0),
                            statement_at.eq(0),
                            source.eq(0),
                        ]
                        m.next = "FETCH"
            with m.State("FETCH"):
                m.d.sync += position.eq(1)
                m.next = "WALK"
            with m.State("WALK"):
                with m.Switch(action):
                    with m.Case(Action.LITERAL):
                        m.d.comb += emitted.eq(literal)
                    with m.Case(Action.SLOT_LOAD):
                        m.d.comb += emitted.eq(loaded[:8])
                        m.d.sync += [held.eq(loaded[8:]), source.eq(source + 1)]
                    with m.Default():
                        m.d.comb += emitted.eq(held[:8])
                        m.d.sync += held.eq(held >> 8)
                with m.If(target & Target.MESSAGE):
                    m.d.comb += message_write.en.eq(1 << message_at[:3])
                    m.d.sync += message_at.eq(message_at + 1)
                with m.If(target & Target.STATEMENT):
                    m.d.comb += statement_write.en.eq(1 << statement_at[:3])
                    m.d.sync += statement_at.eq(statement_at + 1)
                m.d.sync += position.eq(position + 1)
                with m.If(position == len(steps)):
                    m.d.comb += [self.sign.eq(1), self.stated.eq(is_snapshot)]
                    m.next = "SIGNATURE"
            with m.State("SIGNATURE"):
                m.d.comb += [self.signature_ready.eq(1), statement_write.data.eq(self.signature_data)]
                with m.If(self.signature_valid):
                    m.d.comb += statement_write.en.eq(0xFF)
                    m.d.sync += statement_at.eq(statement_at + 8)
                    with m.If(statement_at == layout().statement_bytes - 8):
                        m.d.sync += hashed.eq(0)
                        m.next = "CHAIN_FETCH"
            with m.State("CHAIN_FETCH"):
                m.next = "CHAIN_ABSORB"
            with m.State("CHAIN_ABSORB"):
                in_chain = hashed < DIGEST_WORDS
                m.d.comb += [
                    sponge.words.valid.eq(1),
                    sponge.words.payload.data.eq(Mux(in_chain, chain[hashed[:2]], statement_read.data)),
                    sponge.words.payload.last.eq(hashed == DIGEST_WORDS + statement_words() - 1),
                    sponge.words.payload.padded.eq(0),
                ]
                with m.If(sponge.words.ready):
                    m.d.sync += hashed.eq(hashed + 1)
                    m.next = "CHAIN_FETCH"
                    with m.If(sponge.words.payload.last):
                        m.d.sync += hashed.eq(0)
                        m.next = "NEW_CHAIN"
            with m.State("NEW_CHAIN"):
                m.d.comb += sponge.digest.ready.eq(1)
                with m.If(sponge.digest.valid):
                    m.d.sync += [chain[hashed[:2]].eq(sponge.digest.payload), hashed.eq(hashed + 1)]
                    with m.If(hashed == DIGEST_WORDS - 1):
                        m.d.sync += hashed.eq(0)
                        m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += sponge.restart.eq(1)
                m.d.sync += [self.seq.eq(self.seq + 1), self.valid.eq(1), self.booted.eq(1)]
                m.next = "IDLE"
        return m


def connect_signer(m: Module, builder: StatementBuilder, signer: Ed25519Signer) -> None:
    """The signer takes the builder's bytes and no others."""
    m.d.comb += [
        signer.sign.eq(builder.sign),
        signer.message_length.eq(builder.message_length),
        builder.message_addr.eq(signer.message_addr),
        signer.message_data.eq(builder.message_data),
        builder.signature_valid.eq(signer.signature_words.valid),
        builder.signature_data.eq(signer.signature_words.payload),
        signer.signature_words.ready.eq(builder.signature_ready),
    ]
