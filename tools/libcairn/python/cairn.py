# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Read VMFS datastores and the virtual disks on them: libcairn by ctypes, no compiler needed.

    import cairn
    with cairn.Cairn(["lun.img"]) as c:
        for volume in c.volumes():
            print(volume.label, c.list("/vmfs/volumes/" + volume.uuid))
        with c.open_disk("vm/vm.vmdk") as disk:
            first = disk.read(512, 0)
            for e in disk.extents():
                print(e.offset, e.bytes, e.kind)

Nothing is ever written. All calls may be made from several threads; the interpreter's lock is let
go meanwhile. What goes wrong is a cairn.Error with a status ("not-found") and a line for people.
The library is the one the loader finds, or the file named by CAIRN_LIBRARY."""

import collections
import ctypes as C
import errno
import os

_KINDS = ("file", "dir", "symlink", "rdm", "system", "other")
_EXTENTS = ("data", "zero", "hole")
_EXTENTS_AT_ONCE = 256

Volume = collections.namedtuple("Volume", "label uuid version devices devices_found size_bytes")
Stat = collections.namedtuple(
    "Stat", "kind mode uid gid size_bytes allocated_bytes mtime_s id")
Entry = collections.namedtuple("Entry", "name stat")
Extent = collections.namedtuple("Extent", "offset bytes kind")
Info = collections.namedtuple(
    "Info", "size_bytes allocated_bytes block_bytes links cid kind name")


class Error(Exception):
    """status: a word, as cairn_status_word() has it; str(): the line for people."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


# ---- the structures of cairn.h -----------------------------------------------------------------

class _Error(C.Structure):
    _fields_ = [("status", C.c_int), ("text", C.c_char * 512)]


_LOG = C.CFUNCTYPE(None, C.c_void_p, C.c_int, C.c_char_p)
_READ = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_void_p, C.c_size_t, C.c_uint64)
_CLOSE = C.CFUNCTYPE(None, C.c_void_p)


class _Options(C.Structure):
    _fields_ = [("size", C.c_size_t), ("log", _LOG), ("log_arg", C.c_void_p),
                ("log_level", C.c_int), ("direct", C.c_int), ("engine", C.c_char_p),
                ("live", C.c_int)]


class _Source(C.Structure):
    _fields_ = [("size", C.c_size_t), ("name", C.c_char_p), ("size_bytes", C.c_uint64),
                ("block_bytes", C.c_uint32), ("read", _READ), ("close", _CLOSE),
                ("arg", C.c_void_p)]


class _Volume(C.Structure):
    _fields_ = [("label", C.c_char * 129), ("uuid", C.c_char * 40), ("version", C.c_uint32),
                ("devices", C.c_uint32), ("devices_found", C.c_uint32),
                ("size_bytes", C.c_uint64), ("reserved", C.c_uint64 * 8)]


class _Stat(C.Structure):
    _fields_ = [("kind", C.c_int), ("mode", C.c_uint32), ("uid", C.c_uint32),
                ("gid", C.c_uint32), ("size_bytes", C.c_uint64), ("allocated_bytes", C.c_uint64),
                ("mtime_s", C.c_int64), ("id", C.c_uint64), ("reserved", C.c_uint64 * 4)]


class _Entry(C.Structure):
    _fields_ = [("name", C.c_char * 256), ("stat", _Stat)]


class _Extent(C.Structure):
    _fields_ = [("offset", C.c_uint64), ("bytes", C.c_uint64), ("kind", C.c_int),
                ("reserved", C.c_uint32)]


class _Info(C.Structure):
    _fields_ = [("size_bytes", C.c_uint64), ("allocated_bytes", C.c_uint64),
                ("block_bytes", C.c_uint32), ("links", C.c_uint32), ("cid", C.c_uint32),
                ("kind", C.c_char * 32), ("name", C.c_char * 1024), ("reserved", C.c_uint64 * 8)]


# ---- the functions of cairn.h ------------------------------------------------------------------

_P = C.c_void_p
_lib = C.CDLL(os.environ.get("CAIRN_LIBRARY") or "libcairn.so.0")
for _name, _result, _args in (
        ("create", _P, [_P, _P]), ("add_device", C.c_int, [_P, C.c_char_p, _P]),
        ("add_source", C.c_int, [_P, _P, _P]), ("start", C.c_int, [_P, _P]),
        ("destroy", None, [_P]), ("free", None, [_P]),
        ("volumes", C.c_int, [_P, _P, _P, _P]), ("stat", C.c_int, [_P, C.c_char_p, _P, _P]),
        ("list", C.c_int, [_P, C.c_char_p, _P, _P, _P]),
        ("readlink", C.c_int, [_P, C.c_char_p, _P, C.c_size_t, _P]),
        ("open_file", C.c_int, [_P, C.c_char_p, _P, _P]),
        ("open_disk", C.c_int, [_P, C.c_char_p, C.c_char_p, _P, _P]),
        ("close", None, [_P]), ("size", C.c_uint64, [_P]),
        ("read", C.c_int, [_P, _P, C.c_size_t, C.c_uint64, _P]),
        ("check", C.c_int, [_P, _P]), ("info", C.c_int, [_P, _P, _P]),
        ("extents", C.c_int, [_P, C.c_uint64, C.c_uint64, _P, C.c_size_t, _P, _P]),
        ("status_word", C.c_char_p, [C.c_int]), ("version", C.c_char_p, [])):
    _f = getattr(_lib, "cairn_" + _name)
    _f.restype, _f.argtypes = _result, _args


