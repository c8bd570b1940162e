# SPDX-License-Identifier: BSD-2-Clause-Patent
"""test_cairn.py IMAGE DISK RAW: the disk in the image must read as RAW, in every way there is."""

import os
import sys
import threading

import cairn


class File:
    """A device that this program reads."""

    def __init__(self, path, fail_from=None):
        self.fd = os.open(path, os.O_RDONLY)
        self.size_bytes = os.fstat(self.fd).st_size
        self.name = "source"
        self.reads = 0
        self.fail_from = fail_from

    def read(self, count, offset):
        self.reads += 1
        if self.fail_from is not None and self.reads > self.fail_from:
            raise OSError(5, "as if the device had failed")
        return os.pread(self.fd, count, offset)


def same_as(c, disk, raw):
    with c.open_disk(disk) as d:
        assert d.size == len(raw)
        assert d.read(d.size, 0) == raw
        assert d.read(777, 12345) == raw[12345:13122]
        at = 0
        for e in d.extents():
            assert e.offset == at and e.bytes > 0
            at += e.bytes
            if e.kind != "data":
                assert not any(raw[e.offset:at])
        assert at == d.size
        d.check()
        assert d.info().links == 1


def errors(c, image, disk):
    for call, status in ((lambda: c.open_disk("none.vmdk"), "not-found"),
                         (lambda: c.list(disk), "not-a-directory"),
                         (lambda: cairn.Cairn([image, image]), "invalid"),
                         (lambda: cairn.Cairn(["/nonexistent"]), "not-found")):
        try:
            call()
        except cairn.Error as e:
            assert e.status == status and str(e), (e.status, status)
        else:
            raise AssertionError("no " + status)


def faults(image, disk, raw):
    """The device fails at its first, second, ... n-th read: an error each time, until none is met."""
    for n in range(1000):
        try:
            with cairn.Cairn([File(image, n)]) as c, c.open_disk(disk) as d:
                assert d.read(len(raw), 0) == raw
                return n
        except cairn.Error as e:
            assert str(e)
    raise AssertionError("it never succeeds")


def main(image, disk, raw_path):
    with open(raw_path, "rb") as f:
        raw = f.read()
    with cairn.Cairn([image]) as c:
        same_as(c, disk, raw)
        errors(c, image, disk)
        (volume,) = c.volumes()
        assert volume.version == 5 and volume.devices_found == 1
        names = [path for path, st in c.walk("/vmfs/volumes/" + volume.uuid) if st.kind == "file"]
        assert any(name.endswith("/" + disk) for name in names)
        threads = [threading.Thread(target=same_as, args=(c, disk, raw)) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    with cairn.Cairn([File(image)]) as c:
        same_as(c, disk, raw)
    assert faults(image, disk, raw) > 5
    print("python: libcairn", cairn.version())


main(*sys.argv[1:])
