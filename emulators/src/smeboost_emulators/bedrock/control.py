"""The control plane's read operations: foundation models and inference profiles."""

from datetime import datetime

from starlette.responses import JSONResponse, Response

from smeboost_emulators.bedrock.faults import ServiceFault, constraint, invalid, unknown_model
from smeboost_emulators.bedrock.offer import (
    MODELS,
    FoundationModel,
    Profile,
    find_model,
    find_profile,
    profiles_in,
)
from smeboost_emulators.intake import whole_number

PAGE_SIZE_MAX = 1000
CUSTOMIZATIONS = ("FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION")
MODALITIES = ("TEXT", "IMAGE", "EMBEDDING")
INFERENCE_TYPES = ("ON_DEMAND", "PROVISIONED")
PROFILE_TYPES = ("SYSTEM_DEFINED", "APPLICATION")


def list_foundation_models(query: dict[str, str], region: str) -> Response:
    """`GET /foundation-models`, with its four filters; the real one is not paged either."""
    output = _choice(query, "byOutputModality", MODALITIES)
    inference = _choice(query, "byInferenceType", INFERENCE_TYPES)
    customization = _choice(query, "byCustomizationType", CUSTOMIZATIONS)
    provider = query.get("byProvider")
    found = [
        model
        for model in MODELS
        # None of the models on offer can be customised.
        if customization is None
        and (provider is None or model.provider.lower() == provider.lower())
        and (output is None or output in model.outputs)
        and (inference is None or inference in _inference_types(model))
    ]
    return JSONResponse({"modelSummaries": [_model(model, region) for model in found]})


def get_foundation_model(identifier: str, region: str) -> Response:
    """`GET /foundation-models/{id or ARN}`."""
    model = find_model(identifier)
    if model is None:
        raise unknown_model()
    return JSONResponse({"modelDetails": _model(model, region)})


def list_inference_profiles(query: dict[str, str], region: str) -> Response:
    """`GET /inference-profiles`: those of the caller's region, paged by `maxResults` and `nextToken`."""
    kind = _choice(query, "type", PROFILE_TYPES)
    profiles = [] if kind == "APPLICATION" else list(profiles_in(region))
    size, start = _page_size(query), _page_start(query, len(profiles))
    page = profiles[start : start + size]
    answer: dict[str, object] = {"inferenceProfileSummaries": [_profile(profile, region) for profile in page]}
    if start + size < len(profiles):
        answer["nextToken"] = str(start + size)
    return JSONResponse(answer)


def get_inference_profile(identifier: str, region: str) -> Response:
    """`GET /inference-profiles/{id or ARN}`."""
    profile = find_profile(identifier, region)
    if profile is None:
        raise ServiceFault(404, "ResourceNotFoundException", "The inference profile could not be found.")
    return JSONResponse(_profile(profile, region))


def _model(model: FoundationModel, region: str) -> dict[str, object]:
    lifecycle: dict[str, object] = {"status": "LEGACY" if model.legacy else "ACTIVE"}
    times = {
        "startOfLifeTime": model.start_of_life,
        "legacyTime": model.legacy,
        "endOfLifeTime": model.end_of_life,
    }
    lifecycle.update({name: _timestamp(time) for name, time in times.items() if time})
    return {
        "modelArn": model.arn(region),
        "modelId": model.model_id,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": list(model.inputs),
        "outputModalities": list(model.outputs),
        "responseStreamingSupported": "TEXT" in model.outputs,
        "customizationsSupported": [],
        "inferenceTypesSupported": _inference_types(model),
        "modelLifecycle": lifecycle,
    }


def _inference_types(model: FoundationModel) -> list[str]:
    # A model that is called through profiles only names "INFERENCE_PROFILE", which the service's model leaves out.
    return ["ON_DEMAND"] if model.on_demand else ["INFERENCE_PROFILE"]


def _profile(profile: Profile, region: str) -> dict[str, object]:
    label = {"global": "Global", "apac": "APAC"}.get(profile.geography, profile.geography.upper())
    created = _timestamp(profile.model.start_of_life)
    return {
        "inferenceProfileName": f"{label} {profile.model.name}",
        "description": f"Routes requests to {profile.model.name}",
        "createdAt": created,
        "updatedAt": created,
        "inferenceProfileArn": profile.arn(region),
        "models": [{"modelArn": profile.model.arn(region)}],
        "inferenceProfileId": profile.profile_id,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def _timestamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _choice(query: dict[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    value = query.get(name)
    if value is not None and value not in choices:
        raise constraint(name, f"satisfy enum value set: [{', '.join(choices)}]")
    return value


def _page_size(query: dict[str, str]) -> int:
    size = whole_number(query.get("maxResults", str(PAGE_SIZE_MAX)))
    if size is None or not 1 <= size <= PAGE_SIZE_MAX:
        raise constraint("maxResults", f"have value between 1 and {PAGE_SIZE_MAX}")
    return size


def _page_start(query: dict[str, str], total: int) -> int:
    token = query.get("nextToken")
    if token is None:
        return 0
    start = whole_number(token)
    if start is None or start >= total:
        raise invalid("The pagination token is invalid.")
    return start
