"""Become another program that stops when its parent does: the last step before a database server runs.

    python -I -S launch.py PARENT UID GID SIGNAL PROGRAM [ARGUMENT ...]

The process gives up its rights, asks the kernel for SIGNAL when PARENT ends, and turns into PROGRAM. It is a program
of its own because the same steps between fork and exec (`preexec_fn`) can hang in a process that has threads.

Standard library only, and no imports from this project: it runs without site packages.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Turn into the program that `arguments` name. Doesn't return.

    Args:
        arguments: Process id of the parent, user id, group id (both -1 to stay who we are), number of the signal,
            program and its arguments.

    Raises:
        OSError: The rights can't be given up, or there is no such program.
    """
    parent, uid, gid, signal = map(int, arguments[:4])
    program = arguments[4:]
    os.chdir("/")
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid: a change of rights forgets the wish.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal)
        if os.getppid() != parent:
            sys.exit("the parent ended first")
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
