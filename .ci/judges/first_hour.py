"""Makes one bash script of the ```sh blocks of a tutorial, and holds what they print to the ```text blocks under them.

    first_hour.py script DOCUMENT        prints the script
    first_hour.py check DOCUMENT OUTPUT  what is expected and did not come; exit code 1 when there is something

A line of a text block must come in the output of the sh block above it, behind the line before. `…` stands for anything.
"""

import re
import sys
from pathlib import Path

MARK = "@@ first-hour block "
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document):
    """Language, number of the first line, text."""
    for fence in FENCE.finditer(document):
        yield fence[1], document.count("\n", 0, fence.start(2)) + 1, fence[2]


def script(document):
    """Background processes end with the script, however it ends."""
    parts = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for language, line, text in blocks(document):
        if language == "sh":
            parts += [f"printf '\\n{MARK}%s\\n' {line}", text]
    return "\n".join(parts) + "\n"


def said_by_block(output):
    """What each block printed, by the number of its first line."""
    pieces = re.split(rf"^{MARK}(\d+)\n", output, flags=re.MULTILINE)
    return {int(line): said for line, said in zip(pieces[1::2], pieces[2::2])}


def differences(document, output):
    said, above, expected = said_by_block(output), None, 0
    for language, line, text in blocks(document):
        if language == "sh":
            above = line
            if line not in said:
                yield line, "this block was not reached"
        elif language == "text":
            left = said.get(above, "").splitlines()
            for number, wanted in enumerate(text.splitlines(), line):
                expected += 1
                pattern = ".*".join(re.escape(part.strip()) for part in wanted.split("…"))
                found = next((place for place, told in enumerate(left) if re.search(pattern, told)), None)
                if found is None:
                    yield number, f"expected and not seen: {wanted}"
                else:
                    left = left[found + 1 :]
        elif language:
            yield line, f"a block of {language} is neither sh nor text"
    if expected < 20:
        yield 1, f"only {expected} lines are expected: the text blocks were not found"


def main():
    document = Path(sys.argv[2]).read_text("utf-8")
    if sys.argv[1] == "script":
        sys.stdout.write(script(document))
        return 0
    found = list(differences(document, Path(sys.argv[3]).read_text("utf-8")))
    for line, what in found:
        print(f"first-hour: {sys.argv[2]}:{line}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