def _fail(error):
    word = _lib.cairn_status_word(error.status).decode()
    raise Error(word, error.text.decode(errors="surrogateescape"))


def _call(function, *args):
    error = _Error()
    if function(*args, C.byref(error)) != 0:
        _fail(error)


def _name_out(raw):
    return raw.decode(errors="surrogateescape")


def _path_in(path):
    return os.fsencode(path)


def _stat_out(s):
    return Stat(_KINDS[s.kind] if s.kind < len(_KINDS) else "other", s.mode, s.uid, s.gid,
                s.size_bytes, s.allocated_bytes, s.mtime_s, s.id)


def version():
    return _lib.cairn_version().decode()


class Cairn:
    """devices: names, or objects with read(bytes, offset) -> bytes, size_bytes and name."""

    def __init__(self, devices, direct=False, live=False):
        options = _Options(size=C.sizeof(_Options), direct=direct, live=live)
        error = _Error()
        self._keep = []		# functions that the library may still call
        self._handle = _lib.cairn_create(C.byref(options), C.byref(error))
        if not self._handle:
            _fail(error)
        try:
            for device in devices:
                self._add(device)
            _call(_lib.cairn_start, self._handle)
        except BaseException:
            self.close()
            raise

    def _add(self, device):
        if isinstance(device, (str, bytes, os.PathLike)):
            _call(_lib.cairn_add_device, self._handle, _path_in(device))
            return

        def read(_arg, to, count, offset):
            try:
                data = device.read(count, offset)
                if len(data) != count:
                    return errno.EIO
                C.memmove(to, bytes(data), count)
                return 0
            except OSError as e:
                return e.errno or errno.EIO
            except Exception:		# it cannot pass through the library
                return errno.EIO

        source = _Source(size=C.sizeof(_Source), name=_path_in(device.name),
                         size_bytes=device.size_bytes, read=_READ(read))
        self._keep.append(source)
        _call(_lib.cairn_add_source, self._handle, C.byref(source))

    def close(self):
        """All images must be closed."""
        handle, self._handle = self._handle, None
        _lib.cairn_destroy(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def volumes(self):
        array, count = C.POINTER(_Volume)(), C.c_size_t()
        _call(_lib.cairn_volumes, self._handle, C.byref(array), C.byref(count))
        found = [Volume(_name_out(v.label), v.uuid.decode(), v.version, v.devices,
                        v.devices_found, v.size_bytes) for v in array[:count.value]]
        _lib.cairn_free(array)
        return found

    def stat(self, path):
        s = _Stat()
        _call(_lib.cairn_stat, self._handle, _path_in(path), C.byref(s))
        return _stat_out(s)

    def list(self, path):
        array, count = C.POINTER(_Entry)(), C.c_size_t()
        _call(_lib.cairn_list, self._handle, _path_in(path), C.byref(array), C.byref(count))
        found = [Entry(_name_out(e.name), _stat_out(e.stat)) for e in array[:count.value]]
        _lib.cairn_free(array)
        return found

    def walk(self, path):
        """(path, Stat) of all below a directory; links are not followed."""
        for e in self.list(path):
            below = path.rstrip("/") + "/" + e.name
            yield below, e.stat
            if e.stat.kind == "dir":
                yield from self.walk(below)

    def readlink(self, path):
        buf = C.create_string_buffer(4096)
        _call(_lib.cairn_readlink, self._handle, _path_in(path), buf, len(buf))
        return _name_out(buf.value)

    def open_file(self, path):
        image = _P()
        _call(_lib.cairn_open_file, self._handle, _path_in(path), C.byref(image))
        return Image(image)

    def open_disk(self, path, snapshot=None):
        image = _P()
        snapshot = None if snapshot is None else _path_in(str(snapshot))
        _call(_lib.cairn_open_disk, self._handle, _path_in(path), snapshot, C.byref(image))
        return Image(image)


class Image:
    """The bytes of a file, or of a virtual disk as its guest sees them."""

    def __init__(self, handle):
        self._handle = handle
        self.size = _lib.cairn_size(handle)

    def close(self):
        handle, self._handle = self._handle, None
        _lib.cairn_close(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, count, offset):
        buf = bytearray(count)
        self.read_into(buf, offset)
        return bytes(buf)

    def read_into(self, buf, offset):
        """Fill a writable buffer: no copy is made."""
        view = memoryview(buf).cast("B")
        at = (C.c_char * len(view)).from_buffer(view) if len(view) else None
        _call(_lib.cairn_read, self._handle, at, len(view), offset)

    def extents(self, offset=0, count=None):
        end = self.size if count is None else offset + count
        array, found = (_Extent * _EXTENTS_AT_ONCE)(), C.c_size_t()
        while offset < end:
            _call(_lib.cairn_extents, self._handle, offset, end - offset, array, len(array),
                  C.byref(found))
            for e in array[:found.value]:
                yield Extent(e.offset, e.bytes, _EXTENTS[e.kind] if e.kind < 3 else "data")
                offset = e.offset + e.bytes

    def check(self):
        """Raises Error("busy") unless all that was read so far was of one moment."""
        _call(_lib.cairn_check, self._handle)

    def info(self):
        i = _Info()
        _call(_lib.cairn_info, self._handle, C.byref(i))
        return Info(i.size_bytes, i.allocated_bytes, i.block_bytes, i.links, i.cid,
                    i.kind.decode(), _name_out(i.name))
