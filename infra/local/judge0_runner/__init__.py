"""A Judge0 (v1.13.1, as its clients meet it) for one machine: same wire protocol, own sandbox, no Docker.

languages.py finds the machine's toolchains, sandbox.py runs one command in a box, judge.py compiles, runs and decides,
queue.py keeps the line and the workers, app.py speaks HTTP.
"""
