"""The spool: records on the local disk, from when a request is over until the database has it.

    event loop ──append──> Spool ──group commit──> segment files ──> Backlog ──> RecordWriter ──> database

Each process has a folder of its own below the spool's; a lock on it says that the process lives. A folder nobody holds
was left by one that died: whoever finds it first writes what it holds (`folders`). A segment is deleted once the
database has all of it: that is the checkpoint, and what is read twice after a crash is written once.
"""
