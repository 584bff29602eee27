"""Runs a command for which the kernel has no IPv6: socket(AF_INET6, …) fails as if it were booted with ipv6.disable=1."""
import ctypes
import os
import platform
import struct
import sys

SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
AF_INET6, EAFNOSUPPORT = 10, 97
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF; the offsets are those of struct seccomp_data
ERRNO, ALLOW = 0x00050000, 0x7FFF0000
program = [
    (LOAD, 0, 0, 0),  # the number of the system call
    (EQUAL, 0, 3, SOCKET),
    (LOAD, 0, 0, 16),  # its first argument
    (EQUAL, 0, 1, AF_INET6),
    (RETURN, 0, 0, ERRNO | EAFNOSUPPORT),
    (RETURN, 0, 0, ALLOW),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
header = struct.pack("HP", len(program), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
for call in [(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0)]:
    if libc.prctl(*call):
        sys.exit(f"no-ipv6: prctl {call[0]}: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
