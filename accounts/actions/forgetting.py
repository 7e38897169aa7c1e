"""What is deleted because nobody needs it any more."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Registration, SignIn

KEPT = timedelta(days=30)


def forget_ended() -> None:
    """Deletes sign-ins a month after their end, and registrations that nobody confirmed."""
    now = timezone.now()
    SignIn.objects.filter(expires_at__lt=now - KEPT).delete()
    Registration.objects.filter(expires_at__lt=now).delete()
