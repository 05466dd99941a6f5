"""Deploys the simulated CloudStack's zone and writes its keys down for the worker: once, and not again.

It runs inside the image ``apache/cloudstack-simulator``, on that image's Python (3.10) and the standard
library. The deployment itself is Marvin's, CloudStack's own tool, which the image has; we wait for the
management server before it, and see that the zone is enabled after it. That is Marvin's last step, so a zone
that is there but not enabled is the rest of an attempt that was interrupted.

Exit codes: 0 when zone and file are there, 1 when not (the message says why).
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

_START_SECONDS = float(os.environ.get("START_SECONDS", "1800"))
_PAUSE_SECONDS = float(os.environ.get("PAUSE_SECONDS", "5"))
_USER = "admin"


class ZoneError(Exception):
    """There is no zone, or nobody's keys. No message holds a key."""


def ask(command: str, **arguments: str) -> dict[str, Any]:
    """Send one unsigned request and return what its envelope holds.

    Raises:
        OSError: Nobody answers, or the answer is an error (``urllib.error.HTTPError``).
        ValueError: The answer is no JSON: the server is not up yet.
    """
    query = urllib.parse.urlencode({"command": command, "response": "json", **arguments})
    url = f"{os.environ['UNSIGNED_API']}?{query}"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the address is ours
        envelope: dict[str, dict[str, Any]] = json.load(answer)
    return envelope[f"{command.lower()}response"]


def wait_for_server() -> None:
    """Wait until the management server answers on its unsigned port.

    Raises:
        ZoneError: It did not, in half an hour.
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            ask("listZones")
        except (OSError, ValueError, KeyError):
            if time.monotonic() > deadline:
                raise ZoneError("the management server does not answer") from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def deploy_zone() -> None:
    """Have Marvin deploy the zone, unless there is one.

    Raises:
        ZoneError: Marvin failed now, or earlier.
    """
    zones = ask("listZones").get("zone", [])
    if not zones:
        say("deploying the zone; this takes some minutes")
        config, deployer = os.environ["ZONE_CONFIG"], os.environ["ZONE_DEPLOYER"]
        done = subprocess.run([sys.executable, deployer, "-i", config], check=False)  # noqa: S603 - Marvin
        zones = ask("listZones").get("zone", [])
        if done.returncode != 0:
            raise ZoneError(f"Marvin failed with exit code {done.returncode}")
    if not any(zone.get("allocationstate") == "Enabled" for zone in zones):
        raise ZoneError(
            "no zone is enabled: an earlier attempt was interrupted;"
            " remove the simulator's volumes and start again"
        )


def keys() -> tuple[str, str]:
    """Return the admin's keys, making them when there are none: new ones would lock out whoever has the old.

    Raises:
        ZoneError: There is no such user, or it got no keys.
    """
    users = ask("listUsers", username=_USER).get("user", [])
    if not users:
        raise ZoneError(f"there is no user {_USER}")
    for command in ("getUserKeys", "registerUserKeys"):
        held = ask(command, id=users[0]["id"]).get("userkeys", {})
        if held.get("apikey") and held.get("secretkey"):
            return held["apikey"], held["secretkey"]
    raise ZoneError(f"user {_USER} got no keys")


def write(file: Path, endpoint: str, key: str, secret: str) -> None:
    """Put the file where the worker reads it: all of it at once, and for the worker's user alone."""
    lines = (f"CLOUDSTACK_ENDPOINT={endpoint}", f"CLOUDSTACK_KEY={key}", f"CLOUDSTACK_SECRET={secret}", "")
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o400)
    owner = int(os.environ["KEYS_OWNER"])
    with os.fdopen(os.open(unfinished, os.O_WRONLY), "w", encoding="ascii") as target:
        target.write("\n".join(lines))
        if os.geteuid() == 0:
            os.fchown(target.fileno(), owner, owner)
    unfinished.replace(file)


def say(line: str) -> None:
    """Tell the container's log."""
    print(line, flush=True)  # noqa: T201 - a one-shot's log is its output


def main() -> int:
    """Do all of it."""
    try:
        wait_for_server()
        deploy_zone()
        key, secret = keys()
        file = Path(os.environ["KEYS_FILE"])
        write(file, os.environ["KEYS_ENDPOINT"], key, secret)
    except (ZoneError, OSError, ValueError, KeyError) as error:
        say(f"no zone: {type(error).__name__}: {error}")
        return 1
    say(f"the zone is there, and {file} has the keys of {_USER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
