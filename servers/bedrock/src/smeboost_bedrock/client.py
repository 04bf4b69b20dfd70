"""The one place that knows boto3: it makes the calls and turns the SDK's errors into ours.

Rules of this room:

- boto3's own retries are off; `retries.py` decides, and an error in the middle of a stream is never retried.
- Nothing here logs, and botocore's debug log, which holds request bodies, is held at INFO: prompts are never logged.
- boto3's clients are made at the first call: making one fails on a bad profile, which is an answer to a call.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import date
from types import TracebackType
from typing import Any, Self, cast

import boto3
from botocore import exceptions as aws
from botocore.config import Config
from botocore.eventstream import ParserError
from smeboost_shared.errors import RateLimited, SmeBoostError, VendorTimeout
from smeboost_shared.outbound import in_own_thread
from urllib3 import exceptions as http

from smeboost_bedrock.catalogue import Catalogue, ModelFacts, end_warning, load_catalogue, utc_today
from smeboost_bedrock.models import ConverseAnswer, ConverseRequest, ListedModel
from smeboost_bedrock.reading import Event, Reading
from smeboost_bedrock.refusals import Refusal, error_for
from smeboost_bedrock.retries import wait_before_retry
from smeboost_bedrock.rules import check_request
from smeboost_bedrock.settings import BedrockSettings
from smeboost_bedrock.stream import AnswerBuilder

PROFILE_PAGES_MAX = 20
PROFILE_PAGE_SIZE = 100
CONTROL_TIMEOUT_SECONDS = 30
"""Listing is quick; only a model may be slow. One request may take so long, and so may all of a list."""
LISTS_MAX = 8
"""Lists read at the same time, those included that nobody waits for any more."""

# A vendor's exceptions have no common base: botocore's own, and what shines through from below it in a stream.
VENDOR_ERRORS = (aws.BotoCoreError, aws.ClientError, ParserError, http.HTTPError)

OnProgress = Callable[[int], Awaitable[None]]


class BedrockClient:
    """Amazon Bedrock: an async context manager that may be opened again after it was closed."""

    def __init__(
        self,
        settings: BedrockSettings,
        catalogue: Catalogue | None = None,
        *,
        today: Callable[[], date] = utc_today,
    ) -> None:
        """`today` is the day by which a model's life is judged."""
        self.settings = settings
        self.catalogue = catalogue or load_catalogue()
        self.today = today
        self._building = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._readings: set[Reading] = set()
        self._turns = asyncio.Semaphore(settings.calls_max)
        self._lists = threading.BoundedSemaphore(LISTS_MAX)

    async def __aenter__(self) -> Self:
        # botocore logs the parameters of each request at DEBUG.
        logging.getLogger("botocore").setLevel(logging.INFO)
        self._turns = asyncio.Semaphore(self.settings.calls_max)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reading in tuple(self._readings):
            reading.stop()
        with self._building:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    async def converse(self, request: ConverseRequest, *, on_progress: OnProgress) -> ConverseAnswer:
        """Ask the model and wait for its whole answer; `on_progress` gets the estimated tokens so far.

        Raises:
            SmeBoostError: see `refusals.py`; a request that the model is known to refuse is not sent.
        """
        facts = self.catalogue.facts(request.model)
        check_request(request, facts, prompt_characters_max=self.settings.prompt_characters_max)
        try:
            async with asyncio.timeout(self.settings.answer_timeout_seconds):
                return await self._attempts(request, facts, on_progress)
        except TimeoutError:
            limit = self.settings.answer_timeout_seconds
            raise VendorTimeout(
                f"The answer was not complete after {limit:g} s.",
                hint="It is billed as far as it was written: ask for fewer tokens.",
            ) from None

    async def list_models(self) -> list[ListedModel]:
        """The text models of this region and the profiles that lead to them.

        Raises:
            SmeBoostError: see `refusals.py`.
        """
        if not self._lists.acquire(blocking=False):
            raise RateLimited("Too many lists of models are under way.", retry_after_seconds=1)
        try:
            async with asyncio.timeout(CONTROL_TIMEOUT_SECONDS):
                return await in_own_thread(self._list_models, name="bedrock-answer")
        except TimeoutError:
            raise VendorTimeout(f"The list was not complete after {CONTROL_TIMEOUT_SECONDS} s.") from None
        except VENDOR_ERRORS as exc:
            raise self._error(_refusal(exc, in_stream=False), model="") from exc

    async def _attempts(
        self, request: ConverseRequest, facts: ModelFacts | None, on_progress: OnProgress
    ) -> ConverseAnswer:
        # The bound on attempts is in `wait_before_retry`.
        failures = 0
        while True:
            builder = AnswerBuilder(request.model)
            try:
                await self._read(request, builder, on_progress)
            except VENDOR_ERRORS as exc:
                failures += 1
                refusal = _refusal(exc, in_stream=builder.begun)
                wait = self._wait(refusal, failures)
                if wait is None:
                    raise self._error(refusal, request.model, partial=builder.text) from exc
                await asyncio.sleep(wait)
            else:
                if answer := builder.finish(warning=self._warning(facts)):
                    return answer
                cut = Refusal(code="ConnectionBroken", in_stream=True)
                raise self._error(cut, request.model, partial=builder.text)

    def _error(self, refusal: Refusal, model: str, *, partial: str = "") -> SmeBoostError:
        return error_for(refusal, model=model, facts=self.catalogue.facts(model), today=self.today(), partial=partial)

    def _wait(self, refusal: Refusal, failures: int) -> float | None:
        limits = self.settings
        return wait_before_retry(
            refusal,
            failures=failures,
            attempts_max=limits.attempts_max,
            wait_max_seconds=limits.retry_wait_max_seconds,
        )

    def _warning(self, facts: ModelFacts | None) -> str | None:
        return end_warning(facts.name, facts.end_of_life, facts.successor, self.today()) if facts else None

    async def _read(self, request: ConverseRequest, builder: AnswerBuilder, on_progress: OnProgress) -> None:
        arguments = _arguments(request)
        async with self._turn():
            reading = Reading(lambda: _Stream(self._runtime().converse_stream(**arguments)), on_end=self._turns.release)
            reading.start()
        self._readings.add(reading)
        try:
            while (event := await reading.next()) is not None:
                builder.add(event)
                await on_progress(builder.tokens_estimate)
        finally:
            # Also when the caller goes away: what nobody waits for is not read on.
            self._readings.discard(reading)
            reading.stop()

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """Wait for one of the bounded calls; who starts a `Reading` inside hands the turn on to it."""
        limit = self.settings.queue_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                await self._turns.acquire()
        except TimeoutError:
            raise RateLimited(
                f"All {self.settings.calls_max} calls to Bedrock stayed busy for {limit:g} s.",
                hint="Try again later, or raise BEDROCK_CALLS_MAX.",
            ) from None
        try:
            yield
        except BaseException:
            self._turns.release()
            raise

    def _list_models(self) -> list[ListedModel]:
        try:
            return self._read_list()
        finally:
            self._lists.release()

    def _read_list(self) -> list[ListedModel]:
        control = self._control()
        pages = control.get_paginator("list_inference_profiles").paginate(
            PaginationConfig={"PageSize": PROFILE_PAGE_SIZE, "MaxItems": PROFILE_PAGES_MAX * PROFILE_PAGE_SIZE}
        )
        profiles: dict[str, list[str]] = {}
        for page in pages:
            for profile in page["inferenceProfileSummaries"]:
                for model in profile["models"]:
                    profiles.setdefault(_last(model["modelArn"]), []).append(_call_id(profile))
        summaries = control.list_foundation_models(byOutputModality="TEXT")["modelSummaries"]
        return [_listed(summary, profiles.get(summary["modelId"], [])) for summary in summaries]

    def _runtime(self) -> Any:
        settings = self.settings
        return self._client("bedrock-runtime", settings.runtime_url, settings.read_timeout_seconds)

    def _control(self) -> Any:
        return self._client("bedrock", self.settings.control_endpoint(), CONTROL_TIMEOUT_SECONDS)

    def _client(self, service: str, url: str | None, read_timeout_seconds: float) -> Any:
        with self._building:
            if service not in self._clients:
                config = Config(
                    connect_timeout=self.settings.connect_timeout_seconds,
                    read_timeout=read_timeout_seconds,
                    max_pool_connections=self.settings.calls_max,
                    retries={"total_max_attempts": 1, "mode": "standard"},
                )
                session = boto3.Session(region_name=self.settings.region)
                # boto3 makes its clients' methods at run time: their answers become models in this file.
                self._clients[service] = cast(Any, session).client(service, endpoint_url=url, config=config)
            return self._clients[service]


