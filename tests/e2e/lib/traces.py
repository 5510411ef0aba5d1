# SPDX-License-Identifier: Apache-2.0
"""Where keys could be seen: files, processes, core images, and in which spellings."""

import base64
import os
import re
import shutil
import struct
import subprocess

PIECE = 16      # octets of a spelling that count as a hit: half a key is one as well
CHUNK = 1 << 22


def spellings(key):
    """Regular expression of all spellings of a key, or of one of its halves."""
    found = set()
    for part in (key[:PIECE], key[-PIECE:]):
        found |= {part, part.hex().encode(), part.hex().upper().encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):      # within something longer
            text = encode(bytes(shift) + key).rstrip(b"=")
            found.add(text[4 if shift else 0:][:20])
    return b"|".join(re.escape(f) for f in sorted(found))


class Search:
    """Looks for keys: {name: octets}."""

    def __init__(self, keys):
        self.patterns = {name: re.compile(spellings(key)) for name, key in keys.items()}
        self.raw = {name: (key[:PIECE], key[-PIECE:]) for name, key in keys.items()}

    def octets(self, data, where):
        """['key in where', ...]"""
        return [f"{name} in {where}" for name, pattern in self.patterns.items() if pattern.search(data)]

    def file(self, path):
        """The same of a file."""
        try:
            with open(path, "rb") as file:
                return self.octets(file.read(), path)
        except (FileNotFoundError, PermissionError):
            return []

    def tree(self, top, leave=()):
        """The same of all files below a directory, and how many files that were."""
        found, count = [], 0
        for directory, _, names in os.walk(top):
            for name in names:
                path = os.path.join(directory, name)
                if os.path.isfile(path) and not os.path.islink(path) and path not in leave:
                    count += 1
                    found += self.file(path)
        return found, count

    def process(self, pid):
        """The same of what the kernel shows of a process."""
        return [hit for name in ("environ", "cmdline", "maps", "comm", "status") for hit in self.file(f"/proc/{pid}/{name}")]

    def memory(self, pid):
        """[(key, mapping)] in raw octets in memory that may be swapped out or dumped; None: not permitted."""
        found = []
        try:
            with open(f"/proc/{pid}/mem", "rb", 0) as mem:
                for start, end, name in _open_mappings(pid):
                    found += [(key, name or "anonymous") for key in self._within(mem, start, end)]
        except PermissionError:
            return None
        return found

    def _within(self, mem, start, end):
        hits = set()
        for at in range(start, end, CHUNK):
            try:
                mem.seek(at)
                data = mem.read(min(CHUNK + PIECE, end - at))
            except OSError:
                continue
            hits |= {name for name, parts in self.raw.items() if any(part in data for part in parts)}
        return sorted(hits)

    def core(self, bed, pid, registers=True):
        """The same as octets() of a core image, with the registers of its threads or not; None: none can be made here."""
        if shutil.which("gcore") is None:
            return None
        path = bed.path("core")
        subprocess.run(["gcore", "-o", path, str(pid)], capture_output=True, timeout=120)
        path = f"{path}.{pid}"
        if not os.path.exists(path):
            return None
        try:
            with open(path, "rb") as file:
                data = file.read()
            data = data if registers else _without_notes(data)
            return [f"{name} in a core image" for name, parts in self.raw.items() if any(part in data for part in parts)]
        finally:
            os.unlink(path)


def _without_notes(image):
    """An ELF image of 64 bits without its notes, which have the registers."""
    kept, (table,), (count,) = image, struct.unpack_from("<Q", image, 32), struct.unpack_from("<H", image, 56)
    for number in range(count):
        kind, _, at, _, _, size = struct.unpack_from("<IIQQQQ", image, table + 56 * number)
        if kind == 4:
            kept = kept[:at] + bytes(size) + kept[at + size:]
    return kept


def _open_mappings(pid):
    """Readable and private or anonymous mappings that are neither locked nor left out of dumps."""
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        text = file.read()
    for block in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", text):
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ *(.*)", block)
        flags = re.search(r"^VmFlags:(.*)$", block, re.M)
        if not head or head.group(3)[0] != "r" or head.group(4) in ("[vvar]", "[vsyscall]", "[vdso]"):
            continue
        if flags and {"lo", "dd"} & set(flags.group(1).split()):
            continue
        if "w" in head.group(3):
            yield int(head.group(1), 16), int(head.group(2), 16), head.group(4)


def readable_by_all(top):
    """Files below a directory that anyone may read."""
    return [os.path.join(directory, name) for directory, _, names in os.walk(top) for name in names
            if os.stat(os.path.join(directory, name)).st_mode & 0o004]
