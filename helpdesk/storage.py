"""How static files are served."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed names and compressed copies; a file that no manifest knows keeps its plain name."""

    manifest_strict = False
    # ES modules import each other by plain relative names; hashing must follow them.
    support_js_module_import_aggregation = True
    # A name is known once those of all that the module imports are: as many rounds as modules stand in a row.
    max_post_process_passes = 25