class _Stream:
    """boto3's event stream, with a way to wake its reader."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._events = answer["stream"]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def stop(self) -> None:
        # botocore offers no way to interrupt a read; the urllib3 response below it does (`shutdown`, since 2.3).
        # An answer that was read to its end has no connection any more, and nothing to interrupt.
        with suppress(RuntimeError, ValueError, OSError):
            self._events._raw_stream.shutdown()  # noqa: SLF001  # see above

    def close(self) -> None:
        self._events.close()


def _arguments(request: ConverseRequest) -> dict[str, Any]:
    inference: dict[str, Any] = {"maxTokens": request.max_tokens}
    if request.temperature is not None:
        inference["temperature"] = request.temperature
    if request.stop_sequences:
        inference["stopSequences"] = list(request.stop_sequences)
    arguments: dict[str, Any] = {
        "modelId": request.model,
        "messages": [{"role": said.role, "content": [{"text": said.text}]} for said in request.messages],
        # Always sent: without it the service reserves the model's maximum from the account's quota.
        "inferenceConfig": inference,
    }
    if request.system is not None:
        arguments["system"] = [{"text": request.system}]
    return arguments


def _listed(summary: dict[str, Any], profile_ids: list[str]) -> ListedModel:
    lifecycle = summary.get("modelLifecycle", {})
    end = lifecycle.get("endOfLifeTime")
    return ListedModel(
        id=summary["modelId"],
        name=summary.get("modelName", summary["modelId"]),
        provider=summary.get("providerName", ""),
        on_demand="ON_DEMAND" in summary.get("inferenceTypesSupported", []),
        legacy=lifecycle.get("status") == "LEGACY",
        end_of_life=end.date() if end else None,
        profile_ids=tuple(profile_ids),
    )


def _call_id(profile: dict[str, Any]) -> str:
    # A profile of the account's own is called by its ARN; its id alone is not known to the runtime.
    own = profile["type"] == "APPLICATION"
    return str(profile["inferenceProfileArn" if own else "inferenceProfileId"])


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


def _refusal(exc: Exception, *, in_stream: bool) -> Refusal:
    if isinstance(exc, aws.ClientError):
        return _service_refusal(exc, in_stream=in_stream)
    for kinds, code in _LOCAL_KINDS:
        if isinstance(exc, kinds):
            # An SDK's text about a connection or a parser names hosts and bytes, not what a caller can act on.
            told = code in ("CredentialsMissing", "EndpointRefused", "RequestRefused")
            return Refusal(code=code, message=str(exc) if told else "", in_stream=in_stream)
    return Refusal(code=type(exc).__name__, in_stream=in_stream)


def _service_refusal(exc: aws.ClientError, *, in_stream: bool) -> Refusal:
    answer = cast(dict[str, Any], exc.response)
    error, metadata = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    behind = answer.get("originalStatusCode")
    return Refusal(
        # In a stream the service writes its codes with a small first letter.
        code=code[:1].upper() + code[1:],
        message=message,
        status=metadata.get("HTTPStatusCode"),
        hint_seconds=_hint_seconds(metadata.get("HTTPHeaders", {})),
        status_behind=behind if isinstance(behind, int) else None,
        in_stream=in_stream or isinstance(exc, aws.EventStreamError),
    )


def _hint_seconds(headers: dict[str, str]) -> float | None:
    """`x-amz-retry-after` is in milliseconds."""
    value = headers.get("x-amz-retry-after", "")
    return int(value) / 1000 if value.isascii() and value.isdigit() else None


# The first kind that fits counts.
_LOCAL_KINDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((aws.ReadTimeoutError, http.ReadTimeoutError), "ReadTimeout"),
    ((aws.ConnectTimeoutError, aws.EndpointConnectionError, aws.ProxyConnectionError, aws.SSLError), "ConnectFailed"),
    ((ParserError,), "StreamUnreadable"),
    (
        (
            aws.NoCredentialsError,
            aws.PartialCredentialsError,
            aws.CredentialRetrievalError,
            aws.TokenRetrievalError,
            aws.UnauthorizedSSOTokenError,
            aws.NoAuthTokenError,
            aws.ProfileNotFound,
        ),
        "CredentialsMissing",
    ),
    ((aws.InvalidEndpointConfigurationError,), "EndpointRefused"),
    ((aws.ParamValidationError,), "RequestRefused"),
    ((aws.HTTPClientError, http.HTTPError), "ConnectionBroken"),
)
