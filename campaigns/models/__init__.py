"""Tables of campaigns."""

from campaigns.models.campaign import APPROVAL, LABELS, Campaign, CampaignQuerySet, Variant
from campaigns.models.consents import Consent
from campaigns.models.recipients import Recipient
from campaigns.models.uploads import BadRow, Upload

__all__ = [
    "APPROVAL",
    "LABELS",
    "BadRow",
    "Campaign",
    "CampaignQuerySet",
    "Consent",
    "Recipient",
    "Upload",
    "Variant",
]
