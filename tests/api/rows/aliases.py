"""Addresses without a version: each is as the canonical one, PUT as PATCH."""

from api.seeds.aliases import addresses

PROFILE, PASSWORD = "api/users/profile", "api/users/password"
ALIASES = {
    **{
        (f"api/{address.pattern}", verb): (f"api/v1/{address.pattern}", "patch" if verb == "put" else verb)
        for address in addresses
        if not str(address.pattern).endswith("/")
        for verb in getattr(address.callback, "actions", {})
        if verb != "head"
    },
    (PROFILE, "put"): ("api/v1/users/me", "patch"),
    (PASSWORD, "put"): ("api/v1/auth/password", "post"),
}
