"""The admin site with the desk's pages."""

from django.contrib import admin


class DeskSite(admin.AdminSite):
    """Django's admin with the desk in front."""

    site_title = site_header = "Helpdesk"
