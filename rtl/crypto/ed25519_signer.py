"""The chip's signer: Ed25519 of RFC 8032 (pure, no context) in hardware, constant-time."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .ed25519_datapath import Ed25519Datapath
from .ed25519_instruction import INSTRUCTION, Destination, Operation, Source
from .ed25519_microcode import program
from .ed25519_table import LIMB_BITS, LIMBS, STEPS, TABLES, TEETH
from .sha512 import Sha512
from .sha512_padding import MESSAGE_BYTES, Sha512Padding, byte_reversed

SEED_BITS = 256
WORD_BITS = 64
CLAMP_CLEARED = {0: 7, LIMBS - 1: 0xC000_0000}
CLAMP_SET = {LIMBS - 1: 0x4000_0000}
"""By limb of the digest: RFC 8032 section 5.1.5 step 2."""


def shifted_in(words: list[Signal], word):
    """Assignments that put a word after the last of the words, and lose the first."""
    return [target.eq(source) for target, source in zip(words, [*words[1:], word], strict=True)]


class Ed25519Signer(wiring.Component):
    """Derives the public key of a seed, and signs messages with it.

    seed: 32 bytes, byte 0 least significant; stable while not ready.
    derive, sign: a pulse when ready starts; derive wins. sign needs a key derived before, from the same seed: the
        public key in the signature's hash is the stored one.
    message_length: bytes, up to MESSAGE_BYTES. message_addr, message_data: read port of the message's memory,
        64-bit words, byte 8k of the message least significant in word k, data in the cycle after the address;
        bytes beyond the length may be anything. The message is read twice and must not change while not ready.
    public_key: its 32 bytes, byte 0 least significant. derived: 1 once it is valid, 0 while it is made.
    signature_words: R, then S, as eight such words; waits for its consumer.
    cycles: of the last operation, from start to ready, without the cycles in which a word of the signature waited
        for its consumer. They depend on the operation and the message's length alone.

    Constant time: the microprogram has no branch that depends on numbers; see Ed25519Datapath for the ROM of the
    base point's multiples. Numbers that depend on the secret are overwritten before the first word of the
    signature is offered, or `derived` is 1. A reset in the middle of an operation leaves them in memory.
    """

    seed: In(SEED_BITS)
    derive: In(1)
    sign: In(1)
    ready: Out(1)
    message_length: In(range(MESSAGE_BYTES + 1))
    message_addr: Out(range(MESSAGE_BYTES * 8 // WORD_BITS))
    message_data: In(WORD_BITS)
    public_key: Out(data.ArrayLayout(WORD_BITS, SEED_BITS // WORD_BITS))
    derived: Out(1)
    signature_words: Out(stream.Signature(WORD_BITS))
    cycles: Out(32)

    def elaborate(self, platform):
        m = Module()
        m.submodules.datapath = datapath = Ed25519Datapath()
        m.submodules.sha512 = sha512 = Sha512()
        m.submodules.padding = padding = Sha512Padding()
        microprogram = program()
        m.submodules.microprogram = memory = Memory(shape=INSTRUCTION.size, depth=256, init=microprogram.words)
        fetch = memory.read_port()
        instruction = data.View(INSTRUCTION, fetch.data)

        pc, return_address = Signal(8), Signal(8)
        step = Signal(range(STEPS))
        limb = Signal(range(2 * LIMBS))
        low_limb = Signal(LIMB_BITS)
        hashed_words = Signal(range(2 * SEED_BITS // WORD_BITS + 1))
        scalar = [Signal(WORD_BITS, name=f"scalar_{i}") for i in range(SEED_BITS // WORD_BITS)]
        public_key = [Signal(WORD_BITS, name=f"public_key_{i}") for i in range(SEED_BITS // WORD_BITS)]
        signing, empty = Signal(), Signal()
        m.d.comb += [
            fetch.addr.eq(pc),
            datapath.instruction.eq(instruction),
            padding.prefix_words.eq(hashed_words),
            padding.message_length.eq(Mux(empty, 0, self.message_length)),
            *(port.eq(key_word) for port, key_word in zip(self.public_key, public_key, strict=True)),
            self.message_addr.eq(padding.message_addr),
            padding.message_data.eq(self.message_data),
        ]
        for table in range(TABLES):
            bits = [(t * TABLES + table + 1) * STEPS - 1 for t in range(TEETH)]
            m.d.comb += datapath.digits[table].eq(Cat(scalar[bit // WORD_BITS][bit % WORD_BITS] for bit in bits))

        m.d.comb += datapath.io_address.eq(Cat(limb[:3], instruction.a))
        word = Cat(low_limb, datapath.io_read)
        sent = Signal()

        received = Signal(LIMB_BITS)
        seed_limbs = [self.seed[LIMB_BITS * i : LIMB_BITS * (i + 1)] for i in range(LIMBS)]
        digest_bytes = Cat(byte_reversed(lane) for lane in sha512.digest)
        digest_limbs = [digest_bytes[LIMB_BITS * i : LIMB_BITS * (i + 1)] for i in range(2 * LIMBS)]
        from_seed = instruction.number == Source.SEED.value

        with m.FSM():
            with m.State("READY"):
                m.d.comb += self.ready.eq(1)
                with m.If(self.derive):
                    m.d.sync += [pc.eq(microprogram.labels["derive"]), signing.eq(0), self.derived.eq(0)]
                    m.next = "FETCH"
                with m.Elif(self.sign):
                    m.d.sync += [pc.eq(microprogram.labels["sign"]), signing.eq(1)]
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "EXECUTE"
            with m.State("EXECUTE"):
                # The next instruction comes out of the memory while this one is at work.
                m.d.sync += limb.eq(0)
                with m.If(datapath.ready):
                    m.d.sync += pc.eq(pc + 1)
                    m.next = "FETCH"
                    with m.Switch(instruction.operation):
                        with m.Case(Operation.SEND):
                            m.d.sync += pc.eq(pc)
                            m.next = "SEND_LOW"
                        with m.Case(Operation.RECEIVE):
                            m.d.sync += pc.eq(pc)
                            m.next = "RECEIVE"
                        with m.Case(Operation.HASH_START):
                            m.d.comb += sha512.restart.eq(1)
                            m.d.sync += hashed_words.eq(0)
                            with m.If(~sha512.ready):
                                m.d.sync += pc.eq(pc)
                                m.next = "EXECUTE"
                        with m.Case(Operation.HASH_MESSAGE, Operation.HASH_END):
                            m.d.comb += padding.start.eq(1)
                            m.d.sync += empty.eq(instruction.operation == Operation.HASH_END)
                            m.next = "PAD"
                        with m.Case(Operation.LOOP):
                            m.d.sync += [step.eq(step + 1), *(part.eq(part << 1) for part in scalar)]
                            with m.If(step != STEPS - 1):
                                m.d.sync += pc.eq(instruction.number)
                        with m.Case(Operation.CALL):
                            m.d.sync += [return_address.eq(pc + 1), pc.eq(instruction.number)]
                        with m.Case(Operation.RETURN):
                            m.d.sync += pc.eq(return_address)
                        with m.Case(Operation.END):
                            m.d.comb += sha512.zeroise.eq(1)
                            m.d.sync += self.derived.eq(self.derived | ~signing)
                            m.next = "READY"
                        with m.Default():
                            m.d.comb += datapath.start.eq(1)
            with m.State("SEND_LOW"):
                m.d.sync += limb.eq(limb + 1)
                m.next = "SEND_HIGH"
            with m.State("SEND_HIGH"):
                m.d.sync += low_limb.eq(datapath.io_read)
                m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += sent.eq(1)
                with m.Switch(instruction.number):
                    with m.Case(Destination.HASH.value):
                        m.d.comb += [
                            sha512.words.payload.eq(byte_reversed(word)),
                            sha512.words.valid.eq(1),
                            sent.eq(sha512.words.ready),
                        ]
                        m.d.sync += hashed_words.eq(hashed_words + sha512.words.ready)
                    with m.Case(Destination.SIGNATURE.value):
                        m.d.comb += [
                            self.signature_words.payload.eq(word),
                            self.signature_words.valid.eq(1),
                            sent.eq(self.signature_words.ready),
                        ]
                    with m.Case(Destination.SCALAR.value):
                        m.d.sync += shifted_in(scalar, word)
                    with m.Case(Destination.PUBLIC_KEY.value):
                        m.d.sync += shifted_in(public_key, word)
                with m.If(sent):
                    m.d.sync += limb.eq(limb + 1)
                    m.next = "SEND_LOW"
                    with m.If(limb == LIMBS - 1):
                        m.d.sync += pc.eq(pc + 1)
                        m.next = "FETCH"
            with m.State("RECEIVE"):
                m.d.comb += [
                    datapath.io_address.eq(Cat(limb[:3], instruction.d + limb[3])),
                    received.eq(Mux(from_seed, Array(seed_limbs)[limb[:3]], Array(digest_limbs)[limb])),
                    datapath.io_data.eq(received),
                ]
                with m.If(instruction.number == Source.KEY_DIGEST.value):
                    with m.Switch(limb):
                        for index in sorted(CLAMP_CLEARED):
                            with m.Case(index):
                                cleared = received & ~CLAMP_CLEARED[index]
                                m.d.comb += datapath.io_data.eq(cleared | CLAMP_SET.get(index, 0))
                with m.If(from_seed | sha512.ready):
                    m.d.comb += datapath.io_write.eq(1)
                    m.d.sync += limb.eq(limb + 1)
                    with m.If(limb == Mux(from_seed, LIMBS - 1, 2 * LIMBS - 1)):
                        m.d.sync += pc.eq(pc + 1)
                        m.next = "FETCH"
            with m.State("PAD"):
                m.d.comb += [
                    sha512.words.payload.eq(padding.words.payload),
                    sha512.words.valid.eq(padding.words.valid),
                    padding.words.ready.eq(sha512.words.ready),
                ]
                with m.If(padding.ready):
                    m.next = "FETCH"

        with m.If(self.ready & (self.derive | self.sign)):
            m.d.sync += self.cycles.eq(1)
        with m.Elif(~self.ready & ~(self.signature_words.valid & ~self.signature_words.ready)):
            m.d.sync += self.cycles.eq(self.cycles + 1)
        return m
