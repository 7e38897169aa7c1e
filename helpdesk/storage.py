"""How static files are served."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed names and compressed copies; a file that no manifest knows keeps its plain name."""

    manifest_strict = False
    # ES modules import each other by plain relative names; hashing must follow them.
    support_js_module_import_aggregation = True
