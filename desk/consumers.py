"""The staff's socket."""

from channels.generic.websocket import AsyncWebsocketConsumer


class DeskConsumer(AsyncWebsocketConsumer):
    """One operator's websocket."""
