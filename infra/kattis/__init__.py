"""Problem packages in the format of Kattis, read into questions: the legacy layout and that of 2023-07.

Sources of the rules: the specifications `legacy` and `2023-07-draft` under https://www.kattis.com/problem-package-format.
What the format knows and run-code does not is refused by its name, never left out in silence. What only tools for
authors use (validators of the input, generators, descriptions of solutions) is passed over.
"""

from infra.kattis.files import PackageError
from infra.kattis.package import PARTIALLY_ACCEPTED, Package, PackageSubmission, read_package

__all__ = ["PARTIALLY_ACCEPTED", "Package", "PackageError", "PackageSubmission", "read_package"]
