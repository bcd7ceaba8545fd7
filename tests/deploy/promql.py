"""PromQL over a scenario in promtool's unit-test format, as far as our rules use the language.

Where promtool is not on the machine, alert rules are still evaluated, not only parsed. Rates are the plain
difference over the window (Prometheus also extrapolates to its ends), so scenarios keep clear of thresholds.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import promql_parser as pp

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
LOOKBACK = 300.0
SERIES = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?")
LABEL = re.compile(r'\s*(\w+)="((?:[^"\\]|\\.)*)"\s*,?')
RUN = re.compile(r"(?P<first>-?[\d.]+|_)(?:(?P<step>[+-][\d.]+))?(?:x(?P<times>\d+))?")
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else (math.nan if not a else math.copysign(math.inf, a)),
}
COMPARED: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
AGGREGATED: dict[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min, "count": len}


@dataclass
class Database:
    """Samples by series, in the order of time."""

    series: dict[Labels, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, labels: Labels, at: float, value: float) -> None:
        self.series.setdefault(labels, []).append((at, value))

    def matching(self, selector: Any) -> Iterator[tuple[Labels, list[tuple[float, float]]]]:
        tests = [_test(each) for each in selector.matchers.matchers]
        for labels, samples in self.series.items():
            told = dict(labels)
            if told["__name__"] == selector.name and all(test(told) for test in tests):
                yield labels, samples


def _test(matcher: Any) -> Callable[[dict[str, str]], bool]:
    name, value = matcher.name, matcher.value
    return {
        "MatchOp.Equal": lambda told: told.get(name, "") == value,
        "MatchOp.NotEqual": lambda told: told.get(name, "") != value,
        "MatchOp.Re": lambda told: re.fullmatch(value, told.get(name, "")) is not None,
        "MatchOp.NotRe": lambda told: re.fullmatch(value, told.get(name, "")) is None,
    }[repr(matcher.op)]


def parsed_series(text: str) -> Labels:
    """Return sorted labels, the name among them, of `name{a="b"}`."""
    match = SERIES.fullmatch(text)
    assert match, text
    return tuple(sorted({"__name__": match["name"], **dict(LABEL.findall(match["labels"] or ""))}.items()))


def expanded(values: str) -> list[float | None]:
    """Return the values of `0+10x3 _x2 7`."""
    found: list[float | None] = []
    for part in values.split():
        match = RUN.fullmatch(part)
        assert match, part
        times = int(match["times"] or 0)
        if match["first"] == "_":
            found += [None] * max(times, 1)
            continue
        first, step = float(match["first"]), float(match["step"] or 0)
        found += [first + step * number for number in range(times + 1)]
    return found


def evaluate(expression: Any, at: float, database: Database) -> Vector | float:
    """Return a parsed expression's value at a time: a scalar or an instant vector."""
    match expression:
        case pp.NumberLiteral():
            return expression.val
        case pp.ParenExpr():
            return evaluate(expression.expr, at, database)
        case pp.VectorSelector():
            return _instant(expression, at, database)
        case pp.AggregateExpr():
            return _aggregated(expression, at, database)
        case pp.Call():
            return _called(expression, at, database)
        case pp.BinaryExpr():
            return _binary(expression, at, database)
    raise NotImplementedError(type(expression).__name__)


def _instant(selector: Any, at: float, database: Database) -> Vector:
    moment = at - (selector.offset.total_seconds() if selector.offset else 0)
    found = {}
    for labels, samples in database.matching(selector):
        recent = _between(samples, moment - LOOKBACK, moment)
        if recent:
            found[labels] = recent[-1][1]
    return found


def _window(
    selector: Any, at: float, database: Database
) -> Iterator[tuple[Labels, list[tuple[float, float]]]]:
    inner = selector.vector_selector
    end = at - (inner.offset.total_seconds() if inner.offset else 0)
    start = end - selector.range.total_seconds()
    for labels, samples in database.matching(inner):
        yield _unnamed(labels), _between(samples, start, end)


