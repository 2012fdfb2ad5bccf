"""Why a payment cannot be collected or closed."""

from collections.abc import Mapping

from shared.http.problems import Problem


class PaymentClosed(Problem):
    """The order's payment was closed, or is being closed; nothing can be collected any more."""

    slug, title, status = "payment/payment-closed", "This order can no longer be paid", 409


class PaymentExpired(Problem):
    """The time to pay has passed."""

    slug, title, status = "payment/payment-expired", "The time to pay has passed", 409


class PaymentDiffers(Problem):
    """The order's payment exists with another amount, payer or number."""

    slug, title, status = "payment/payment-differs", "This order has a different payment", 409


class PaymentDisputed(Problem):
    """WeChat Pay reports a payment that is not the one ordered; an operator must look at it."""

    slug, title, status = "payment/payment-disputed", "The payment needs a person's attention", 409


class PayerMissing(Problem):
    """An amount above zero needs the WeChat user who pays it."""

    slug, title, status = "payment/payer-missing", "The payer is missing", 422


class ProviderRefused(Problem):
    """WeChat Pay refuses the payment for good; ``code`` is its own."""

    slug, title, status = "payment/provider-refused", "WeChat Pay refuses this payment", 409


class ProviderSilent(Problem):
    """WeChat Pay's outcome is unknown; the same call may safely be repeated."""

    slug, title, status = "payment/provider-silent", "WeChat Pay does not answer right now", 503


class UnknownNumber(Exception):
    """A statement names a number that we never gave out."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class Disputed(Exception):
    """A verified statement differs from what was agreed, so it moves nothing (P4)."""

    def __init__(self, number: str, differences: Mapping[str, object]) -> None:
        super().__init__(f"{number}: {', '.join(differences)}")
        self.number = number
        self.differences = dict(differences)
