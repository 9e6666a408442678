"""Several console outputs as one: of each network what the first file says that tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.report.console_log import KINDS, ConsoleLog, Curve, Network, Point, read_console

VALUES = {"accuracy": "accuracies", "size_bytes": "sizes", "latency_s": "latencies"}


@dataclass
class Consoles:
    """What console outputs tell together; each file has its own trainings."""

    logs: list[ConsoleLog]
    networks: dict[str, Network] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.problems += [problem for log in self.logs for problem in log.problems]
        origins: dict[tuple[str, str], ConsoleLog] = {}
        for log in self.logs:
            for kind, network in log.networks.items():
                self._add(kind, network, log, origins)
        drawn = self.drawn
        for log in self.logs:
            if drawn and log is not drawn[0] and any(c.kind == "train" for c in log.curves):
                self.problems.append(
                    f"{log.path}: its training is not drawn, since {drawn[0].path} has FP32's: "
                    "name the file after its network, such as qat.log"
                )

    def _add(
        self,
        kind: str,
        network: Network,
        log: ConsoleLog,
        origins: dict[tuple[str, str], ConsoleLog],
    ) -> None:
        """Take what no file before has told of a network, and say where two differ."""
        known = self.networks.setdefault(kind, Network())
        for name, plural in VALUES.items():
            value, before = getattr(network, name), getattr(known, name)
            if value is None:
                continue
            if before is None:
                setattr(known, name, value)
                known.lines[name], known.printed[name] = network.lines[name], network.printed[name]
                origins[kind, name] = log
            elif before != value:
                first = origins[kind, name]
                self.problems.append(
                    f"{first.path}:{known.lines[name]} and {log.path}:{network.lines[name]} give "
                    f"{KINDS[kind]} two {plural}: the first is used"
                )

    @property
    def drawn(self) -> tuple[ConsoleLog, Curve] | None:
        """The training whose curves are drawn, with its file: FP32's, else the first."""
        curves = [(log, curve) for log in self.logs for curve in log.curves]
        own = [(log, curve) for log, curve in curves if curve.kind == "train"]
        return next(iter(own or curves), None)

    @property
    def points(self) -> Sequence[Point]:
        return self.drawn[1].points if self.drawn else []

    @property
    def has_repeated_epochs(self) -> bool:
        return self.drawn is not None and self.drawn[1].has_repeated_epochs

    @property
    def has_mib(self) -> bool:
        return any(log.has_mib for log in self.logs)

    @property
    def result_lines(self) -> list[tuple[Path, list[int]]]:
        return [(log.path, log.result_lines) for log in self.logs if log.result_lines]


def read_consoles(paths: Sequence[Path]) -> Consoles:
    """Read console outputs; raise LabError when one can't be read."""
    return Consoles([read_console(path) for path in paths])
