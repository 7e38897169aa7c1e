"""How static files are stored and served."""

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Hashed names and compressed copies; a file that no manifest knows keeps its plain name."""

    manifest_strict = False
    # ES modules import each other by plain relative names; hashing must follow them.
    support_js_module_import_aggregation = True
    # A name is known once those of all that the module imports are: as many rounds as modules stand in a row.
    max_post_process_passes = 25


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Serves a file from memory, read and closed in the thread that opened it.

    WhiteNoise hands the open file on, of which Django would read the whole in a further thread anyway.
    """

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Answers with the file, the asked part of it, or nothing where the browser has it."""
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with found.file:
                content = found.file.read()
        return HttpResponse(content, status=int(found.status), headers=dict(found.headers))
