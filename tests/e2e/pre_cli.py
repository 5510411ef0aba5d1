#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""m2m-pre as processes: keys, streams through pipes and files, and everything that can be wrong with them."""

import contextlib
import json
import os
import random
import resource
import stat
import struct
import subprocess
import threading
import time

from lib import report as reports
from lib.bed import BUILD, BedError

SECONDS = 300
SECONDS_ALIVE = 60      # for what takes a moment
OK, FAILED, USAGE, REFUSED, INCOMPLETE, CUT, ABSENT = range(7)
LONG_INPUT = 64 << 20
RSS_MAX_KIB = 12 << 10        # 6.4 MiB were seen, most of it libraries
RECORD_MAX = 1040384
MM1, MM2, DATA, END = 1, 2, 3, 4


def tool():
    """Path of m2m-pre in the build directory or below an installation prefix."""
    for path in ("common/cli/m2m-pre", "bin/m2m-pre"):
        full = os.path.join(BUILD, path)
        if os.access(full, os.X_OK):
            return full
    raise BedError(f"no m2m-pre in {BUILD}")


def run(*args, data=b"", **more):
    """The finished process."""
    return subprocess.run([tool(), *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, timeout=SECONDS, **more)


def without_pairings():
    """True for a build without them."""
    return b"pairing: none" in run("--version").stdout


def sanitized():
    """Built with the address sanitizer, which keeps freed memory for a while."""
    with open(tool(), "rb") as file:
        return b"__asan_init" in file.read()


def said(done):
    """What was printed on standard error, for the report."""
    return done.stderr.decode(errors="replace")


def text(done):
    """Status and what was said."""
    return f"status {done.returncode}: {said(done)}"


class Parties:
    """Source, sink and a stranger with keys, and re-encryption keys for the sink."""

    def __init__(self, bed, epochs="0-9"):
        self.bed = bed
        for name in ("source", "sink", "other"):
            self.make(name)
        self.rk = self.rekey("sink", epochs)

    def path(self, name):
        """In the scratch directory."""
        return self.bed.path(name)

    def make(self, name):
        """A key pair."""
        done = run("keygen", f"--url=https://{name}.example.org", f"--out={self.path(name)}")
        if done.returncode != OK:
            raise BedError(f"keygen: {text(done)}")

    def rekey(self, sink, epochs, name=None, *more):
        """File with the re-encryption keys of the source for a sink."""
        path = self.path(name or f"{sink}-{epochs}.rk")
        done = run("rekey", f"--key={self.path('source.key')}", f"--to={self.path(sink + '.pk2')}", f"--epoch={epochs}",
                   f"--out={path}", *more)
        if done.returncode != OK:
            raise BedError(f"rekey: {text(done)}")
        return path

    def encrypt(self, data, *more):
        """By the source."""
        return run("encrypt", f"--key={self.path('source.key')}", *more, data=data)

    def reencrypt(self, data, *more, rk=None):
        """By the proxy, which knows the source."""
        return run("reencrypt", f"--rk={rk or self.rk}", f"--source={self.path('source.pub')}", *more, data=data)

    def decrypt(self, data, *more, key="sink", source="source"):
        """By the sink or somebody else."""
        return run("decrypt", f"--key={self.path(key + '.key')}", f"--source={self.path(source + '.pub')}", *more, data=data)

    def sent(self, data, *more):
        """What arrives at the sink."""
        return self.reencrypt(self.encrypt(data, *more).stdout).stdout


def units(octets):
    """The units of a stream, without their lengths."""
    found = []
    while octets:
        length, = struct.unpack(">I", octets[:4])
        found.append(octets[4:4 + length])
        octets = octets[4 + length:]
    return found


def joined(parts):
    """A stream of units."""
    return b"".join(struct.pack(">I", len(p)) + p for p in parts)


def labels(octets):
    """Where octets stand that nothing protects: msgId of management messages and END."""
    found, at = set(), 0
    for unit in units(octets):
        if unit[2] != DATA:
            found.update(range(at + 4 + 32, at + 4 + 32 + 4))
        at += 4 + len(unit)
    return found


def kinds(octets):
    """Types of the units of a stream."""
    return [u[2] for u in units(octets)]


def absent(report, _bed):
    """A build without pairings says so"""
    report.equal(run("--version").returncode, OK, "--version")
    report.equal(run("--help").returncode, OK, "--help")
    for command in (("keygen", "--url=https://a.example.org", "--out=/nonexistent/a"), ("reencrypt", "--rk=/dev/null"),
                    ("encrypt", "--key=/dev/null"), ("decrypt", "--key=/dev/null", "--source=/dev/null"),
                    ("rekey", "--key=/dev/null", "--to=/dev/null", "--out=/nonexistent/a")):
        done = run(*command)
        report.equal((done.returncode, said(done).count("\n")), (ABSENT, 1), command[0], said(done))


def arguments(report, _bed):
    """Arguments"""
    done = run("--version")
    report.ok(done.returncode == OK and done.stdout.startswith(b"m2m-pre "), "--version", text(done))
    done = run("--help")
    report.ok(done.returncode == OK and b"reencrypt" in done.stdout, "--help", text(done))
    for command in ("keygen", "encrypt", "rekey", "reencrypt", "decrypt", "inspect"):
        done = run(command, "--help")
        report.ok(done.returncode == OK and done.stdout.startswith(b"usage: m2m-pre " + command.encode()), f"{command} --help", text(done))
    for wrong in ((), ("frobnicate",), ("encrypt",), ("encrypt", "--key"), ("encrypt", "--key=a", "--json"), ("inspect", "a", "b"),
                  ("encrypt", "--key=a", "--section=0"), ("encrypt", "--key=a", "--section-time=601"), ("encrypt", "--key=a", "--record=0"), ("encrypt", "--key=a", "--epoch=1"),
                  ("rekey", "--key=a", "--to=b", "--out=c", "--epoch=3-2"), ("encrypt", "--key=a", "--stream=65536"),
                  ("keygen", "--url=https://a.example.org"), ("decrypt", "--key=a"), ("reencrypt",), ("inspect", "--frobnicate"),
                  ("encrypt", "--key=a", "--section=+1"), ("encrypt", "--key=a", "--cid=0"), ("rekey", "--key=a", "--to=b", "--out=c", "d")):
        done = run(*wrong)
        report.ok(done.returncode == USAGE and not done.stdout and b"Try" in done.stderr, " ".join(wrong) or "nothing", text(done))


def tour(report, bed):
    """Source, proxy and sink"""
    p = Parties(bed)
    data = os.urandom(300000)
    made = p.encrypt(data, "--section=50", "--epoch-length=3")
    report.equal((made.returncode, said(made)), (OK, ""), "encrypt")
    report.ok(data[:64] not in made.stdout, "the stream does not have the data in clear")
    sent = p.reencrypt(made.stdout)
    report.equal((sent.returncode, said(sent)), (OK, ""), "reencrypt")
    before, after = units(made.stdout), units(sent.stdout)
    report.equal([u[2] for u in after], [MM1 if u[2] == MM2 else u[2] for u in before], "only management messages change their type")
    report.equal([u for u in after if u[2] != MM1], [u for u in before if u[2] != MM2], "nothing else changes at all")
    read = p.decrypt(sent.stdout)
    report.ok(read.returncode == OK and read.stdout == data, "the sink has the data", text(read))
    read = p.decrypt(made.stdout, key="source")
    report.ok(read.returncode == OK and read.stdout == data, "the source reads what it has encrypted", text(read))
    read = p.decrypt(sent.stdout, key="source")
    report.ok(read.returncode == OK and read.stdout == data, "and what was re-encrypted", text(read))
    again = p.reencrypt(sent.stdout)
    report.ok(again.returncode == OK and again.stdout == sent.stdout, "what was re-encrypted is passed on as it is", text(again))
    with open(p.path("in"), "wb") as file:
        file.write(data)
    pipe = (f"'{tool()}' encrypt -k source.key -n 20 -E 30 in | '{tool()}' reencrypt -K '{p.rk}' -s source.pub - |"
            f" '{tool()}' decrypt -k sink.key -s source.pub -O out && cmp in out")
    done = subprocess.run(["sh", "-c", pipe], cwd=bed.directory, capture_output=True, check=False, timeout=SECONDS)
    report.equal((done.returncode, said(done)), (OK, ""), "files at the ends and pipes between")


def records(report, bed):
    """Records, ciphers, signatures, individual messages"""
    p = Parties(bed)
    lines = b"one\n\ntwo\nwithout an end"
    cases = [(("--record=lines",), lines, 4), (("--record=whole",), lines, 1), (("--record=7",), lines, 4), (("--sign",), lines, 1),
             (("--sign", "--record=lines"), lines, 4), (("--individual", "--record=lines"), lines, 4), (("--stream=65535",), lines, 1),
             (("--sink=urn:sink:7",), lines, 1), ((f"--record={RECORD_MAX}",), os.urandom(RECORD_MAX), 1),
             (("--record=whole",), os.urandom(RECORD_MAX), 1), (("--record=lines", "--section=1"), lines * 2, 7),
             (("--record=65535", "--cid=1"), os.urandom(70000), 2)]
    cases += [((f"--cid={n}",), os.urandom(5000), 5) for n in range(1, 8)]
    for options, data, count in cases:
        name = " ".join(options)
        rk = p.rekey("sink", "0-9", "stream.rk", "--stream=65535") if "--stream=65535" in options else None
        how = [o for o in options if o == "--individual"]
        made = p.encrypt(data, *options)
        read = p.decrypt(p.reencrypt(made.stdout, rk=rk).stdout, *how)
        report.ok(read.returncode == OK and read.stdout == data, name, f"{text(made)}{text(read)}")
        report.equal(kinds(made.stdout).count(DATA), count, f"{name}: messages")
        report.equal(END in kinds(made.stdout), "--individual" not in options, f"{name}: END")
        owned = p.decrypt(made.stdout, *how, key="source")
        report.ok(owned.returncode == OK and owned.stdout == data, f"{name}: by the source", text(owned))
    for options in ((), ("--record=lines",), ("--record=whole",), ("--individual",)):
        made = p.encrypt(b"", *options)
        read = p.decrypt(p.reencrypt(made.stdout).stdout, *(o for o in options if o == "--individual"))
        report.equal((made.returncode, read.returncode, read.stdout), (OK, OK, b""), f"no input {options}", text(made) + text(read))
    for options in (("--record=lines",), ("--record=whole",)):
        made = p.encrypt(b"x" * (RECORD_MAX + 1), *options)
        report.equal(made.returncode, FAILED, f"a record over the limit {options}", text(made))
    made = p.encrypt(b"x" * 65536, "--cid=1", "--record=whole")
    report.equal(made.returncode, FAILED, "a record over the limit of a cipher", text(made))
    report.equal(p.decrypt(b"").returncode, CUT, "nothing at all is no stream")
    made = p.encrypt(b"x", "--cid=8")
    report.equal(made.returncode, USAGE, "a cipher that there is not", text(made))


def foreign(report, bed):
    """Encrypted to the public key of another party"""
    p = Parties(bed)
    made = p.encrypt(b"for the other one", f"--to={p.path('other.pk1')}")
    report.equal(made.returncode, OK, "encrypt", text(made))
    read = p.decrypt(made.stdout, "--direct", key="other")
    report.ok(read.returncode == OK and read.stdout == b"for the other one", "the other one reads it", text(read))
    for key, how in (("sink", ()), ("source", ()), ("sink", ("--direct",)), ("other", ())):
        read = p.decrypt(made.stdout, *how, key=key)
        report.ok(read.returncode in (REFUSED, INCOMPLETE) and not read.stdout, f"{key} does not {how}", text(read))
    made = p.encrypt(b"x", f"--to={p.path('other.pk2')}")
    report.equal(made.returncode, FAILED, "a .pk2 is no .pk1", text(made))


def wrong_keys(report, bed):
    """Keys of others, files of another kind, modes"""
    p = Parties(bed)
    data = b"some data\n" * 1000
    made = p.encrypt(data).stdout
    sent = p.reencrypt(made).stdout
    for name, done in (("another sink", p.decrypt(sent, key="other")), ("not re-encrypted", p.decrypt(made)),
                       ("another source", p.decrypt(sent, source="other"))):
        report.ok(done.returncode in (REFUSED, INCOMPLETE) and not done.stdout, name, text(done))
    done = run("reencrypt", f"--rk={p.rk}", f"--source={p.path('other.pub')}", data=made)
    report.ok(done.returncode == REFUSED, "a proxy that expects another source", text(done))
    other = p.rekey("other", "0")
    done = p.decrypt(p.reencrypt(made, rk=other).stdout)
    report.ok(done.returncode in (REFUSED, INCOMPLETE) and not done.stdout, "re-encrypted for another", text(done))
    done = p.reencrypt(made, rk=p.rekey("sink", "1"))
    report.ok(done.returncode == INCOMPLETE and done.stdout == made, "no key of the epoch: passed on as it is, and told", text(done))
    for command in ("encrypt", "rekey"):
        more = (f"--to={p.path('sink.pk2')}", f"--out={p.path('never')}") if command == "rekey" else ()
        done = run(command, f"--key={p.path('source.key')}", f"--source={p.path('other.pub')}", *more)
        report.ok(done.returncode == FAILED and not os.path.exists(p.path("never")), f"{command} with the .pub of another", text(done))
    for option, name in (("key", "source.pub"), ("key", "sink.pk2"), ("source", "source.pk2"), ("source", "source.pk1")):
        files = {"key": "sink.key", "source": "source.pub", option: name}
        done = run("decrypt", *(f"--{o}={p.path(n)}" for o, n in files.items()), data=sent)
        report.equal((done.returncode, done.stdout), (FAILED, b""), f"--{option}={name}", text(done))
    for name, option in (("sink.key", "decrypt"), (os.path.basename(p.rk), "reencrypt")):
        path = p.path(name)
        report.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, f"mode of {name}")
        for mode in (0o644, 0o640, 0o604):
            os.chmod(path, mode)
            done = p.decrypt(sent) if option == "decrypt" else p.reencrypt(made)
            report.equal((done.returncode, done.stdout), (FAILED, b""), f"{name} with mode {mode:o}", text(done))
        os.chmod(path, 0o600)
    done = run("keygen", "--url=https://x.example.org", f"--out={p.path('source')}")
    report.equal(done.returncode, FAILED, "keygen does not replace a key", text(done))
    report.equal(p.decrypt(made, key="source").stdout, data, "which is as it was")
    for url in ("", "x" * 70000, "https://\x01", b"\xff\xfe"):
        done = run("keygen", b"--url=" + (url if isinstance(url, bytes) else url.encode()), f"--out={p.path('never')}")
        report.ok(done.returncode in (FAILED, USAGE) and not os.path.exists(p.path("never.key")), f"URL {url[:12]!r}", text(done))


