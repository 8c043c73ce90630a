"""Providers and contenders. Responses say whether a provider has a key, and never contain it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arena.accounts.tokens import BROWSE
from arena.api.serializers import Query
from arena.errors import FieldError
from evals.catalog.queries.contenders import contender_card, provider_card
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.models import Contender, Provider


class ProviderOut(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Provider.Kind.choices)
    base_url = serializers.CharField()
    locality = serializers.ChoiceField(Provider.Locality.choices)
    key = serializers.ChoiceField(["stored", "environment", "none"], help_text="Whether there is one; never the key.")
    max_concurrency = serializers.IntegerField()
    requests_per_minute = serializers.IntegerField(allow_null=True, help_text="Null: no limit.")
    tokens_per_minute = serializers.IntegerField(allow_null=True, help_text="Null: no limit.")
    first_token_timeout_s = serializers.FloatField()
    total_timeout_s = serializers.FloatField()
    paused_until = serializers.DateTimeField(allow_null=True)


class PriceOut(serializers.Serializer[Any]):
    """USD per million tokens."""

    input = serializers.FloatField()
    output = serializers.FloatField()
    cached_input = serializers.FloatField(allow_null=True)
    cache_write = serializers.FloatField(allow_null=True)
    reasoning = serializers.FloatField(allow_null=True)
    source = serializers.ChoiceField(["contender", "list"], help_text="Whose price it is.")  # type: ignore[assignment]
    where = serializers.CharField(help_text="The address of a price page, or a note.")
    as_of = serializers.DateField(allow_null=True, help_text="When it was last checked. Null: not known.")
    stale = serializers.BooleanField(source="is_stale", help_text="Checked more than 60 days ago, or not known when.")
    tiered = serializers.BooleanField(help_text="Long prompts cost more.")


class ContenderOut(serializers.Serializer[Any]):
    slug = serializers.CharField()
    family = serializers.CharField()
    revision = serializers.IntegerField()
    provider = serializers.CharField()
    kind = serializers.ChoiceField(Provider.Kind.choices)
    base_url = serializers.CharField(help_text="Where it is asked; frozen by its first use.")
    locality = serializers.ChoiceField(Provider.Locality.choices)
    model_name = serializers.CharField(help_text="The provider's id of the model.")
    settings = serializers.DictField()
    tier = serializers.IntegerField()
    capabilities = serializers.ListField(child=serializers.CharField())
    context_tokens = serializers.IntegerField(allow_null=True)
    usd_per_mtok_input = serializers.FloatField(allow_null=True, help_text="Null: not known, never 0.")
    usd_per_mtok_output = serializers.FloatField(allow_null=True)
    usd_per_mtok_cached_input = serializers.FloatField(
        allow_null=True, help_text="Of tokens read from the provider's cache. Null: as input."
    )
    usd_per_mtok_cache_write = serializers.FloatField(
        allow_null=True, help_text="Of tokens written to the provider's cache. Null: as input."
    )
    usd_per_mtok_reasoning = serializers.FloatField(
        allow_null=True, help_text="Of tokens spent on thinking. Null: as output."
    )
    price_source = serializers.CharField(help_text="Where its own prices were read.")
    priced_at = serializers.DateField(allow_null=True, help_text="When its own prices were last checked.")
    price = PriceOut(
        allow_null=True, help_text="In force: its own, else the public price list's. Null: not known, never 0."
    )
    used_at = serializers.DateTimeField(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)


class ContenderIn(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=100)
    provider = serializers.SlugRelatedField(slug_field="slug", queryset=Provider.objects.all())
    model_name = serializers.CharField(max_length=255)
    settings = serializers.DictField(default=dict)
    tier = serializers.IntegerField(default=1, min_value=0, max_value=99)
    capabilities = serializers.ListField(child=serializers.CharField(max_length=40), default=list, max_length=40)
    context_tokens = serializers.IntegerField(default=None, allow_null=True, min_value=1, max_value=2**31 - 1)
    usd_per_mtok_input = serializers.DecimalField(
        max_digits=12, decimal_places=6, default=None, allow_null=True, min_value=0
    )
    usd_per_mtok_output = serializers.DecimalField(
        max_digits=12, decimal_places=6, default=None, allow_null=True, min_value=0
    )
    usd_per_mtok_cached_input = serializers.DecimalField(
        max_digits=12, decimal_places=6, default=None, allow_null=True, min_value=0, help_text="Null: as input."
    )
    usd_per_mtok_cache_write = serializers.DecimalField(
        max_digits=12, decimal_places=6, default=None, allow_null=True, min_value=0, help_text="Null: as input."
    )
    usd_per_mtok_reasoning = serializers.DecimalField(
        max_digits=12, decimal_places=6, default=None, allow_null=True, min_value=0, help_text="Null: as output."
    )
    price_source = serializers.CharField(
        max_length=255, default="", allow_blank=True, help_text="The address of a price page, or a note."
    )
    priced_at = serializers.DateField(
        default=None, allow_null=True, help_text="When the prices were checked. Null: today, if there are any."
    )


class ProviderList(GenericAPIView[Provider]):
    scopes = {"GET": BROWSE}
    queryset = Provider.objects.all()
    serializer_class = ProviderOut

    @extend_schema(operation_id="provider_list", summary="Providers")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(ProviderOut([provider_card(one) for one in page], many=True).data)


class ProviderDetail(APIView):
    scopes = {"GET": BROWSE}

    @extend_schema(operation_id="provider", summary="One provider", responses=ProviderOut)
    def get(self, request: Request, slug: str) -> Response:
        provider = Provider.objects.filter(slug=slug).first()
        if provider is None:
            raise Http404
        return Response(ProviderOut(provider_card(provider)).data)


class ContenderQuery(Query):
    retired = serializers.BooleanField(allow_null=True, default=None, help_text="Only retired, or only active ones.")
    provider = serializers.CharField(default="")


class ContenderList(GenericAPIView[Contender]):
    scopes = {"GET": BROWSE, "POST": "evals:write"}
    serializer_class = ContenderOut

    def get_queryset(self) -> QuerySet[Contender]:
        query = ContenderQuery.of(self.request)
        contenders = Contender.objects.select_related("provider")
        if query["retired"] is not None:
            contenders = contenders.filter(retired_at__isnull=not query["retired"])
        if query["provider"]:
            contenders = contenders.filter(provider__slug=query["provider"])
        return contenders

    @extend_schema(operation_id="contender_list", summary="Contenders", parameters=[ContenderQuery])
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(ContenderOut([contender_card(one) for one in page], many=True).data)

    @extend_schema(
        operation_id="contender_create", summary="Add a contender", request=ContenderIn, responses={201: ContenderOut}
    )
    def post(self, request: Request) -> Response:
        given = ContenderIn(data=request.data)
        given.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(given.validated_data)
        slug, capabilities = fields.pop("slug"), tuple(fields.pop("capabilities"))
        try:
            saved = save_contender(slug=slug, fields=ContenderFields(**fields, capabilities=capabilities))
        except FieldError as error:
            raise serializers.ValidationError({error.field: [str(error)]}) from error
        return Response(ContenderOut(contender_card(saved.contender)).data, status=201)


class ContenderDetail(APIView):
    scopes = {"GET": BROWSE}

    @extend_schema(operation_id="contender", summary="One contender", responses=ContenderOut)
    def get(self, request: Request, slug: str) -> Response:
        contender = Contender.objects.select_related("provider").filter(slug=slug).first()
        if contender is None:
            raise Http404
        return Response(ContenderOut(contender_card(contender)).data)
