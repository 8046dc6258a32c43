"""Arithmetic of the Ed25519 signer: working memory, ROM, and one multiply-accumulate in a cycle."""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .ed25519_instruction import ELEMENTS, INSTRUCTION, Operation, Space, constant_values
from .ed25519_table import LIMB_BITS, LIMBS, TABLES, TEETH, comb_table, limbs, precomputed

LIMB = signed(35)
"""Limbs 0 to 6 are below 2**32, or little more after MULTIPLY; limb 7 holds the number's sign and excess."""

ACCUMULATOR = signed(84)
SCALED = signed(43)
PART_BITS = 17
"""Of a factor, for one 18 x 18 bit signed multiplier."""

TAG = data.StructLayout({"valid": 1, "first": 1, "last": 1, "limb": 4})
"""A product on its way: it is the first or the last of those that make up a limb."""


def rom_words() -> list[int]:
    """Address: limb (3 bits), part (2), digit (TEETH), table (2). Part 3 of a point is a constant."""
    constants = {constant.value: value for constant, value in constant_values().items()}
    words: list[int] = []
    for entry in range(TABLES << TEETH):
        table, digit = divmod(entry, 1 << TEETH)
        numbers = [*precomputed(comb_table()[table][digit]), constants.get(entry, 0)]
        words += [limb for number in numbers for limb in limbs(number)]
    return words


def partial_products(x, y) -> list[tuple[int, object]]:
    """(weight in bits, product) of the parts of x (35 bits) and y (43 bits), each for one hardware multiplier."""
    xs = [x[:PART_BITS], x[PART_BITS:].as_signed()]
    ys = [y[:PART_BITS], y[PART_BITS : 2 * PART_BITS], y[2 * PART_BITS :].as_signed()]
    return [(PART_BITS * (i + j), xs[i] * ys[j]) for i in range(2) for j in range(3)]


