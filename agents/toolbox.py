"""Every tool there is: those of our own, and those that administrators have described."""

from agents.models import HttpTool
from agents.outside import OutsideTool
from core.errors import NotFound
from llm.tools import Tool, all_tools, get_tool


def every_tool() -> tuple[Tool, ...]:
    """Returns what agents may be given, in the order of their names."""
    outside = (OutsideTool(row) for row in HttpTool.objects.filter(is_active=True))
    return tuple(sorted((*all_tools(), *outside), key=lambda tool: tool.name))


def find_tool(name: str) -> Tool:
    """Returns a tool by its name; raises NotFound. What is our own cannot be replaced."""
    try:
        return get_tool(name)
    except NotFound:
        row = HttpTool.objects.filter(name=name, is_active=True).first()
        if row is None:
            raise
    return OutsideTool(row)
