"""The `livetrap` command: one file for each subcommand, and exit codes that scripts can rely on.

0 done or verified; 1 rejected; 2 bad usage, or a tool, file or port that failed; 3 cannot be checked; 130
interrupted.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import rich_click as click
from click.exceptions import Abort, ClickException, Exit, UsageError

from formats.link import ChipError
from host.errors import LivetrapError
from host.link.message import ChipRefusal

from .build import build
from .certify import certify
from .demo import demo
from .disclose import disclose
from .events import events
from .firmware import firmware
from .info import info
from .lifecycle import lifecycle
from .load import load
from .logserver import logserver
from .maker import maker
from .output import complain
from .plan import plan
from .ports import ports
from .provision import provision
from .pull import pull
from .relay import relay
from .reset import reset
from .sim import sim
from .snapshot import snapshot
from .train import train
from .trigger import trigger
from .truncate import truncate
from .verify import verify

INTERRUPTED = 130
TERMINATED = 143

HELP = """\
A chip that proves what it held, and the tools to check it.

\b
A first run:
  livetrap demo                                  one chip from end to end
  livetrap sim                                   start an emulated chip
  livetrap info --port /dev/pts/3                what is at that port
  livetrap pull evidence --port /dev/pts/3       fetch its signed evidence
  livetrap verify evidence --maker maker.pub     check it

Ports are serial devices, pseudo-terminals, tcp://HOST:PORT, or `sim`, which starts an emulated chip for the
one command. LIVETRAP_PORT and LIVETRAP_BAUD stand in for --port and --baud.

Exit codes: 0 done or verified, 1 rejected, 2 usage, file or port, 3 cannot be checked, 130 interrupted.
"""


click.rich_click.COMMAND_GROUPS = {
    "livetrap": [
        {"name": "Boards", "commands": ["build"]},
        {"name": "Chip", "commands": ["sim", "ports", "info", "load", "train", "snapshot", "trigger", "reset"]},
        {"name": "A chip's life", "commands": ["provision", "maker", "lifecycle", "firmware", "events"]},
        {"name": "Evidence", "commands": ["pull", "verify", "disclose", "truncate", "relay", "logserver", "demo"]},
        {"name": "Inspections", "commands": ["plan"]},
    ]
}


@click.group(help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="livetrap", prog_name="livetrap")
def cli() -> None:
    pass


maker.add_command(certify)
COMMANDS = (
    *(build,),
    *(sim, ports, info, load, train, snapshot, trigger, reset),
    *(provision, maker, lifecycle, firmware, events),
    *(pull, verify, disclose, truncate, relay, logserver, demo, plan),
)
for command in COMMANDS:
    cli.add_command(command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; whatever goes wrong is one line on standard error."""
    try:
        result = cli.main(args=arguments, prog_name="livetrap", standalone_mode=False)
    except Exit as stop:
        return stop.exit_code
    except UsageError as error:
        where = error.ctx.command_path if error.ctx else "livetrap"
        complain(f"{' '.join(error.format_message().split())} (see '{where} --help')")
        return error.exit_code
    except ClickException as error:
        complain(" ".join(error.format_message().split()))
        return 2
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED
    except LivetrapError as error:
        is_unknown = isinstance(error, ChipRefusal) and error.error is ChipError.UNKNOWN_COMMAND
        complain(f"{error}; is it in recovery mode? see 'livetrap info'" if is_unknown else str(error))
        return error.exit_code
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        # The reader of our output has left. click would say 1, which here means rejected.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 2
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(TERMINATED))
    sys.exit(run())