def _between(samples: list[tuple[float, float]], start: float, end: float) -> list[tuple[float, float]]:
    """Return the samples after `start` and until `end`."""
    first = bisect_right(samples, start, key=lambda each: each[0])
    return samples[first : bisect_right(samples, end, lo=first, key=lambda each: each[0])]


def _risen(samples: list[tuple[float, float]]) -> float:
    """How much a counter rose; one that fell began again from zero."""
    pairs = pairwise(samples)
    return sum(after - before if after >= before else after for (_, before), (_, after) in pairs)


def _called(call: Any, at: float, database: Database) -> Vector | float:
    name, arguments = call.func.name, call.args
    if name == "time":
        return at
    if name == "vector":
        return {(): _scalar(evaluate(arguments[0], at, database))}
    if name == "absent":
        if _vector(evaluate(arguments[0], at, database)):
            return {}
        equal = [m for m in arguments[0].matchers.matchers if m.op == pp.MatchOp.Equal]
        return {tuple(sorted((m.name, m.value) for m in equal)): 1.0}
    if name == "histogram_quantile":
        share = _scalar(evaluate(arguments[0], at, database))
        return _quantiles(share, _vector(evaluate(arguments[1], at, database)))
    if name == "round":
        vector = _vector(evaluate(arguments[0], at, database))
        return {_unnamed(labels): float(round(value)) for labels, value in vector.items()}
    seconds = arguments[0].range.total_seconds()
    over: dict[str, Callable[[list[tuple[float, float]]], float]] = {
        "rate": lambda samples: _risen(samples) / seconds,
        "increase": _risen,
        "max_over_time": lambda samples: max(value for _, value in samples),
        "avg_over_time": lambda samples: sum(value for _, value in samples) / len(samples),
    }
    least = 2 if name in ("rate", "increase") else 1
    return {
        labels: over[name](samples)
        for labels, samples in _window(arguments[0], at, database)
        if len(samples) >= least
    }


def _quantiles(share: float, vector: Vector) -> Vector:
    buckets: dict[Labels, dict[float, float]] = {}
    for labels, value in vector.items():
        told = dict(labels)
        bound = float(told.pop("le"))
        buckets.setdefault(tuple(sorted(told.items())), {})[bound] = value
    return {labels: _quantile(share, sorted(each.items())) for labels, each in buckets.items()}


def _quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    rank, low, below = share * buckets[-1][1], 0.0, 0.0
    if not buckets[-1][1]:
        return math.nan
    for bound, count in buckets:
        if count >= rank:
            return low if math.isinf(bound) else low + (bound - low) * (rank - below) / (count - below)
        low, below = bound, count
    return low


def _aggregated(expression: Any, at: float, database: Database) -> Vector:
    vector = _vector(evaluate(expression.expr, at, database))
    name, kept = str(expression.op), set(expression.modifier.labels) if expression.modifier else set()
    if name == "topk":
        most = int(_scalar(evaluate(expression.param, at, database)))
        return dict(sorted(vector.items(), key=lambda each: -each[1])[:most])
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(tuple(pair for pair in labels if pair[0] in kept), []).append(value)
    return {labels: float(AGGREGATED[name](values)) for labels, values in groups.items()}


def _binary(expression: Any, at: float, database: Database) -> Vector | float:
    left, right = (evaluate(side, at, database) for side in (expression.lhs, expression.rhs))
    name, modifier = str(expression.op), expression.modifier
    on = _matcher(modifier)
    if name in ("and", "or", "unless"):
        return _set_operation(name, _vector(left), _vector(right), on)
    if isinstance(left, float | int) and isinstance(right, float | int):
        return ARITHMETIC[name](left, right)
    pairs = _paired(left, right, on, many=bool(modifier) and "ManyToOne" in repr(modifier.card))
    if name in COMPARED:
        shown = {labels: (value, a, b) for labels, value, a, b in pairs}
        return {labels: value for labels, (value, a, b) in shown.items() if COMPARED[name](a, b)}
    return {_unnamed(labels): ARITHMETIC[name](a, b) for labels, _, a, b in pairs}


