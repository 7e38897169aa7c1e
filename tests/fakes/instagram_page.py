"""Instagram as it is reached through a linked page: messages go to the page, and calls carry a proof."""

from tests.fakes.instagram import ACCOUNT, Instagram

PAGE = "106839461122334"


class InstagramPage(Instagram):
    """The same account behind a page."""

    nodes = (PAGE, ACCOUNT)
    has_proof = True


if __name__ == "__main__":
    InstagramPage.main()
