"""Campaigns in the admin: made, watched and ended by leads, through the actions."""

from campaigns.admin.campaigns import CampaignAdmin
from campaigns.admin.consents import ConsentAdmin
from campaigns.admin.contacts import ContactWithConsentAdmin
from campaigns.admin.recipients import RecipientAdmin

__all__ = ["CampaignAdmin", "ConsentAdmin", "ContactWithConsentAdmin", "RecipientAdmin"]
