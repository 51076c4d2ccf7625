"""Whole numbers and conditions, written in many ways."""

from random import Random

from .draft import Scope


def number(n: int, scope: Scope, random: Random, share: float = 0.2) -> str:
    """Text of that value: mostly the number itself, otherwise arithmetic with names, functions or lists."""
    if random.random() > share:
        return str(n)
    if scope.numbers and random.random() < 0.5:
        name, value = random.choice(sorted(scope.numbers.items()))
        return from_name(n, name, value, random)
    return random.choice(computed(n, random.randint(1, 5), random))


def from_name(n: int, name: str, value: int, random: Random) -> str:
    """The number by way of a name of another one."""
    if value == n:
        return name
    ways = [f"{name} + {n - value}" if n > value else f"{name} - {value - n}"]
    if value and n % value == 0:
        ways += [f"{n // value} * {name}"]
    if n > 0 and value > 0 and value % n == 0:
        ways += [f"{name} // {value // n}", f"{name} / {value // n}"]
    if value > 0:
        ways += [f"max({name}, {n}) - {max(n, value) - n}", f"{name} % {value} + {n}"]
    return random.choice(ways)


def computed(n: int, a: int, random: Random) -> list[str]:
    """Ways to compute a number from others; `a` is any positive one."""
    ways = [
        f"{n + a} - {a}",
        f"{2 * n} / 2",
        f"{n * a + a - 1} // {a}",
        f"min({n}, {n + a})",
        f"max([{n}, {n - a}])",
        f"sum([{n}, {a}, -{a}])",
        f"[{a}, {n}, {a}][1]",
        f"({n}, {a})[0]",
        f"([{a}] + [{n}])[-1]",
        f"[i * {n} for i in range(2)][1]",
        f"[i + j for i, j in [({a}, {n - a})]][0]",
        f"({n} if {condition(True, random)} else {a})",
        f"{a if condition_value(a) else n} if {condition(False, random)} else {n}",
        f"-({-n})",
        f"{n + a + 1} % {max(2 * abs(n) + 7, 7)} - {a + 1}" if n >= 0 else f"{n}",
        f"int({n}.0)",
        f'{n} if "{"ab"[a % 2]}" == "{"ab"[a % 2]}" else {a}',
    ]
    if n >= 0:
        ways += [
            f"len(range({n}))",
            f"ceil({n} - 0.5)",
            f"floor({n}.5)",
            f"round({n}.25)",
            f"int({n}.75)",
            f"log2({2 ** min(n, 40)})" if n <= 40 else str(n),
            f"round_to({8 * n}, 8) // 8" if n else "0",
            f"sum(range({n}, {n + 1}))",
            f"{n}x{a}[0]" if n else "0",
            f"{n} ** 1",
            f"len([{', '.join(['1'] * n)}])" if 0 < n < 5 else str(n),
        ]
    return ways


def condition_value(a: int) -> bool:
    return a > 2


def condition(truth: bool, random: Random) -> str:
    """A condition of that value, which numbers alone decide."""
    a = random.randint(1, 6)
    b = a + random.randint(1, 6)
    true = [f"{a} < {b}", f"{b} > {a}", f"{a} <= {a}", f"{b} >= {a}", f"{a} == {a}", f"{a} != {b}",
            "true", f"1 <= {a} < {b}", f"{a} == {a} and {a} < {b}", f"{a} > {b} or true",
            f"{b} < {a} or {a} < {b}", "not false"]  # fmt: skip
    false = [f"{b} < {a}", f"{a} >= {b}", f"{a} == {b}", f"{a} != {a}", "false", f"{a} < {b} < {a}",
             f"{a} < {b} and false", f"{a} > {b} or {b} == {a}",
             f"not {a} < {b}", f"{b} <= {a}", f"{a} > {b}"]  # fmt: skip
    return random.choice(true if truth else false)


def condition_on(truth: bool, scope: Scope, random: Random) -> str:
    """A condition of that value, often one on a name in scope."""
    if not scope.numbers or random.random() < 0.4:
        return condition(truth, random)
    name, value = random.choice(sorted(scope.numbers.items()))
    if truth:
        ways = [f"{name} == {value}", f"{name} < {value + 1}", f"{value} <= {name}", f"{name} != {value + 2}"]
    else:
        ways = [f"{name} > {value}", f"{name} != {value}", f"{name} >= {value + 1}", f"not {name} == {value}"]
    return random.choice(ways)