class Ed25519Datapath(wiring.Component):
    """Executes the arithmetic operations of `Operation` on ELEMENTS numbers.

    A number is eight limbs; products of 3 * 2**256 and less in magnitude with each other are within range, and
    sums must stay below 2**258 in magnitude. MULTIPLY and SQUARE give a number within 2**54 of 0..2**256-1 that is
    congruent modulo p = 2**255 - 19, by 2**256 = 38 (mod p) in each column of the product and then on what is
    above the last limb. Their d must be neither a nor b; SQUARE, when it repeats, writes to d and d ^ 1 in turn,
    beginning with d.

    start: takes `instruction` when ready. digits: the comb's digit for each table, stable while a MULTIPLY runs.
    ready: 1 from the cycle of the last write on. Cycles from a start to the next ready, whatever the numbers:
    ADD, SUBTRACT, ADD_IF_NEGATIVE 10; MULTIPLY 71; SQUARE 43 * (number + 1); MULTIPLY_WIDE 133.
    io_*: access to limb `io_address` = 8 * number + limb, when nothing runs: 32 bits are written if io_write, and
    io_read is the limb whose address was given in the cycle before.

    Constant time: neither addresses nor cycles depend on numbers but for the ROM address of a table's point, and
    a block RAM takes one cycle for any address.
    """

    instruction: In(INSTRUCTION)
    start: In(1)
    ready: Out(1)
    digits: In(data.ArrayLayout(TEETH, TABLES))
    io_address: In(range(ELEMENTS * LIMBS))
    io_write: In(1)
    io_data: In(LIMB_BITS)
    io_read: Out(LIMB_BITS)

    def elaborate(self, platform):
        m = Module()
        m.submodules.elements = elements = Memory(shape=LIMB, depth=ELEMENTS * LIMBS, init=[])
        m.submodules.rom = rom = Memory(shape=unsigned(34), depth=LIMBS * 4 << TEETH + 2, init=rom_words())
        read_a, read_b, read_rom = elements.read_port(), elements.read_port(), rom.read_port()
        write = elements.write_port()

        current = Signal(INSTRUCTION)
        operation = current.operation
        busy, issuing, ends = Signal(), Signal(), Signal()
        is_sum, is_wide, is_square = Signal(), Signal(), Signal()
        m.d.comb += [
            is_wide.eq(operation == Operation.MULTIPLY_WIDE),
            is_square.eq(operation == Operation.SQUARE),
            is_sum.eq(~(is_wide | is_square | (operation == Operation.MULTIPLY))),
            self.ready.eq(~busy | (ends & (~is_square | (current.number == 0)))),
        ]

        # Which limbs to multiply. Column c takes a[i] * b[c - i mod 8]; those with i > c belong to column c + 8.
        row, column, upper = Signal(3), Signal(3), Signal()
        row_ends, wrapped = Signal(), Signal()
        index_a, index_b = Signal(3), Signal(3)
        m.d.comb += [
            index_a.eq(Mux(is_square, row + (column + 1)[1:], row)),
            index_b.eq(Mux(is_sum, row, column - index_a)),
            wrapped.eq(index_a > column),
            row_ends.eq(row == Mux(is_square, 4 - column[0], LIMBS - 1)),
        ]
        m.d.comb += [
            read_a.addr.eq(Mux(issuing, Cat(index_a, current.a), self.io_address)),
            read_b.addr.eq(Cat(index_b, current.b.index)),
            read_b.en.eq(issuing),
            read_rom.en.eq(issuing),
            self.io_read.eq(read_a.data),
        ]
        with m.If(current.b.space == Space.TABLE):
            part, table = current.b.index[:2], current.b.index[2:4]
            m.d.comb += read_rom.addr.eq(Cat(index_b, part, self.digits[table], table))
        with m.Else():
            m.d.comb += read_rom.addr.eq(Cat(index_b, Const(3, 2), current.b.index))

        tags = [Signal(TAG, name=f"tag_{stage}") for stage in range(5)]
        in_memory, in_factors, in_parts, in_product, in_accumulator = tags
        scale_38, scale_2, omitted = Signal(), Signal(), Signal()
        negative = Signal()
        m.d.sync += [later.eq(earlier) for earlier, later in pairwise(tags)]
        m.d.sync += [in_memory.valid.eq(issuing), in_parts.valid.eq(in_factors.valid & ~is_sum)]
        with m.If(issuing):
            m.d.sync += [
                in_memory.first.eq(row == 0),
                in_memory.last.eq(row_ends),
                in_memory.limb.eq(Mux(is_sum, row, Cat(column, upper))),
                scale_38.eq(wrapped & ~is_wide & ~is_sum),
                scale_2.eq(is_square & (index_a != index_b)),
                omitted.eq((is_wide & (wrapped ^ upper)) | ((operation == Operation.ADD_IF_NEGATIVE) & ~negative)),
                row.eq(row + 1),
            ]
            with m.If(row_ends):
                m.d.sync += [row.eq(0), column.eq(column + 1)]
                with m.If(is_sum | ((column == LIMBS - 1) & (~is_wide | upper))):
                    m.d.sync += issuing.eq(0)
                with m.If(column == LIMBS - 1):
                    m.d.sync += upper.eq(1)

        x, y = Signal(LIMB), Signal(SCALED)
        operand, scaled = Signal(LIMB), Signal(SCALED)
        with m.If(in_memory.valid):
            m.d.comb += [
                operand.eq(Mux(current.b.space == Space.ELEMENT, read_b.data, read_rom.data)),
                scaled.eq(Mux(scale_38, operand * 38, operand)),
            ]
            m.d.sync += [x.eq(read_a.data), y.eq(Mux(omitted, 0, Mux(scale_2, scaled << 1, scaled)))]

        # Sums: a limb in a cycle, with a carry.
        carry, total = Signal(signed(4)), Signal(LIMB)
        is_last_limb = in_factors.limb == LIMBS - 1
        with m.If(in_factors.valid & is_sum):
            m.d.comb += total.eq(Mux(operation == Operation.SUBTRACT, x - y, x + y) + carry)
            m.d.sync += carry.eq(Mux(is_last_limb, 0, total >> LIMB_BITS))
            with m.If(is_last_limb):
                m.d.sync += negative.eq(total < 0)

        product, accumulator = Signal(ACCUMULATOR), Signal(ACCUMULATOR)
        parts = []
        with m.If(in_factors.valid & ~is_sum):
            for number, (weight, part_product) in enumerate(partial_products(x, y)):
                part_register = Signal(part_product.shape(), name=f"part_{number}")
                m.d.sync += part_register.eq(part_product)
                parts.append(part_register << weight)
        with m.If(in_parts.valid):
            m.d.sync += product.eq(sum(parts))
        with m.If(in_product.valid):
            m.d.sync += accumulator.eq(Mux(in_product.first, accumulator >> LIMB_BITS, accumulator) + product)

        # Modulo p, limbs 0 and 1 wait for what the last column leaves above limb 7.
        limb_0, limb_1 = Signal(LIMB_BITS), Signal(LIMB_BITS)
        folded = Signal(signed(64))
        writes_0, writes_1 = Signal(), Signal()
        word = accumulator[:LIMB_BITS]
        limb_ends = in_accumulator.valid & in_accumulator.last
        m.d.sync += [writes_0.eq(0), writes_1.eq(writes_0)]
        m.d.comb += write.addr.eq(Cat(in_accumulator.limb[:3], current.d))
        with m.If(limb_ends & is_wide):
            m.d.comb += [
                write.addr.eq(Cat(in_accumulator.limb, current.d[1:])),
                write.data.eq(word),
                write.en.eq(1),
                ends.eq(in_accumulator.limb == 2 * LIMBS - 1),
            ]
        with m.Elif(limb_ends):
            m.d.comb += [write.data.eq(word), write.en.eq(in_accumulator.limb[1:] != 0)]
            with m.Switch(in_accumulator.limb):
                with m.Case(0):
                    m.d.sync += limb_0.eq(word)
                with m.Case(1):
                    m.d.sync += limb_1.eq(word)
                with m.Case(LIMBS - 1):
                    m.d.sync += [folded.eq(limb_0 + 38 * (accumulator >> LIMB_BITS)), writes_0.eq(1)]
        with m.Elif(writes_0):
            m.d.comb += [
                write.addr.eq(Cat(Const(0, 3), current.d)),
                write.data.eq(folded[:LIMB_BITS]),
                write.en.eq(1),
            ]
        with m.Elif(writes_1):
            m.d.comb += [
                write.addr.eq(Cat(Const(1, 3), current.d)),
                write.data.eq(limb_1 + (folded >> LIMB_BITS)),
                write.en.eq(1),
                ends.eq(1),
            ]
        with m.Elif(in_factors.valid & is_sum):
            m.d.comb += [
                write.addr.eq(Cat(in_factors.limb[:3], current.d)),
                write.data.eq(Mux(is_last_limb, total, total[:LIMB_BITS])),
                write.en.eq(1),
                ends.eq(is_last_limb),
            ]
        with m.Elif(self.io_write):
            m.d.comb += [write.addr.eq(self.io_address), write.data.eq(self.io_data), write.en.eq(1)]

        with m.If(ends):
            m.d.sync += busy.eq(0)
        begins = Signal()
        with m.If(ends & is_square & (current.number != 0)):
            m.d.comb += begins.eq(1)
            m.d.sync += [
                current.a.eq(current.d),
                current.b.index.eq(current.d),
                current.d.eq(current.d ^ 1),
                current.number.eq(current.number - 1),
            ]
        with m.Elif(self.start & self.ready):
            m.d.comb += begins.eq(1)
            m.d.sync += current.eq(self.instruction)
        with m.If(begins):
            m.d.sync += [
                busy.eq(1),
                issuing.eq(1),
                row.eq(0),
                column.eq(0),
                upper.eq(0),
                accumulator.eq(0),
            ]
        return m
