"""An exam's archive: exported, checked, brought back; and the exam's deletion, with it at hand.

`forms` says what lies in an archive and how, `places` where it may lie (a folder, a bucket).
"""
