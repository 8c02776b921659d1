"""Locks on files, which end with the process that holds them."""

import errno
import fcntl
from pathlib import Path
from typing import IO

MISSING = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}  # what disks without locks answer


def taken(file: IO, wait: bool = False) -> bool:
    """Lock an open file for this process. Returns False where another process holds it, unless asked to `wait`.

    A disk without flock is asked for a lock of POSIX. Where it has none either, that is printed and no lock is held.
    """
    how = fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)
    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(file, how)
            return True
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            if error.errno not in MISSING:
                raise
            reason = error.strerror
    print(f"the disk of {Path(file.name).parent} has no locks ({reason}): nothing keeps a second process from the same "
          "work, so start each study once", flush=True)
    return True