def epochs(report, bed):
    """A sink reads the epochs that it was granted"""
    p = Parties(bed)
    data = b"".join(b"%07d\n" % n for n in range(100))
    made = p.encrypt(data, "--record=lines", "--section=10", "--epoch-length=2").stdout
    found = sorted({struct.unpack(">I", u[4:8])[0] for u in units(made)})
    report.equal(found, [0, 1, 2, 3, 4], "epochs")
    rk = p.rekey("sink", "1-2")
    sent = p.reencrypt(made, rk=rk)
    report.equal((sent.returncode, kinds(sent.stdout).count(MM1)), (INCOMPLETE, 4), "two epochs are re-encrypted", text(sent))
    read = p.decrypt(sent.stdout)
    report.equal((read.returncode, read.stdout), (INCOMPLETE, data[160:480]), "and read", text(read))
    part = joined([u for u in units(sent.stdout) if struct.unpack(">I", u[4:8])[0] in (1, 2)])
    report.equal(p.decrypt(part).returncode, INCOMPLETE, "these alone are not the beginning of the stream")
    read = p.decrypt(part, "--joined")
    report.equal((read.returncode, read.stdout), (OK, data[160:480]), "which need not be", text(read))
    read = p.decrypt(p.reencrypt(made, rk=p.rekey("sink", "0-1")).stdout)
    report.ok((read.returncode, read.stdout) == (INCOMPLETE, data[:320]) and b"does not open" in read.stderr, "the first two epochs", text(read))
    several = run("reencrypt", f"--rk={p.rekey('sink', '0')}", f"--rk={rk}", f"--rk={p.rekey('sink', '3-4')}", data=made)
    report.equal((several.returncode, p.decrypt(several.stdout).stdout), (OK, data), "keys of several files", text(several))
    stream = p.reencrypt(made, rk=p.rekey("sink", "0-4", "two.rk", "--stream=2"))
    report.equal((stream.returncode, stream.stdout), (INCOMPLETE, made), "keys of another stream", text(stream))


