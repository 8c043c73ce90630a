"""The models that a provider lists, asked for at this moment."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.api.problems import problem_response
from evals.catalog.queries.found import offers
from evals.models import Provider

__all__ = ["ProviderModels"]


class ListedModelOut(serializers.Serializer[Any]):
    model_name = serializers.CharField(source="model.model_name", help_text="The provider's id of the model.")
    title = serializers.CharField(source="model.title")
    slug = serializers.CharField(source="model.slug", help_text="The name that a contender of it would get.")
    contender = serializers.CharField(
        source="contender.slug", allow_null=True, default=None, help_text="The contender that asks it already."
    )
    capabilities = serializers.ListField(source="model.capabilities", child=serializers.CharField())
    context_tokens = serializers.IntegerField(source="model.context_tokens", allow_null=True)
    usd_per_mtok_input = serializers.FloatField(source="model.usd_per_mtok_input", allow_null=True)
    usd_per_mtok_output = serializers.FloatField(source="model.usd_per_mtok_output", allow_null=True)


class ListingOut(serializers.Serializer[Any]):
    provider = serializers.CharField()
    note = serializers.CharField(help_text="What to know of this list; usually empty.")
    no_text = serializers.IntegerField(help_text="Listed models that do not answer in text, and are left out.")
    unusable = serializers.IntegerField(help_text="Entries without a usable name.")
    cut = serializers.BooleanField(help_text="The list goes on beyond what is read.")
    models = ListedModelOut(many=True)


class ProviderModels(APIView):
    """It makes a call with the provider's key, so it needs more than reading does."""

    scopes = {"GET": "evals:write"}

    @extend_schema(
        operation_id="provider_models",
        summary="The models a provider lists",
        description="Asks the provider, which may take up to 15 seconds, and stores nothing. 409: it has no list to "
        "ask for. 502: it did not answer with one; `category` is as for a failed generation.",
        responses={200: ListingOut, 409: OpenApiResponse(), 502: OpenApiResponse()},
    )
    def get(self, request: Request, slug: str) -> Response:
        # With the first call: it brings httpx along, which most requests do not need.
        from evals.collection.listing.asking import models_of, note_on, why_no_list  # noqa: PLC0415
        from evals.collection.providers import ProviderError  # noqa: PLC0415

        provider = get_object_or_404(Provider, slug=slug)
        if words := why_no_list(provider.kind):
            return problem_response(409, words)
        try:
            listing = models_of(provider)
        except ProviderError as error:
            return problem_response(502, error.detail, category=str(error.category))
        out = {
            "provider": provider.slug,
            "note": note_on(provider.base_url),
            "no_text": listing.no_text,
            "unusable": listing.unusable,
            "cut": listing.cut,
            "models": offers(listing.models, provider),
        }
        return Response(ListingOut(out).data)
