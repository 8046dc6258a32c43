"""The GEMM unit: product and epilogue behind one memory port."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect

from rtl.accel.descriptor import OperationPort
from rtl.accel.epilogue import Epilogue
from rtl.accel.product import MatrixProduct


class GemmUnit(wiring.Component):
    """Executes a GEMM descriptor: OperationPort, and `macs`, the multiply-accumulates of this cycle.

    On the memory port the loader goes before the epilogue, since it stops when the operand buffers are full, but not
    while half of the rows' buffer is taken: the array must wait for neither.
    """

    def __init__(self, words: int, rows: int, columns: int, slots: int):
        self.words = words
        self._array = (rows, columns, slots)
        super().__init__({**OperationPort(words).members, "macs": Out(range(rows * columns + 1))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.product = product = MatrixProduct(self.words, *self._array)
        m.submodules.epilogue = epilogue = Epilogue(self.words)
        connect(m, product.results, epilogue.rows)
        for unit in (product, epilogue):
            m.d.comb += [
                unit.start.eq(self.start),
                unit.descriptor.eq(self.descriptor),
                unit.memory.r_data.eq(self.memory.r_data),
            ]
        with m.If(product.memory.valid & ~(product.crowded & epilogue.memory.valid)):
            m.d.comb += [
                self.memory.valid.eq(1),
                self.memory.addr.eq(product.memory.addr),
                product.memory.ready.eq(self.memory.ready),
            ]
        with m.Else():
            m.d.comb += [
                self.memory.valid.eq(epilogue.memory.valid),
                self.memory.write.eq(epilogue.memory.write),
                self.memory.addr.eq(epilogue.memory.addr),
                self.memory.w_data.eq(epilogue.memory.w_data),
                epilogue.memory.ready.eq(self.memory.ready),
            ]
        m.d.comb += [self.macs.eq(product.macs), self.done.eq(epilogue.done)]
        return m
