"""What is reachable, allowed and missing here: one finding per thing that a run needs."""

from plateful.doctor.examination import CHECKS, examine
from plateful.doctor.findings import Check, Finding, Status, run_checks

__all__ = ["CHECKS", "Check", "Finding", "Status", "examine", "run_checks"]
