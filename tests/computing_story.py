"""Evidence of a golden chip that computes, whole and honest, and the same story told with other records."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random

from formats.descriptor import DESCRIPTOR_BYTES, AcceleratorError, Descriptor, Flag, Opcode, Operand, Run
from formats.hashing import PAGE_BYTES
from formats.records import Record, RecordKind
from formats.statement import Cause
from host.evidence import records
from host.evidence.folder import Evidence
from host.evidence.statement import parse
from host.verify.inputs import running_digests
from sim.golden import chip as golden
from tests.evidence_story import NONCE, PAGES, certified, forged, new_chip

SIZE = PAGES * PAGE_BYTES
INDICES, LABELS, PROGRAM, OPEN = 512, 1000, 8192, 10240
RUN = Run(4, 2, OPEN, SIZE)
MACS = (512, 1024, 0, 0)
"""Of each descriptor of the program."""

PROGRAM_RECORD, RUN_RECORD, FIRST_OPEN_WRITE, INDICES_RECORD = 1, 2, 3, 8
"""Records of the first boot."""


def program() -> list[Descriptor]:
    """A product, an update by another, a loss gradient of the first, and a marked gather that changes an operand."""
    return [
        Descriptor(Opcode.GEMM, 8, 8, 8, shift=8, a=Operand(0, 8), b=Operand(64, 8), c=Operand(2048, 8)),
        Descriptor(
            Opcode.GEMM, 8, 16, 8, shift=4, flags=Flag.UPDATE, a=Operand(0, 8), b=Operand(128, 16),
            c=Operand(2304, 16), d=Operand(2560, 32),
        ),
        Descriptor(
            Opcode.LOSS, 8, 8, shift=3, a=Operand(2048, 8), b=Operand(LABELS, 1), c=Operand(2176, 8), d=Operand(2240)
        ),
        Descriptor(
            Opcode.GATHER, 1, 8, 32, 8, Flag.MARK, a=Operand(2048, 8), b=Operand(INDICES), c=Operand(0, 8), advance=8
        ),
    ]  # fmt: skip


@dataclass
class Story:
    """A chip's life so far. statements: by seq. snapshots: seqs at a boundary. names: of seqs that tests speak of.

    images: memory at each snapshot.
    """

    chip: golden.Chip = field(default_factory=new_chip)
    statements: list[bytes] = field(default_factory=list)
    record: bytearray = field(default_factory=bytearray)
    snapshots: list[int] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    images: dict[int, bytes] = field(default_factory=dict)

    def boot(self) -> None:
        self.chip, made = golden.boot(self.chip)
        self.record += records.boot_item(self.chip.bootcount)
        self.statements.append(made)

    def take(self, kind: RecordKind, address: int, payload: bytes, words: int | None = None) -> None:
        """The whole record, or so many words of it."""
        record = Record(kind, address, payload)
        self.record += records.record_item(record)
        self.chip = golden.begin(golden.wait(self.chip, 9), record, words or 0)
        if words is None:
            self.chip = golden.complete(self.chip)

    def write(self, address: int, payload: bytes, words: int | None = None) -> None:
        self.take(RecordKind.WRITE, address, payload, words)

    def start(self, run: Run, address: int = PROGRAM) -> None:
        self.take(RecordKind.RUN, address, run.encode())

    def execute(self, descriptors: int | None = None) -> None:
        self.chip = golden.execute(self.chip, descriptors)

    def snapshot(self, name: str | None = None, cause: Cause = Cause.RANDOM) -> None:
        if name:
            self.names[name] = self.chip.seq
        if not cause & 8:
            self.snapshots.append(self.chip.seq)
        self.images[self.chip.seq] = self.chip.memory
        self.chip, made = golden.snapshot(golden.wait(self.chip, 40), cause)
        self.statements.append(made)

    def head(self, nonce: bytes, name: str | None = None) -> None:
        if name:
            self.names[name] = self.chip.seq
        self.chip, made = golden.head(golden.wait(self.chip, 40), nonce)
        self.statements.append(made)

    def within_descriptor(self, macs: int, state: Callable[[], None]) -> None:
        """Makes a statement while the next descriptor has made so many multiply-accumulates, and written half."""
        before, after = self.chip, golden.execute(self.chip, 1).memory
        mixed = bytes(new if at & 8 else old for at, (old, new) in enumerate(zip(before.memory, after, strict=True)))
        self.chip = replace(before, memory=mixed, macs=before.macs + macs)
        state()
        self.chip = replace(self.chip, memory=before.memory, macs=before.macs)

    @property
    def evidence(self) -> Evidence:
        """Everything, with pages of snapshots that are not at a boundary alone."""
        forced = set(self.images) - set(self.snapshots)
        return Evidence(
            ueid=self.chip.ueid,
            certificate=certified(self.chip),
            statements=dict(enumerate(self.statements)),
            pages={
                seq: {page: self.images[seq][page * PAGE_BYTES :][:PAGE_BYTES] for page in range(PAGES)}
                for seq in forced
            },
            challenges=(NONCE,),
            record=bytes(self.record),
        )


@cache
def story() -> Story:
    """Four boots.

    1: snapshots at every descriptor of a run, with host writes in between; a second run with a head and a forced
    snapshot within descriptors; a run that is refused; one of nothing. 2: it ends within a run. 3: a run, complete.
    4: nothing.
    """
    random = Random(3)
    code = b"".join(descriptor.encode() for descriptor in program())
    told = Story()

    def list_of_indices() -> bytes:
        """Rows of the product and of the gradient."""
        return bytes(random.choice((*range(8), *range(16, 24))) for _ in range(64))

    def data() -> bytes:
        image = bytearray(random.randbytes(LABELS) + bytes(range(8)))
        image[INDICES : INDICES + 64] = list_of_indices()
        return bytes(image)

    told.record += records.header(told.chip.ueid)

    told.boot()
    told.write(0, data())
    told.write(PROGRAM, code)
    told.start(RUN)
    told.snapshot("started")
    for index in range(1, 4):
        told.execute(1)
        told.snapshot(f"descriptor {index}")
        told.write(OPEN + 16 * index, random.randbytes(16))
        told.snapshot()
    told.take(RecordKind.TRIGGER_RATE, 0, (1 << 40).to_bytes(8, "little"))
    told.write(OPEN + 512, random.randbytes(64), words=5)
    for index in range(4, 8):
        told.execute(1)
        told.snapshot(f"descriptor {index}")
    told.execute()
    told.chip = golden.complete(told.chip)
    told.snapshot("first run over")
    told.write(INDICES, list_of_indices())
    told.start(RUN)
    told.execute(4)
    told.within_descriptor(256, lambda: told.head(NONCE[::-1], "head within a product"))
    told.execute(1)
    told.within_descriptor(768, lambda: told.snapshot("forced", Cause.RANDOM_FORCED))
    told.execute(1)
    told.snapshot("after forced")
    told.execute()
    told.start(Run(2, 3), PROGRAM + 3 * DESCRIPTOR_BYTES)
    told.execute()
    assert told.chip.error is AcceleratorError.OPCODE
    told.snapshot("stopped")
    told.chip = golden.clear(told.chip)
    told.start(Run(0))
    told.snapshot("nothing to run")

    told.names["second boot"] = told.chip.seq
    told.boot()
    told.write(0, data())
    told.write(PROGRAM, code)
    told.start(RUN)
    told.execute(3)
    told.snapshot("second boot's last")
    told.execute(2)

    told.names["third boot"] = told.chip.seq
    told.boot()
    told.write(0, data())
    told.write(PROGRAM, code)
    told.start(RUN)
    told.execute()
    told.snapshot("third boot's last")

    told.names["fourth boot"] = told.chip.seq
    told.boot()
    told.head(NONCE, "last")
    return told


def seq_of(name: str) -> int:
    """Of the statement that the story calls so."""
    return story().names[name]


def claim(seq: int, name: str) -> int:
    """A number in the honest statement."""
    value = getattr(parse(story().statements[seq]), name)
    assert isinstance(value, int)
    return value


def items_of(boot: int) -> list[Record]:
    """The honest records of a boot."""
    return list(records.parse(bytes(story().record)).boots[boot])


def with_items(boot: int, items: list[Record]) -> Evidence:
    """The evidence with other records of a boot; the statements are as they were."""
    data = records.header(story().chip.ueid)
    for each, honest in records.parse(bytes(story().record)).boots.items():
        chosen = items if each == boot else honest
        data += records.boot_item(each) + b"".join(map(records.record_item, chosen))
    return replace(story().evidence, record=data)


def retold(boot: int, items: list[Record], patches: dict[int, dict[str, int | bytes]] | None = None) -> Evidence:
    """The evidence with other records of a boot, and every statement's `inputs` signed anew over them.

    What a chip would have to say whose ingest is honest and whose accelerator is not.
    """
    lies: dict[int, dict[str, int | bytes]] = {seq: dict(patch) for seq, patch in (patches or {}).items()}
    digests = running_digests(tuple(items))
    for seq, data in enumerate(story().statements):
        if parse(data).bootcount == boot:
            lie = lies.setdefault(seq, {})
            lie["inputs"] = digests[int(lie.get("records", claim(seq, "records")))]
    return forged(with_items(boot, items), lies)