def _paired(
    left: Vector | float, right: Vector | float, on: Callable[[Labels], Labels], *, many: bool
) -> list[tuple[Labels, float, float, float]]:
    """Return (labels, shown value, left, right) of each pair."""
    if not isinstance(left, dict):
        return [(labels, b, float(left), b) for labels, b in _vector(right).items()]
    if not isinstance(right, dict):
        return [(labels, a, a, float(right)) for labels, a in left.items()]
    others = {on(labels): value for labels, value in right.items()}
    assert len(others) == len(right), "several right sides for one group"
    assert many or len({on(labels) for labels in left}) == len(left), "several left sides for one group"
    return [(labels, a, a, others[on(labels)]) for labels, a in left.items() if on(labels) in others]


def _set_operation(name: str, left: Vector, right: Vector, on: Callable[[Labels], Labels]) -> Vector:
    here, there = {on(labels) for labels in left}, {on(labels) for labels in right}
    if name == "and":
        return {labels: value for labels, value in left.items() if on(labels) in there}
    if name == "unless":
        return {labels: value for labels, value in left.items() if on(labels) not in there}
    return left | {labels: value for labels, value in right.items() if on(labels) not in here}


def _matcher(modifier: Any) -> Callable[[Labels], Labels]:
    if modifier is None or modifier.matching is None:
        return _unnamed
    names = set(modifier.matching.labels)
    include = modifier.matching.type == pp.LabelModifierType.Include
    return lambda labels: tuple(p for p in _unnamed(labels) if (p[0] in names) == include)


def _unnamed(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "__name__")


def _vector(value: Vector | float) -> Vector:
    assert isinstance(value, dict), value
    return value


def _scalar(value: Vector | float) -> float:
    assert not isinstance(value, dict), value
    return float(value)


def run_rules(rules: list[dict], inputs: list[dict], interval: float, until: float) -> Database:
    """Return a database with the inputs, what recording rules recorded, and ALERTS as they fired."""
    database, waiting = Database(), {labels: expanded(values) for labels, values in _inputs(inputs)}
    trees = [(rule, pp.parse(rule["expr"])) for rule in rules]
    since: dict[tuple[str, Labels], float] = {}
    for tick in range(int(until / interval) + 1):
        at = tick * interval
        for labels, values in waiting.items():
            if tick < len(values) and (value := values[tick]) is not None:
                database.add(labels, at, value)
        for rule, tree in trees:
            value = evaluate(tree, at, database)
            vector = value if isinstance(value, dict) else {(): value}
            if "record" in rule:
                for labels, each in vector.items():
                    named = {**dict(_unnamed(labels)), "__name__": rule["record"], **rule.get("labels", {})}
                    database.add(tuple(sorted(named.items())), at, each)
            else:
                _alert(rule, vector, at, since, database)
    return database


def _alert(
    rule: dict, vector: Vector, at: float, since: dict[tuple[str, Labels], float], database: Database
) -> None:
    name, wait = rule["alert"], pp.parse_duration(rule["for"]).total_seconds() if "for" in rule else 0.0
    active = {_unnamed(labels) for labels, value in vector.items() if not math.isnan(value)}
    for key in [key for key in since if key[0] == name and key[1] not in active]:
        del since[key]
    for labels in active:
        started = since.setdefault((name, labels), at)
        state = "firing" if at - started >= wait else "pending"
        told = {
            **dict(labels),
            **rule.get("labels", {}),
            "alertname": name,
            "alertstate": state,
            "__name__": "ALERTS",
        }
        database.add(tuple(sorted(told.items())), at, 1.0)


def _inputs(inputs: list[dict]) -> Iterator[tuple[Labels, str]]:
    for each in inputs:
        yield parsed_series(each["series"]), each["values"]
