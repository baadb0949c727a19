"""Found by Python at its start: structlog imports rich where it is, and where it is deployed it is not."""

import sys

sys.modules["rich"] = None  # type: ignore[assignment]