def altered(report, bed):
    """Messages that are removed, moved, replaced, altered"""
    p = Parties(bed)
    data = b"".join(b"%07d\n" % n for n in range(30))
    options = ("--record=lines", "--section=10", "--epoch-length=9")
    whole = p.sent(data, *options)
    parts = units(whole)
    report.equal([u[2] for u in parts], ([MM1] + [DATA] * 10 + [END]) * 3, "the stream")
    other = units(p.sent(data, *options))

    def refused(name, changed, *allowed, word=b""):
        done = p.decrypt(joined(changed))
        report.ok(done.returncode in allowed and word in done.stderr and said(done).count("\n") == (done.returncode != OK) and
                  (data.startswith(done.stdout) or INCOMPLETE in allowed), name, f"{text(done)}{done.stdout!r}")

    refused("a data message removed", parts[:5] + parts[6:], INCOMPLETE, word=b"missing")
    refused("the last data message of a section removed", parts[:10] + parts[11:], INCOMPLETE)
    refused("the first removed", parts[:1] + parts[2:], INCOMPLETE)
    refused("two exchanged", parts[:4] + [parts[5], parts[4]] + parts[6:], INCOMPLETE, word=b"order")
    refused("a section removed", parts[:12] + parts[24:], INCOMPLETE, word=b"a section")
    refused("the first section removed", parts[12:], INCOMPLETE, word=b"--joined")
    refused("a management message removed", parts[:12] + parts[13:], INCOMPLETE, REFUSED)
    refused("an END removed in the middle", parts[:11] + parts[12:], INCOMPLETE)
    refused("sections exchanged", parts[12:24] + parts[:12] + parts[24:], INCOMPLETE, REFUSED)
    refused("a data message of another stream", parts[:5] + [other[5]] + parts[6:], REFUSED, INCOMPLETE)
    refused("an END of another stream", parts[:11] + [other[11]] + parts[12:], INCOMPLETE, REFUSED)
    refused("a section of another stream", parts[:12] + other[12:24] + parts[24:], INCOMPLETE, REFUSED)
    refused("sections cut off", parts[:24], OK)     # nothing can tell that there was more
    for number in (1, 5, 11, 12, 13, 20, 35):
        refused(f"ends after {number} units", parts[:number], CUT if number != 12 else OK)
    done = p.decrypt(joined(parts[:5] + [parts[4]] + parts[5:]))
    report.ok(done.returncode in (OK, INCOMPLETE) and done.stdout == data, "a message that comes twice is written once", text(done))
    for number in sorted(random.sample(range(len(whole)), 12)):
        done = p.decrypt(whole[:number])
        report.ok(done.returncode in (OK, CUT) and data.startswith(done.stdout), f"cut off after {number} octets", text(done))
    flips = [bit for bit in range(len(whole) * 8) if bit // 8 not in labels(whole)]
    flips = flips if reports.LONG else random.sample(flips, 150)
    bad = []
    for bit in flips:
        octets = bytearray(whole)
        octets[bit // 8] ^= 1 << bit % 8
        done = p.decrypt(bytes(octets))
        if done.returncode not in (REFUSED, INCOMPLETE, CUT) or said(done).count("\n") != 1:
            bad.append(f"bit {bit}: {text(done)}")
    report.ok(not bad, f"{len(flips)} flips of one bit", "\n".join(bad))
    for junk in (b"\0", b"\0\0\0\0", b"\xff" * 64, os.urandom(1000), b"GET / HTTP/1.1\r\n\r\n"):
        for command in (p.decrypt, p.reencrypt, lambda d: run("inspect", data=d)):
            done = command(junk)
            report.ok(done.returncode in (REFUSED, CUT) and said(done).count("\n") == 1, f"junk {junk[:8]!r}", text(done))


def files(report, bed):
    """Output that cannot be written, input that cannot be read"""
    p = Parties(bed)
    made = p.encrypt(b"data" * 100000).stdout
    sent = p.reencrypt(made).stdout
    for command, data in ((("decrypt", "-k", p.path("sink.key"), "-s", p.path("source.pub")), sent),
                          (("reencrypt", "-K", p.rk), made), (("inspect",), made), (("encrypt", "-k", p.path("source.key")), b"x" * 500000)):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([tool(), *command], input=data, stdout=full, stderr=subprocess.PIPE, check=False, timeout=SECONDS)
        report.equal((done.returncode, said(done).count("\n")), (FAILED, 1), f"{command[0]}: a full disk", said(done))
        done = run(*command, "--out=/nonexistent/out", data=data)
        report.equal((done.returncode, said(done).count("\n")), (FAILED, 1), f"{command[0]}: no such directory", said(done))
        done = run(*command, "/nonexistent/in")
        report.equal((done.returncode, said(done).count("\n")), (FAILED, 1), f"{command[0]}: no such file", said(done))
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([tool(), *command], input=data, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=SECONDS)
        os.close(writing)
        report.equal((done.returncode, said(done).count("\n")), (FAILED, 1), f"{command[0]}: a reader that has gone", said(done))
    before = sorted(os.listdir(bed.directory))
    done = p.decrypt(sent[:-1], f"--out={p.path('plain')}")
    report.equal((done.returncode, sorted(os.listdir(bed.directory))), (CUT, before), "an incomplete stream leaves no file", text(done))
    child = subprocess.Popen([tool(), "decrypt", "-k", p.path("sink.key"), "-s", p.path("source.pub"), "-O", p.path("plain")],
                             stdin=subprocess.PIPE)
    child.stdin.write(sent[:-1])
    child.stdin.flush()
    child.kill()
    child.stdin.close()
    child.wait(SECONDS)
    report.equal(sorted(os.listdir(bed.directory)), before, "nor does a process that is killed")
    done = p.decrypt(sent, f"--out={p.path('plain')}")
    report.equal((done.returncode, os.path.getsize(p.path("plain"))), (OK, 400000), "a whole one does", text(done))
    limit = 100000

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        import signal                                               # pylint: disable=import-outside-toplevel
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = run("decrypt", f"--key={p.path('sink.key')}", f"--source={p.path('source.pub')}", f"--out={p.path('large')}", data=sent,
               preexec_fn=small)
    report.ok(done.returncode == FAILED and not os.path.exists(p.path("large")), "a file that may not grow is not left behind", text(done))


def state(report, bed):
    """Streams that go on, and what was read before"""
    p = Parties(bed)
    source, sink = f"--state={p.path('source.state')}", f"--state={p.path('sink.state')}"
    streams = []
    for number in range(3):
        made = p.encrypt(b"part %d\n" % number, source)
        report.equal(made.returncode, OK, f"part {number}", text(made))
        streams.append(p.reencrypt(made.stdout).stdout)
    seen = {(u[4:8], u[10:12]) for stream in streams for u in units(stream) if u[2] == MM1}
    report.equal(len(seen), 3, "no epoch and section twice")
    for number, stream in enumerate(streams):
        read = p.decrypt(stream, sink)
        report.equal((read.returncode, read.stdout), (OK, b"part %d\n" % number), f"part {number} is read", text(read))
    for number, stream in enumerate(streams):
        read = p.decrypt(stream, sink)
        report.ok(read.returncode in (REFUSED, INCOMPLETE) and not read.stdout, f"part {number} a second time is not", text(read))
    read = p.decrypt(streams[1] + streams[0])
    report.equal((read.returncode, read.stdout), (INCOMPLETE, b"part 1\n"), "what is older than the newest is not taken", text(read))
    read = p.decrypt(streams[1] + streams[0], "--archive")
    report.equal((read.returncode, read.stdout), (INCOMPLETE, b"part 1\npart 0\n"), "unless it is an archive", text(read))
    read = p.decrypt(b"".join(streams))
    report.equal((read.returncode, read.stdout), (OK, b"part 0\npart 1\npart 2\n"), "all as one stream", text(read))
    read = p.decrypt(streams[0] + streams[2])
    report.equal((read.returncode, read.stdout), (INCOMPLETE, b"part 0\npart 2\n"), "without the middle", text(read))
    read = p.decrypt(streams[2])
    report.equal(read.returncode, INCOMPLETE, "without what was before", text(read))
    for name in ("source.state", "sink.state"):
        report.equal(stat.S_IMODE(os.stat(p.path(name)).st_mode), 0o600, f"mode of {name}")
    with open(p.path("source.state"), "r+b") as file:
        file.write(b"XXXX")
    made = p.encrypt(b"x", source)
    report.equal((made.returncode, made.stdout), (FAILED, b""), "a damaged state is not used", text(made))


def inspect(report, bed):
    """What can be seen without a key"""
    p = Parties(bed)
    made = p.encrypt(b"secret text\n" * 20, "--record=lines", "--section=10", '--sink=a"b\\c', "--stream=7", "--sign").stdout
    done = run("inspect", "--json", data=made)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    report.equal((done.returncode, [r["type"] for r in rows]), (OK, (["MM2"] + ["data"] * 10 + ["END"]) * 2), "types", text(done))
    report.ok(all(r["source"] == "https://source.example.org" and r["sink"] == 'a"b\\c' and r["stream"] == 7 for r in rows), "names")
    report.equal([r["seq"] for r in rows if r["type"] == "data"], list(range(10)) * 2, "sequence")
    report.equal([r["count"] for r in rows if r["type"] == "END"], [10, 10], "counts")
    done = run("inspect", data=p.reencrypt(made, rk=p.rekey("sink", "0-1", "seven.rk", "--stream=7")).stdout)
    report.ok(done.returncode == OK and done.stdout.count(b"\n") == 24 and b"MM1" in done.stdout, "for people", text(done))
    report.ok(b"secret text" not in done.stdout, "nothing of the data")
    done = run("inspect", "--json", data=made[:-1])
    report.equal((done.returncode, done.stdout.count(b"\n")), (CUT, 23), "up to where it is cut off", text(done))


def watch(child):
    """The most memory that the process has until it ends, in KiB."""
    peak = 0
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status", encoding="ascii") as file:
                peak = max([peak] + [int(line.split()[1]) for line in file if line.startswith("VmHWM:")])
        except ProcessLookupError:
            pass
        time.sleep(0.005)
    return peak


def large(report, bed):
    """A long input in bounded memory"""
    p = Parties(bed, "0")
    octets = LONG_INPUT * (4 if reports.LONG else 1)
    block = os.urandom(1 << 20)
    with open(p.path("in"), "wb") as file:
        for number in range(octets >> 20):
            file.write(struct.pack(">I", number) + block[4:])
    last, limit = p.path("in"), RSS_MAX_KIB * (8 if sanitized() else 1)
    for command in (("encrypt", "-k", p.path("source.key"), "-n", "10000", "-E", "65535"), ("reencrypt", "-K", p.rk),
                    ("decrypt", "-k", p.path("sink.key"), "-s", p.path("source.pub"))):
        out = p.path(f"out-{command[0]}")
        with open(p.path("errors"), "w+b") as log:
            child = subprocess.Popen([tool(), *command, "--progress", "-O", out, last], stderr=log)
            peak = watch(child)
            log.seek(0)
            errors = log.read()
        report.ok(child.returncode == OK and b" MiB" in errors and b" messages" in errors, f"{command[0]}: {octets >> 20} MiB",
                  errors.decode(errors="replace"))
        report.ok(0 < peak <= limit, f"{command[0]}: {peak} KiB of memory, at most {limit}")
        last = out
    same = subprocess.run(["cmp", p.path("in"), last], check=False, timeout=SECONDS).returncode == 0
    report.ok(same, "the same octets at the end")


@contextlib.contextmanager
def limited(*children):
    """Kills what hangs, so that the test fails instead."""
    timer = threading.Timer(SECONDS_ALIVE, lambda: [c.kill() for c in children])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def stopped(report, bed):
    """An orderly stop of a source ends its stream"""
    p = Parties(bed)
    child = subprocess.Popen([tool(), "encrypt", "-k", p.path("source.key"), "-r", "lines"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdin.write(b"one\ntwo\nthr")
    child.stdin.flush()
    time.sleep(0.5)         # it may come at any time, also before the first line
    child.terminate()
    with limited(child):
        made = child.stdout.read()
        report.equal(child.wait(SECONDS), OK, "SIGTERM")
    child.stdin.close()
    child.stdout.close()
    read = p.decrypt(made, key="source")
    report.ok(read.returncode == OK and b"one\ntwo\nthr".startswith(read.stdout), "the stream has an END", text(read))


def idle(report, bed):
    """A section ends in time without input"""
    p = Parties(bed)
    child = subprocess.Popen([tool(), "encrypt", "-k", p.path("source.key"), "-r", "lines", "--section-time=1"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    made = b""
    with limited(child):
        for number in range(2):
            child.stdin.write(b"line %d\n" % number)
            child.stdin.flush()
            for kind in (MM2, DATA, END):
                head = child.stdout.read(4)
                unit = child.stdout.read(*struct.unpack(">I", head)) if head else b"---"
                made += head + unit
                report.equal(unit[2], kind, f"section {number}")
        child.stdin.close()
        report.equal((child.stdout.read(), child.wait(SECONDS)), (b"", OK), "nothing more at the end")
    child.stdout.close()
    read = p.decrypt(made, key="source")
    report.equal((read.returncode, read.stdout), (OK, b"line 0\nline 1\n"), "decrypted", text(read))


def alive(report, bed):
    """A pipe that is not full passes on what there is"""
    p = Parties(bed)
    first = subprocess.Popen([tool(), "encrypt", "-k", p.path("source.key"), "-r", "lines"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    second = subprocess.Popen([tool(), "reencrypt", "-K", p.rk], stdin=first.stdout, stdout=subprocess.PIPE)
    third = subprocess.Popen([tool(), "decrypt", "-k", p.path("sink.key"), "-s", p.path("source.pub")], stdin=second.stdout,
                             stdout=subprocess.PIPE)
    first.stdout.close()
    second.stdout.close()
    with limited(first, second, third):
        for number in range(3):
            first.stdin.write(b"line %d\n" % number)
            first.stdin.flush()
            if not report.equal(third.stdout.readline(), b"line %d\n" % number, f"line {number}"):
                break
        first.stdin.close()
        report.equal([c.wait(SECONDS) for c in (first, second, third)], [OK] * 3, "the end")
    third.stdout.close()


if __name__ == "__main__":
    if without_pairings():
        reports.run(arguments, absent)
    else:
        reports.run(arguments, tour, records, foreign, wrong_keys, epochs, altered, files, state, inspect, large, alive, idle, stopped)
