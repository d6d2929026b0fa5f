"""A program that replies what a file says, line by line, and answers with a file; it knows nothing of the package.

``python -I -S program.py REPLIES ANSWER``
"""

import json
import shutil
import sys

with open(sys.argv[1], "rb") as replies:
    for line in sys.stdin:
        message = json.loads(line)
        if "answer" in message:
            shutil.copyfile(sys.argv[2], message["answer"])
        reply = replies.readline()
        sys.stdout.buffer.write(reply)
        sys.stdout.buffer.flush()
        if not reply.endswith(b"\n"):
            break  # the suite would wait as long as a start may take
