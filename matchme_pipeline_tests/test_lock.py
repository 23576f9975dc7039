"""The lock pins everything that is installed, with hashes and without naming a registry."""

import re
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parents[1] / "requirements.lock"
# What makes an environment, and the checkout itself.
_NOT_LOCKED = {"pip", "matchme-pipeline"}


def pinned() -> dict[str, Requirement]:
    """What the lock pins for this interpreter; some packages are pinned once for each version of Python."""
    lines = LOCK.read_text("utf-8").replace("\\\n", " ").splitlines()
    found = (Requirement(line.partition(" --hash")[0].strip()) for line in lines if "==" in line)
    return {canonicalize_name(one.name): one for one in found if one.marker is None or one.marker.evaluate()}


def test_every_installed_package_is_pinned_at_its_version():
    installed = {canonicalize_name(one.metadata["Name"]): one.version for one in distributions()}
    locked = pinned()
    assert {name for name in installed if name not in locked} <= _NOT_LOCKED
    assert {
        name: version for name, version in installed.items() if name in locked and version not in locked[name].specifier
    } == {}


def test_an_environment_made_from_the_lock_holds_nothing_else():
    installed = {canonicalize_name(one.metadata["Name"]) for one in distributions()}
    assert set(pinned()) - installed == set()


def test_every_pin_has_hashes_and_no_registry_is_named():
    text = LOCK.read_text("utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "index" not in re.sub(r"--hash=\S+", "", text).replace("-", " ").split()
