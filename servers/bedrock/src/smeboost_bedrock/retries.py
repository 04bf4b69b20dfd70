"""Which refusals are worth another attempt, and how long to wait before it.

Only answers to the request itself are repeated. A read timeout never is: the model may have worked, and the repeated
request is billed again. Nor is a stream that broke off: its tokens are billed already.
Codes and their meaning: the service's API reference, "Common errors" and the operation's own list.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from smeboost_bedrock.refusals import Refusal


@dataclass(frozen=True)
class RetryRule:
    """`base_seconds` doubles with each attempt; `retries_max` bounds it below the setting's attempts."""

    base_seconds: float
    retries_max: int = 99


RULES: Mapping[str, RetryRule] = {
    "ThrottlingException": RetryRule(1.0),
    "TooManyRequestsException": RetryRule(1.0),
    "ModelNotReadyException": RetryRule(2.0),
    "ServiceUnavailableException": RetryRule(0.5),
    "InternalServerException": RetryRule(0.25),
    "ModelErrorException": RetryRule(0.5, retries_max=1),
    "ConnectFailed": RetryRule(0.25),
}
"""By the service's code. `ConnectFailed` is ours: nothing was sent, so nothing was billed."""


def wait_before_retry(refusal: Refusal, *, failures: int, attempts_max: int, wait_max_seconds: float) -> float | None:
    """Seconds to wait after that many failed attempts, or None when the call is given up.

    The wait is full jitter (a random part of the exponential back-off), but never less than the service asked for. A
    service that asks for more than `wait_max_seconds` is not asked again: the caller is told instead.
    """
    rule = None if refusal.in_stream else RULES.get(refusal.code)
    if rule is None or refusal.is_daily_quota or failures >= attempts_max or failures > rule.retries_max:
        return None
    if refusal.code == "ModelErrorException" and (refusal.status_behind or 0) < 500:
        return None
    hint = refusal.hint_seconds or 0.0
    if hint > wait_max_seconds:
        return None
    jitter = random.uniform(0, rule.base_seconds * 2 ** (failures - 1))  # noqa: S311  # spreads load, guards nothing
    return max(min(jitter, wait_max_seconds), hint)
