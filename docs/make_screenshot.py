"""Makes docs/images/waterfall.png and its dark twin of the page that the demonstration writes.

With Debian's packages ``chromium``, ``fonts-inter`` and ``pngquant`` installed::

    python -m examples.trading_pipeline --html waterfall.html
    python docs/make_screenshot.py waterfall.html

The browser has no network to ask: the page is one file.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

IMAGES = Path(__file__).parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCHEMES = {"waterfall.png": "1", "waterfall-dark.png": "0"}
TIMEOUT = 120


def main() -> None:
    """Write both images."""
    arguments = _parser().parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    for name, scheme in SCHEMES.items():
        image = arguments.directory / name
        _photograph(arguments.page, image, arguments.size, scheme)
        _shrink(image)
        sys.stdout.write(f"{image}: {image.stat().st_size:,} bytes\n")


def _photograph(page: Path, image: Path, size: str, scheme: str) -> None:
    with TemporaryDirectory(prefix="waterfall-") as profile:
        command = [
            _browser(),
            "--headless",
            "--disable-gpu",
            # A container's root has no sandbox; the page is our own and holds no script.
            "--no-sandbox",
            "--hide-scrollbars",
            "--force-device-scale-factor=1.5",
            f"--blink-settings=preferredColorScheme={scheme}",
            f"--user-data-dir={profile}",
            f"--window-size={size}",
            f"--screenshot={image.resolve()}",
            page.resolve().as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)  # noqa: S603


def _browser() -> str:
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise SystemExit("no browser was found: apt-get install chromium")


def _shrink(image: Path) -> None:
    """The same picture with a palette, a third of the bytes."""
    pngquant = shutil.which("pngquant")
    if not pngquant:
        raise SystemExit("pngquant was not found: apt-get install pngquant")
    command = [pngquant, "--force", "--strip", "--speed=1", "--output", str(image), str(image)]
    subprocess.run(command, check=True, timeout=TIMEOUT)  # noqa: S603


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Makes the screenshots of the waterfall page.")
    parser.add_argument("page", type=Path, help="what --html of the demonstration wrote")
    parser.add_argument("--directory", type=Path, default=IMAGES, help="default: docs/images")
    parser.add_argument("--size", default="1280,1270", help="of the window; default: 1280,1270")
    return parser


if __name__ == "__main__":
    main()
