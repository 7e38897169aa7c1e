"""A bucket that speaks S3, for one owner: it keeps objects in memory and believes nobody without a signature.

What was signed is computed here anew, without the client's code, from
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

import asyncio
import hashlib
import hmac
import re
from urllib.parse import quote

from aiohttp import web

from tests.fakes.provider import Provider

KEY, SECRET, REGION, NAME = "owner", "owners-secret", "eu-south-1", "files"
CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/s3/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})"
)


def sign(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(request: web.Request, body: bytes, day: str, region: str, names: str) -> str:
    """What the owner would have written under this request."""
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in request.query.items())
    content = request.headers["x-amz-content-sha256"]
    if content != "UNSIGNED-PAYLOAD":
        content = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(
        [
            request.method,
            quote(request.path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{request.headers[name].strip()}" for name in names.split(";")),
            "",
            names,
            content,
        ]
    )
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{digest}"
    key = sign(sign(sign(sign(f"AWS4{SECRET}".encode(), day), region), "s3"), "aws4_request")
    return sign(key, text).hex()


class Bucket(Provider):
    """One private bucket, addressed by path."""

    name = "bucket"

    def __init__(self, hook: str = "", secret: str = "", ledger: str = "", seed: int = 1) -> None:
        super().__init__(hook, secret, ledger, seed)
        self.objects: dict[str, bytes] = {}

    def routes(self) -> list[web.RouteDef]:
        """All that happens to objects."""
        return [web.route("*", f"/{NAME}/{{key:.+}}", self.act)]

    async def act(self, request: web.Request) -> web.Response:
        """Checks who asks, and does it, or misbehaves."""
        body = await request.read()
        told = CREDENTIAL.fullmatch(request.headers.get("authorization", ""))
        if told is None or told[1] != KEY or told[3] != REGION:
            return problem(403, "AccessDenied")
        expected = signature(request, body, told[2], told[3], told[4])
        if not hmac.compare_digest(expected, told[5]):
            return problem(403, "SignatureDoesNotMatch")
        self.accept(request.match_info["key"], "", "", kind=request.method)
        if self.faults.error:
            return problem(503, "SlowDown")
        if self.faults.hang:
            await asyncio.sleep(self.faults.hang_seconds)
        return self.carry_out(request.method, request.match_info["key"], body)

    def carry_out(self, method: str, key: str, body: bytes) -> web.Response:
        if method == "PUT":
            self.objects[key] = body
            return web.Response(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})  # noqa: S324 (S3's own)
        if method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if key not in self.objects:
            return problem(404, "NoSuchKey")
        return web.Response(body=self.objects[key], content_type="application/octet-stream")


def problem(status: int, code: str) -> web.Response:
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


if __name__ == "__main__":
    Bucket.main()
