from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "integrations.web"
    label = "web"
