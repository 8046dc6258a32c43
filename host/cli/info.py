"""`livetrap info`."""

from typing import NamedTuple

import rich_click as click

from formats.boot import BootError
from formats.otp import Lifecycle
from host.device import Device
from host.life_answers import BootState

from .options import chip_options, json_option, open_device
from .output import notice, print_json, print_pairs


def show_boot(state: BootState) -> dict[str, object]:
    """How the chip booted, as names and values for people."""
    slots = {"slot A": state.slot_a, "slot B": state.slot_b}
    runs = (
        f"slot {'AB'[state.slot]}, {'confirmed' if state.confirmed else 'not confirmed yet'}"
        if state.slot < 2
        else "?"
    )
    return {
        "lifecycle": state.lifecycle.name.lower(),
        "security floor": state.floor,
        "runs": f"recovery mode: {state.error.explanation}" if state.recovery else runs,
        **{name: error.explanation for name, error in slots.items() if error is not BootError.NONE},
        **({"entropy": "failed: the chip signs nothing until it is powered on anew"} if state.entropy_failed else {}),
    }


def what_to_do(state: BootState) -> str:
    """One line on how a chip gets out of recovery mode."""
    if state.lifecycle is Lifecycle.RAW:
        return "give the chip its identity: livetrap provision --firmware-key FILE"
    if state.error in (BootError.NO_IMAGE, BootError.ALTERED):
        return "send it firmware that its key has signed: livetrap firmware update IMAGE"
    if state.error in (BootError.FUSES, BootError.FLASH, BootError.LOCK, BootError.MAP):
        return "power it off and on; if that does not help, the chip or its flash is broken"
    if state.error is BootError.STATEMENT and state.entropy_failed:
        return "power it off and on: its entropy source failed its tests"
    return "power it off and on; if that does not help, return it to its maker: its flash was changed or is worn"


class ChipState(NamedTuple):
    """What a chip says of itself: as JSON, and as names and values for people. advice: what to do, or empty."""

    as_json: dict[str, object]
    pairs: dict[str, object]
    advice: str

    def show(self, as_json: bool) -> None:
        """Prints it, and the advice beside it."""
        if as_json:
            print_json(self.as_json)
            return
        print_pairs(self.pairs)
        if self.advice:
            notice(self.advice)


def ask(device: Device) -> ChipState:
    """Asks a chip for everything that `livetrap info` shows."""
    boot = device.boot_state()
    if boot.recovery:
        advice = what_to_do(boot)
        return ChipState({"boot": boot.as_json(), "advice": advice}, show_boot(boot), advice)
    said, counters, rate = device.info(), device.counters(), device.trigger_rate()
    certified = device.certificate() is not None
    configuration, receipts = device.configuration(), device.receipt_state()
    rate_text = f"rate {rate} / 2**64 per tick" + (f", once in {2**64 / rate:.3g} ticks" if rate else ", never")
    answers = {
        **said.as_json(),
        "boot": boot.as_json(),
        "certified": certified,
        "log_mode": configuration.log_mode.name.lower(),
        "firmware_key": configuration.firmware_key.hex(),
        "verifier_key": configuration.verifier_key.hex(),
        "held": receipts.held,
        "trigger_rate": rate,
        "counters": vars(counters),
    }
    pairs = {
        "ueid": said.ueid.hex(),
        "public key": said.key.hex(),
        "certificate": "on the chip" if certified else "none yet",
        **show_boot(boot),
        "firmware": f"{said.firmware.hex()}, security version {said.version}",
        "configuration": said.config,
        "memory": f"{said.memory_bytes} bytes: {said.pages} pages of {said.page_size}",
        "boot": said.bootcount,
        "log": f"statements {said.first} to {said.seq - 1}, room for {said.capacity}",
        "log mode": configuration.log_mode.name.lower()
        + ("; held until a receipt comes (livetrap relay)" if receipts.held else ""),
        "random trigger": rate_text,
        **{name.replace("_", " "): value for name, value in vars(counters).items()},
    }
    return ChipState(answers, pairs, "")


@click.command()
@chip_options
@json_option
def info(port: str | None, baud: int, timeout: float, as_json: bool) -> None:
    """Show what a chip says of itself, how it booted, and its counters; in recovery mode, what to do.

    \b
    Examples:
      livetrap info --port /dev/ttyUSB0
      livetrap info --port tcp://127.0.0.1:4242 --json
      livetrap info --port sim
    """
    with open_device(port, baud, timeout) as device:
        state = ask(device)
    state.show(as_json)
