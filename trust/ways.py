"""A project, a folder outside of it, and ways that lead from the one to the other."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

SECRET = "block secret = conv3x3(7)\n"
"""A program outside. Whether it was read shows in the number of channels, and in its path."""

PROGRAM = 'use "{path}"\ninput 3x8x8 -> secret\n'
GOOD = "input 3x8x8 -> conv3x3(4) as c\n"


class World:
    """A project, with a folder outside of it that holds a program, weights and a program to sweep over."""

    def __init__(self, folder: Path) -> None:
        import cnnc
        from cnnc.backends.weights import draw
        from safetensors.numpy import save_file

        folder = folder.resolve()
        self.project, self.outside = folder / "project", folder / "outside"
        for made in (self.project, self.outside):
            made.mkdir()
        (self.project / "pyproject.toml").touch()
        (self.project / "net.cnn").write_text(GOOD, encoding="utf-8")
        (self.project / "sub").mkdir()
        (self.outside / "secret.cnn").write_text(SECRET, encoding="utf-8")
        (self.outside / "net.cnn").write_text(GOOD, encoding="utf-8")
        (self.outside / "device.toml").write_text(DEVICE, encoding="utf-8")
        save_file(draw(cnnc.load(self.project / "net.cnn").graph, 0), self.outside / "w.safetensors")

    def secret(self, name: str) -> Path:
        return self.outside / name


DEVICE = '[mine]\nmemory = 1e9\nbandwidth = 1e9\nvector = 1e9\npeak.fp32 = 1e9\ndescription = ""\nsource = ""\n'
Plant = Callable[[World, str], str]
"""Puts a way out to an outside file into a project, and gives the path that a program names."""


def dots(world: World, name: str) -> str:
    return f"../outside/{name}"


def absolute(world: World, name: str) -> str:
    return str(world.secret(name))


def link(world: World, name: str) -> str:
    (world.project / name).with_stem("link").symlink_to(world.secret(name))
    return Path(name).with_stem("link").name


def relative_link(world: World, name: str) -> str:
    (world.project / "sub" / name).symlink_to(f"../../outside/{name}")
    return f"sub/{name}"


def chain_of_links(world: World, name: str) -> str:
    (world.project / "b").symlink_to(world.secret(name))
    (world.project / name).with_stem("a").symlink_to("b")
    return Path(name).with_stem("a").name


def linked_folder(world: World, name: str) -> str:
    (world.project / "lib").symlink_to(world.outside)
    return f"lib/{name}"


def dots_behind_a_link(world: World, name: str) -> str:
    """By its letters it stays inside: lib/../NAME is NAME. Links are resolved first, and lib/.. is elsewhere."""
    (world.outside / "deep").mkdir()
    (world.project / "lib").symlink_to(world.outside / "deep")
    return f"lib/../{name}"


def hard_link(world: World, name: str) -> str:
    os.link(world.secret(name), (world.project / name).with_stem("hard"))
    return Path(name).with_stem("hard").name


def same_beginning(world: World, name: str) -> str:
    """A sibling whose path begins with the project's."""
    sibling = world.project.with_name("project-of-another")
    sibling.mkdir()
    (sibling / name).write_bytes(world.secret(name).read_bytes())
    return f"../project-of-another/{name}"


def open_file_number(world: World, name: str) -> str:
    """Linux names what a process has open; a link to that names a file without a path of its own."""
    handle = os.open(world.secret(name), os.O_RDONLY)
    (world.project / name).with_stem("opened").symlink_to(f"/proc/{os.getpid()}/fd/{handle}")
    return Path(name).with_stem("opened").name


def working_folder(world: World, name: str) -> str:
    return f"/proc/self/root{world.secret(name)}"


def encoded(world: World, name: str) -> str:
    return f"%2e%2e/outside/{name}"


def full_width(world: World, name: str) -> str:
    """Dots and slashes that look like others, or become them when text is normalised."""
    return f"\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH SOLIDUS}outside/{name}"


def backslashes(world: World, name: str) -> str:
    return f"..\\outside\\{name}"


def with_a_nul(world: World, name: str) -> str:
    return f"{world.secret(name)}\0.cnn"


def home(world: World, name: str) -> str:
    os.environ["HOME"] = str(world.outside)
    return f"~/{name}"


def variable(world: World, name: str) -> str:
    os.environ["OUTSIDE"] = str(world.outside)
    return f"$OUTSIDE/{name}"


def address(world: World, name: str) -> str:
    return f"file://{world.secret(name)}"


def device(world: World, name: str) -> str:
    return "/dev/zero"


def linked_device(world: World, name: str) -> str:
    (world.project / name).with_stem("zero").symlink_to("/dev/zero")
    return Path(name).with_stem("zero").name


def standard_input(world: World, name: str) -> str:
    return "/dev/stdin"


def pipe(world: World, name: str) -> str:
    """It would never end."""
    os.mkfifo((world.project / name).with_stem("pipe"))
    return Path(name).with_stem("pipe").name


def listening(world: World, name: str) -> str:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str((world.project / name).with_stem("socket")))
    return Path(name).with_stem("socket").name


def folder_of_that_name(world: World, name: str) -> str:
    (world.project / name).with_stem("folder").mkdir()
    return Path(name).with_stem("folder").name


PLANTS: tuple[Plant, ...] = (
    dots, absolute, link, relative_link, chain_of_links, linked_folder, dots_behind_a_link, hard_link, same_beginning,
    open_file_number, working_folder, encoded, full_width, backslashes, with_a_nul, home, variable, address, device,
    linked_device, standard_input, pipe, listening, folder_of_that_name,
)  # fmt: skip
READABLE = (
    dots, absolute, link, relative_link, chain_of_links, linked_folder, dots_behind_a_link, hard_link, same_beginning,
    open_file_number, working_folder,
)  # fmt: skip
"""Those that lead to the file, so that --allow-outside must let them."""
