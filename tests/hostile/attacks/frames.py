"""Bytes on the channel that no honest worker sends."""

import textwrap

from tests.hostile.attacks.making import behind, both

SEND = """
    import json, os, struct
    def frame(header, body=b"", magic=b"L3F1", lengths=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<4sII", magic, *(lengths or (len(text), len(body)))) + text + body
    def send(data, fds=(3,)):
        for fd in fds:
            try:
                os.write(fd, data)
            except OSError:
                pass
    passed = {"id": 1, "answer": {"results": [{"value": "0x1p-2"}] * 5}}
"""
FRAMES = behind(("answers",), [
    both(f"frame: {name}", SEND + textwrap.indent(text, "    "), "skeleton")
    for name, text in {
        "garbage": "send(os.urandom(1 << 16))",
        "garbage everywhere": "send(b'L3F1' * 1000, range(64))",
        "forged answers": "for n in range(1, 50): send(frame({**passed, 'id': n}))",
        "one answer to every question": "send(frame(passed))",
        "wrong id": "send(frame({**passed, 'id': 77}))",
        "huge header": "send(frame(b'', lengths=(0xffffffff, 0)))",
        "huge body": "send(frame(passed, lengths=(20, 0xffffffff)))",
        "longer than told": "send(frame(passed) + b'x' * 9999)",
        "shorter than told": "send(frame(passed, lengths=(4000, 0))); os._exit(0)",
        "empty": "send(frame(b''))",
        "no JSON": "send(frame(b'\\xff\\x00{'))",
        "deep JSON": "send(frame(b'{\"id\": 1, \"answer\": ' + b'[' * 100000 + b']' * 100000))",
        "NaN": 'send(frame(b\'{"id": NaN, "answer": {"results": [{"value": Infinity}]}}\'))',
        "huge integer": 'send(frame(b\'{"id": \' + b"9" * 100000 + b"}"))',
        "same key twice": 'send(frame(b\'{"id": 1, "id": 1, "answer": {}, "answer": null}\'))',
        "surrogates": 'send(frame(b\'{"id": 1, "answer": {"\\\\ud800": 1}}\'))',
        "other magic": "send(frame(passed, magic=b'L3F2'))",
    }.items()
] + [
    both("frame: one byte at a time", SEND + """
    import time
    for byte in frame(passed):
        send(bytes([byte]))
        time.sleep(0.05)
    time.sleep(100)
    """, "skeleton", is_endless=True, walls=("time",)),
])  # fmt: skip
