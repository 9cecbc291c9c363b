"""Prometheus's query API: an expression and an instant in, series out, or a word why not."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import msgspec

from bot.metrics.increments import Series
from bot.ports import PermanentError

T = TypeVar("T")


class NoAnswerError(Exception):
    """Nothing can be known now; the message is shown to people."""


class _Result(msgspec.Struct):
    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []
    histogram: Any = None
    histograms: Any = None


class _Data(msgspec.Struct):
    resultType: str
    result: Any


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    errorType: str = ""
    error: str = ""
    warnings: list[str] = []


class PrometheusApi:
    """One server."""

    def __init__(self, url: str, http: httpx.AsyncClient, timeout_seconds: float) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._http = http
        self._timeout = timeout_seconds

    async def query(self, expression: str, at_ms: int) -> list[Series]:
        """Evaluate an expression at an instant.

        A scalar comes back as one series without labels. Raises NoAnswerError for everything that
        time may heal, PermanentError for an expression that Prometheus can't parse.
        """
        parameters = {"query": expression, "time": f"{at_ms / 1000:.3f}"}
        answer = await self._ask("query", parameters)
        if answer.data is None:
            raise NoAnswerError("Prometheus answered without data")
        if answer.data.resultType == "scalar":
            return [_series(_Result(value=_convert(answer.data.result, tuple[float, str])))]
        return [_series(result) for result in _convert(answer.data.result, list[_Result])]

    async def course(
        self, expression: str, start_ms: int, end_ms: int, step_ms: int
    ) -> list[Series]:
        """Evaluate an expression at many instants, `step_ms` apart. Raises as `query` does."""
        parameters = {
            "query": expression,
            "start": f"{start_ms / 1000:.3f}",
            "end": f"{end_ms / 1000:.3f}",
            "step": f"{step_ms / 1000:.3f}",
        }
        answer = await self._ask("query_range", parameters)
        if answer.data is None:
            raise NoAnswerError("Prometheus answered without data")
        return [_series(result) for result in _convert(answer.data.result, list[_Result])]

    async def _ask(self, what: str, parameters: Mapping[str, str]) -> _Answer:
        url, timeout = f"{self._base}/{what}", self._timeout
        try:
            response = await self._http.get(
                url, params=parameters, timeout=timeout, follow_redirects=False
            )
        except httpx.ConnectTimeout as error:  # what aiohttp's refused connections become, too
            raise NoAnswerError(f"Prometheus can't be reached: {error}") from error
        except httpx.TimeoutException:
            raise NoAnswerError(f"Prometheus did not answer in {self._timeout:g} s") from None
        except httpx.HTTPError as error:
            raise NoAnswerError(f"Prometheus can't be reached: {error}") from error
        try:
            answer = msgspec.json.decode(response.content, type=_Answer)
        except msgspec.DecodeError:
            said = f"Prometheus answered {response.status_code} with something else than JSON"
            raise NoAnswerError(said) from None
        return _checked(answer, response.status_code, parameters["query"])


def _checked(answer: _Answer, status: int, expression: str) -> _Answer:
    if answer.status != "success" or status != httpx.codes.OK:
        if answer.errorType == "bad_data":
            raise PermanentError(f"{expression}: {answer.error}", code="bad_query")
        raise NoAnswerError(f"Prometheus answered {status}: {answer.error or answer.errorType}")
    if answer.warnings:
        raise NoAnswerError(f"Prometheus warned: {'; '.join(answer.warnings)}")
    return answer


def _convert(data: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise NoAnswerError(f"Prometheus's answer was not understood: {error}") from None


def _series(result: _Result) -> Series:
    if result.histogram is not None or result.histograms is not None:
        name = result.metric.get("__name__", "the metric")
        raise PermanentError(
            f"{name} is a native histogram; name a classic one (…_bucket with le)",
            code="native_histogram",
        )
    points = [result.value] if result.value is not None else result.values
    return Series(result.metric, [(round(at * 1000), _number(text)) for at, text in points])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return round(instant.timestamp() * 1000)


def from_ms(at_ms: int) -> datetime:
    """An aware instant, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def name_of(labels: Mapping[str, str]) -> str:
    """A series as Prometheus writes it."""
    inside = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
    return f"{labels.get('__name__', '')}{{{inside}}}"
