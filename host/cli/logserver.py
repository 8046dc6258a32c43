"""`livetrap logserver`."""

import threading
from pathlib import Path

import rich_click as click

from host import hss
from host.evidence.keys import read_public
from host.logserver.server import LogServer
from host.logserver.store import Store

from .options import EXISTING_FILE, FILE, json_option
from .output import notice, print_json, results

INTERRUPTED = 130
DEFAULT_ADDRESS = "127.0.0.1:8440"


def as_address(value: str) -> tuple[str, int]:
    """HOST:PORT. Raises BadParameter for anything else."""
    host, _, port = value.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise click.BadParameter(f"{value!r} is not HOST:PORT")
    return host, int(port)


@click.command()
@click.option("--db", "database", type=FILE, required=True, help="SQLite database; made if it is not there.")
@click.option("--key", "keyfile", type=EXISTING_FILE, required=True, help="HSS private key that signs receipts.")
@click.option("--maker", type=EXISTING_FILE, help="The maker's public key, in PEM, at which chips' chains must end.")
@click.option(
    "--listen",
    type=as_address,
    default=DEFAULT_ADDRESS,
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; port 0 picks a free one.",
)
@json_option
def logserver(database: Path, keyfile: Path, maker: Path | None, listen: tuple[str, int], as_json: bool) -> int:
    """Store chips' statements and sign receipts for their snapshots, until Ctrl-C.

    A chip whose log mode is `server` trains on only when it has checked the receipt. What does not follow on what is
    stored is refused, and a second history of a chip (fork) is kept as proof. Without --maker, the first certificate
    that comes with a chip's identifier is believed.

    \b
    Example:
      livetrap logserver --db log.sqlite --key verifier --maker root.pub
    """
    root = read_public(maker) if maker else None
    with hss.open_key(keyfile) as key, Store(database, key.sign, root) as store:
        server = LogServer(store, *listen)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            if as_json:
                print_json({"url": server.url, "key": key.public_key.hex()})
            else:
                results.print(f"listening at {server.url}; Ctrl-C stops it")
            if root is None:
                notice("without --maker, the first certificate that comes with a chip's identifier is believed")
            thread.join()
        except KeyboardInterrupt:
            pass
        finally:
            server.shutdown()
            server.server_close()
    return INTERRUPTED
