"""`python -m chaos.checker FOLDER`: judge the evidence of a run again; exit 0 clean, 1 findings."""

import sys
from pathlib import Path

from chaos.checker import check


def main() -> int:
    """Print every finding, and how many there are."""
    findings = check(Path(sys.argv[1]))
    for finding in findings:
        keys = " ".join(f"{name}={value}" for name, value in finding.keys.items())
        print(f"{finding.rule} {keys}\n  expected {finding.expected}\n  found    {finding.found}")
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
