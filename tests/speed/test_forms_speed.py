"""Speed of the input forms and of locating parts of requests, against Python per payload in the same run: ratios."""

import time
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import Payloads, input_forms, near_duplicates, request_fields
from harness.data.http_request import Request
from tests.speed.payloads import natural

COUNT, ROUNDS = 4000, 5


def least_seconds(*calls: Callable[[], object]) -> list[float]:
    """Least processor seconds of each call; the calls take turns, so that load of the machine meets all of them."""
    seconds = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for number, call in enumerate(calls):
            began = time.process_time()
            call()
            seconds[number] = min(seconds[number], time.process_time() - began)
    return seconds


def one_by_one(payloads: list[bytes]) -> None:
    """Locates the parts of each payload by the parser."""
    for payload in payloads:
        _ = Request(payload).headers


@pytest.mark.timeout(600)
def test_forms_are_as_fast_as_the_normal_form_of_each_payload(benchmark: BenchmarkFixture) -> None:
    """They do several times as much: five more encodings, fields, spans."""
    requests = natural(COUNT)
    payloads = Payloads.from_list(requests)
    forms = [name for name in input_forms.FORMS if name != "raw"]
    usual, parser, located, *formed = least_seconds(
        lambda: [near_duplicates.normal_form(request) for request in requests],
        lambda: one_by_one(requests),
        lambda: request_fields.locate(payloads),
        *[lambda name=name: input_forms.apply(name, payloads) for name in forms],
    )
    for name, seconds in zip(forms, formed, strict=True):
        benchmark.extra_info[f"{name}, payloads per second"] = round(COUNT / seconds)
        benchmark.extra_info[f"{name}, times as fast as normal_form"] = round(usual / seconds, 2)
    benchmark.extra_info["locate, times faster than the parser"] = round(parser / located, 1)
    print(benchmark.extra_info)
    benchmark.pedantic(lambda: input_forms.apply("normal", payloads), rounds=1)
    assert parser / located > 1.5
    assert min(usual / seconds for seconds in formed) > 0.4
