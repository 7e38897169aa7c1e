"""The one address of the MCP server."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.fields import Strict, Text
from api.mcp.protocol import VERSIONS, Refused, answer_to
from api.routes import both
from api.shapes import Shown

LONGEST_ID = 200


@extend_schema_field({"type": ["string", "integer"]})
class CallId(serializers.Field[Any, Any, Any, Any]):
    """What the sender calls its request: a text or a whole number, given back as it is."""

    default_error_messages = {"invalid": _("This has to be a text or a whole number.")}

    def to_internal_value(self, data: Any) -> str | int:
        """Returns the id."""
        is_text = isinstance(data, str) and len(data) <= LONGEST_ID
        if not is_text and (not isinstance(data, int) or isinstance(data, bool)):
            self.fail("invalid")
        return data  # type: ignore[no-any-return]

    def to_representation(self, value: Any) -> Any:
        """Returns the id."""
        return value


class RpcCall(Strict):
    """One message of JSON-RPC 2.0; without `id` it is a notification, which gets no answer."""

    jsonrpc = serializers.ChoiceField(choices=["2.0"])
    id = CallId(required=False)
    method = Text(max_length=100)
    params = serializers.DictField(required=False)


class RpcAnswerSerializer(Shown):
    """The answer of JSON-RPC 2.0: a result, or an error."""

    jsonrpc = serializers.ChoiceField(choices=["2.0"])
    id = CallId()
    result = serializers.DictField(required=False)
    error = serializers.DictField(required=False)


class Mcp(ApiViewSet):
    """The Model Context Protocol: streamable HTTP without sessions and without streams."""

    # A key needs `read` to come in; what else its scopes allow decides which tools there are for it.
    reading: ClassVar[frozenset[str]] = frozenset({"call"})

    @extend_schema(
        operation_id="mcp",
        summary="Speak MCP",
        tags=["mcp"],
        request=RpcCall,
        responses={
            200: RpcAnswerSerializer,
            202: OpenApiResponse(description="A notification was taken."),
        },
    )
    def call(self, request: Request) -> Response:
        """`initialize`, `ping`, `tools/list` and `tools/call`. You have the tools that your scopes allow."""
        version = request.headers.get("MCP-Protocol-Version")
        if version is not None and version not in VERSIONS:
            raise ParseError(_("This version of the protocol is not spoken here."))
        asked = self.body(RpcCall)
        if "id" not in asked:
            return Response(status=202)
        envelope = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            result = answer_to(asked["method"], asked.get("params", {}), actor=self.actor)
        except Refused as refused:
            return Response({**envelope, "error": {"code": refused.code, "message": refused.message}})
        return Response({**envelope, "result": result})


addresses = both("mcp", Mcp.as_view({"post": "call"}), "mcp")
