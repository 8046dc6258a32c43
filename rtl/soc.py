"""LivetrapSoC: the whole chip, and how its parts are wired."""

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rtl.accel.accelerator import Accelerator
from rtl.bus import RegisterPeripheral
from rtl.config import Config
from rtl.cpu import (
    HASH_DATA_BASE,
    IMAGE_BASE,
    INGEST_DATA_BASE,
    STATEMENT_BASE,
    WEIGHTS_BASE,
    ControlProcessor,
)
from rtl.crypto.ed25519_signer import Ed25519Signer
from rtl.crypto.keccak_folded import FoldedKeccakPermutation
from rtl.crypto.key_vault import KeyVault
from rtl.crypto.sponge import Sponge
from rtl.crypto.sponge_arbiter import SpongeArbiter
from rtl.crypto.trng import Trng
from rtl.crypto.word_splitter import WordSplitter
from rtl.io.boot import BootRegisters
from rtl.io.engine_registers import (
    AcceleratorRegisters,
    CounterRegisters,
    SnapshotRegisters,
    StatementRegisters,
    TriggerRegisters,
)
from rtl.io.flash import FLASH_BYTE, FlashPeripheral
from rtl.io.hash import HashPeripheral
from rtl.io.ingest import Ingest
from rtl.io.link import LinkPeripheral
from rtl.io.lmots import LmotsPeripheral
from rtl.io.otp import BURN, Otp
from rtl.io.system import SystemPeripheral
from rtl.io.trng import TrngRegisters
from rtl.memory.clear import MemoryClear
from rtl.memory.window import ReadWindow
from rtl.memory_map import map_hash
from rtl.snapshot.engine import SnapshotEngine
from rtl.snapshot.statement import StatementBuilder, connect_signer
from rtl.snapshot.statement_template import statement_words
from rtl.snapshot.trigger import RandomTrigger


