"""The independent COSE library (pycose), which lives in an environment of its own: `make build/peers/.ready`."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "peers" / "bin" / "python"


def payloads(messages: list[tuple[bytes, bytes]]) -> list[bytes | None]:
    """For each (COSE_Sign1, Ed25519 key): its payload when the library finds the signature right, else None."""
    request = json.dumps([{"message": message.hex(), "key": key.hex()} for message, key in messages])
    script = Path(__file__).with_name("check_sign1.py")
    result = subprocess.run([PYTHON, script], input=request, capture_output=True, text=True, check=True, timeout=120)
    return [None if payload is None else bytes.fromhex(payload) for payload in json.loads(result.stdout)]
