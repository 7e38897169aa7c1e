"""The desk as an app, and as the admin's default site."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class DeskConfig(AppConfig):
    """The desk has no tables of its own."""

    name = "desk"
    verbose_name = _("Desk")
    default = True


class DeskAdminConfig(admin_apps.AdminConfig):
    """Puts our admin site, with the desk's pages, in the place of Django's."""

    default = False
    default_site = "desk.site.DeskSite"