class LivetrapSoC(wiring.Component):
    """One chip.

    link_rx, link_tx: the host's byte stream (a UART PHY on boards, a pty in emulation).
    otp_load: the OTP_BYTES bytes of the fuses, offset 0 first, once after power-on. otp_burn: bits to set in one
    byte of them; what is taken is set for good.
    noise: raw bits of the noise source.
    flash_tx, flash_rx: SPI by bytes. Each byte sent brings one byte received, in order. The part is selected from the
    first byte until the one with `last`, and deselected after it.

    Two reset domains on one clock. `sync` is reset at power-on alone and holds what a warm reset must not
    touch: fuses, identity and key, signer, statement builder (seq, chain), TRNG and DRBG, bootcount, macs. `warm`
    is reset by the CPU's request too and holds everything else. A warm reset waits for a statement in progress.
    """

    def __init__(self, config: Config, rom_image: bytes = b""):
        super().__init__(
            {
                "link_rx": In(stream.Signature(8)),
                "link_tx": Out(stream.Signature(8)),
                "otp_load": In(stream.Signature(8)),
                "otp_burn": Out(stream.Signature(BURN)),
                "noise": In(stream.Signature(1)),
                "flash_tx": Out(stream.Signature(FLASH_BYTE)),
                "flash_rx": In(stream.Signature(8)),
            }
        )
        self.config = config
        self.link = LinkPeripheral()
        self.system = SystemPeripheral()
        self.ingest = Ingest(config)
        self.trigger_registers = TriggerRegisters()
        self.snapshot_registers = SnapshotRegisters()
        self.statement_registers = StatementRegisters()
        self.accelerator_registers = AcceleratorRegisters()
        self.counter_registers = CounterRegisters()
        self.otp = Otp()
        self.boot_registers = BootRegisters()
        self.flash = FlashPeripheral()
        self.hash = HashPeripheral()
        self.lmots = LmotsPeripheral()
        self.trng_registers = TrngRegisters()
        self.weights_window = ReadWindow(config.weight_words, "weights")
        self.image_window = ReadWindow(config.weight_words, "image")
        self.statement_window = ReadWindow(statement_words(), "statement")
        self.peripherals: dict[str, RegisterPeripheral] = {
            "link": self.link,
            "chip": self.system,
            "ingest": self.ingest,
            "trigger": self.trigger_registers,
            "snapshot": self.snapshot_registers,
            "statement": self.statement_registers,
            "accelerator": self.accelerator_registers,
            "counters": self.counter_registers,
            "otp": self.otp,
            "boot": self.boot_registers,
            "flash": self.flash,
            "hash": self.hash,
            "lmots": self.lmots,
            "trng": self.trng_registers,
        }
        self.processor = ControlProcessor(
            config,
            self.peripherals,
            windows=[
                ("weights", WEIGHTS_BASE, self.weights_window.bus),
                ("image", IMAGE_BASE, self.image_window.bus),
                ("statement", STATEMENT_BASE, self.statement_window.bus),
                ("ingest_data", INGEST_DATA_BASE, self.ingest.data_bus),
                ("hash_data", HASH_DATA_BASE, self.hash.data_bus),
            ],
            rom_image=rom_image,
        )
        self.system.map_hash = map_hash(self.processor)

    def elaborate(self, platform):
        m = Module()
        warm_reset = Signal()
        m.domains.warm = ClockDomain()
        m.d.comb += [
            ClockSignal("warm").eq(ClockSignal("sync")),
            ResetSignal("warm").eq(ResetSignal("sync") | warm_reset),
        ]

        warm = DomainRenamer("warm")
        m.submodules.processor = warm(self.processor)
        for name, peripheral in self.peripherals.items():
            m.submodules[name] = peripheral if name == "otp" else warm(peripheral)
        for window in ("weights_window", "image_window", "statement_window"):
            m.submodules[window] = warm(getattr(self, window))
        m.submodules.clear = warm(clear := MemoryClear(self.config.weight_words))
        m.submodules.snapshot_engine = warm(engine := SnapshotEngine(self.config))
        m.submodules.accelerator_core = warm(accelerator := Accelerator(self.config))

        def sponge():
            return Sponge(FoldedKeccakPermutation(self.config.slices_per_cycle))

        # What the CPU has hashed takes turns in one sponge; what it must not wait for or disturb, in another.
        m.submodules.cpu_sponge = warm(cpu_sponge := SpongeArbiter(sponge(), users=3))
        m.submodules.shared_sponge = shared_sponge = SpongeArbiter(sponge(), users=3)
        m.submodules.key_vault = vault = KeyVault()
        m.submodules.signer = signer = Ed25519Signer()
        m.submodules.statement_builder = builder = StatementBuilder(self.config)
        m.submodules.random_trigger = trigger = RandomTrigger()
        m.submodules.trng_core = trng = Trng()

        connect(m, flipped(self.link_rx), self.link.rx)
        connect(m, self.link.tx, flipped(self.link_tx))
        connect(m, self.flash.flash_tx, flipped(self.flash_tx))
        connect(m, flipped(self.flash_rx), self.flash.flash_rx)
        for index, user in enumerate((trigger, builder, trng)):
            connect(m, user.sponge, getattr(shared_sponge, f"user{index}"))
        for index, user in enumerate((self.ingest, self.hash, self.lmots)):
            connect(m, user.sponge, getattr(cpu_sponge, f"user{index}"))

        self._wire_weight_port(m, engine, clear, accelerator)
        self._wire_accelerator(m, accelerator, builder, engine)
        self._wire_randomness(m, trng, trigger, builder)
        self._wire_identity(m, vault, signer, builder)
        self._wire_life(m, warm_reset, builder, accelerator)
        self._wire_snapshots(m, engine, trigger, clear, builder, accelerator)
        self._wire_statements(m, builder, signer)
        return m

    def _wire_weight_port(self, m, engine, clear, accelerator):
        """One user at a time: clearing, then ingest and the CPU's window, which are rare, then the accelerator."""
        ingest, window, user = self.ingest, self.weights_window, engine.user
        with m.If(clear.valid):
            m.d.comb += [
                user.valid.eq(1),
                user.write.eq(1),
                user.addr.eq(clear.addr),
                clear.ready.eq(user.ready),
            ]
        with m.Elif(ingest.write_valid):
            m.d.comb += [
                user.valid.eq(1),
                user.write.eq(1),
                user.addr.eq(ingest.write_addr),
                user.w_data.eq(ingest.write_data),
                ingest.write_ready.eq(user.ready),
            ]
        with m.Elif(window.read_valid):
            m.d.comb += [
                user.valid.eq(1),
                user.addr.eq(window.read_addr),
                window.read_ready.eq(user.ready),
            ]
        with m.Else():
            m.d.comb += [
                user.valid.eq(accelerator.memory.valid),
                user.write.eq(accelerator.memory.write),
                user.addr.eq(accelerator.memory.addr),
                user.w_data.eq(accelerator.memory.w_data),
                accelerator.memory.ready.eq(user.ready),
            ]
        m.d.comb += [
            window.read_data.eq(user.r_data),
            accelerator.memory.r_data.eq(user.r_data),
            ingest.enable.eq(clear.done),
        ]

    def _wire_accelerator(self, m, accelerator, builder, engine):
        ingest, registers, counters = self.ingest, self.accelerator_registers, self.counter_registers
        connect(m, ingest.run, accelerator.run)
        # No descriptor starts in the cycle of the instant either: what is held is the state of the snapshot.
        # A release that comes while a capture has no statement yet is meant for an earlier one.
        holds, held = Signal(), Signal()
        m.d.comb += holds.eq(engine.instant & self.boot_registers.hold_mode)
        with m.If(holds):
            m.d.warm += held.eq(1)
        with m.Elif(registers.release & ~engine.capturing & ~self.snapshot_registers.done):
            m.d.warm += held.eq(0)
        m.d.comb += [
            accelerator.hold.eq(held | holds),
            registers.held.eq(held),
            ingest.running.eq(accelerator.busy),
            ingest.stopped.eq(accelerator.stopped),
            accelerator.clear.eq(registers.clear),
        ]
        for name in ("busy", "stopped", "error", "error_address", "busy_cycles", "stall_cycles"):
            m.d.comb += getattr(registers, name).eq(getattr(accelerator, name))
        m.d.comb += [
            counters.steps.eq(accelerator.steps),
            counters.descriptors.eq(accelerator.descriptors),
            builder.facts.steps.eq(accelerator.steps),
            builder.facts.descriptor.eq(accelerator.descriptors),
        ]

    def _wire_randomness(self, m, trng, trigger, builder):
        otp, registers = self.otp, self.trng_registers
        m.submodules.random_words = random_words = WordSplitter(consumers=2)
        connect(m, flipped(self.noise), trng.noise)
        connect(m, trng.words, random_words.words)
        connect(m, random_words.output0, otp.entropy)
        connect(m, random_words.output1, trigger.entropy)
        m.d.comb += [
            builder.entropy_failed.eq(trng.failed),
            self.system.entropy_failed.eq(trng.failed),
        ]
        for name in ("ready", "repetition", "proportion", "samples"):
            m.d.comb += getattr(registers, name).eq(getattr(trng, name))

    def _wire_identity(self, m, vault, signer, builder):
        system, otp = self.system, self.otp
        connect(m, flipped(self.otp_load), otp.load)
        connect(m, otp.burns, flipped(self.otp_burn))
        connect(m, otp.seed_words, vault.words)
        # A chip whose key is destroyed makes no statement, and says so as one without an identity does.
        identified = otp.sealed & signer.derived & vault.valid
        m.d.comb += [
            vault.lock.eq(otp.sealed),
            vault.zeroise.eq(system.zeroise),
            signer.seed.eq(vault.seed),
            signer.derive.eq(vault.valid & signer.ready & ~signer.derived),
            system.chip_id.eq(otp.chip_id),
            system.configuration.eq(otp.configuration),
            system.sealed.eq(otp.sealed),
            system.public_key.eq(signer.public_key),
            system.derived.eq(identified),
            builder.chip_id.eq(otp.chip_id),
            builder.configuration.eq(otp.configuration),
            builder.lifecycle.eq(otp.lifecycle),
            builder.security_floor.eq(otp.security_floor),
            builder.identified.eq(identified),
            builder.measurement.eq(system.measurement),
            builder.security_version.eq(system.security_version),
            builder.measured.eq(system.locked),
        ]

    def _wire_life(self, m, warm_reset, builder, accelerator):
        """What goes on over warm resets, and is restored after a power-on."""
        system, boot = self.system, self.boot_registers
        bootcount, macs = Signal(32, init=1), Signal(64)
        m.d.sync += [
            warm_reset.eq(system.reset_request & ~builder.busy & ~builder.request & ~warm_reset),
            macs.eq(macs + accelerator.macs),
        ]
        with m.If(warm_reset):
            m.d.sync += bootcount.eq(bootcount + 1)
        with m.If(builder.restores):
            m.d.sync += [bootcount.eq(boot.life.bootcount), macs.eq(boot.life.macs)]
        m.d.comb += [
            builder.reset.eq(warm_reset),
            builder.life.eq(boot.life),
            builder.restore.eq(boot.restore),
            boot.restored.eq(builder.restored),
            boot.locked.eq(system.locked),
            self.processor.sram_executable.eq(system.locked),
            system.booted.eq(builder.booted),
            system.bootcount.eq(bootcount),
            system.seq.eq(builder.seq),
            builder.bootcount.eq(bootcount),
            builder.facts.macs.eq(macs),
            self.counter_registers.macs.eq(macs),
        ]

    def _wire_snapshots(self, m, engine, trigger, clear, builder, accelerator):
        registers, image = self.snapshot_registers, self.image_window
        # A finished capture keeps its root and facts until they are in a statement.
        stated, captured = Signal(), Signal()
        with m.If(engine.instant):
            m.d.sync += stated.eq(0)
        with m.Elif(builder.stated):
            m.d.sync += stated.eq(1)
        m.d.comb += [
            captured.eq(engine.done & ~stated),
            trigger.enable.eq(clear.done),
            trigger.rate.eq(self.ingest.rate),
            self.trigger_registers.rate.eq(self.ingest.rate),
            engine.random.eq(trigger.fire),
            engine.request.eq(registers.request),
            engine.request_cause.eq(registers.cause),
            engine.boundary.eq(accelerator.boundary),
            engine.hold.eq(captured | ~clear.done),
            registers.pending.eq(engine.pending),
            registers.capturing.eq(engine.capturing),
            registers.done.eq(captured),
            registers.captures.eq(engine.captures),
            registers.capture_cycles.eq(engine.capture_cycles),
            registers.stall_cycles.eq(engine.stall_cycles),
            registers.capture_cause.eq(engine.cause),
            builder.instant.eq(engine.instant),
            builder.captured.eq(captured),
            builder.cause.eq(engine.cause),
            builder.root.eq(engine.root),
            engine.image.addr.eq(image.read_addr),
            image.read_data.eq(engine.image.data),
            image.read_ready.eq(1),
            self.system.cleared.eq(clear.done),
        ]

    def _wire_statements(self, m, builder, signer):
        registers, window, facts = self.statement_registers, self.statement_window, builder.facts
        connect_signer(m, builder, signer)
        m.d.comb += [
            builder.request.eq(registers.request),
            builder.kind.eq(registers.kind),
            builder.slot_write.eq(registers.slot_write),
            builder.slot_index.eq(registers.slot_index),
            builder.slot_data.eq(registers.slot_data),
            registers.busy.eq(builder.busy),
            registers.valid.eq(builder.valid),
            registers.refused.eq(builder.refused),
            registers.sign_cycles.eq(signer.cycles),
            facts.ticks.eq(self.system.ticks),
            facts.inputs.eq(self.ingest.inputs),
            facts.records.eq(self.ingest.records),
            facts.words.eq(self.ingest.words),
            builder.read_addr.eq(window.read_addr),
            window.read_data.eq(builder.read_data),
            window.read_ready.eq(1),
        ]
