"""The errors of a provider's server that end the stage, as one sentence with a remedy."""

from dataclasses import dataclass

from matchme_pipeline.errors import ModelRequestError


@dataclass(frozen=True)
class FinalErrors:
    """The names that a provider's error messages contain.

    `api` and `account` as the sentences begin ("The API", "The API account's quota"), the variable with the key, and
    the variables with models and address.
    """

    api: str
    account: str
    key_variable: str
    model_variables: str

    def of(
        self,
        status: int,
        model: str,
        code: str | None,
        *,
        is_credit_spent: bool,
        is_key_refused: bool = False,
        is_model_unknown: bool = False,
    ) -> ModelRequestError | None:
        """The error for an HTTP `status`, or for the body's content; None if a retry may help.

        `code` is shown, so it must be one of the provider's own codes.
        """
        if status == 402 or is_credit_spent:
            return ModelRequestError(
                f"{self.account} is exhausted (HTTP {status}, {code or 'payment required'}). "
                "Add credit or raise its limit, then run again: stored answers are not paid again."
            )
        if status == 401 or is_key_refused:
            return ModelRequestError(
                f"{self.api} refuses the key (HTTP {status}). Correct {self.key_variable} in the environment or .env."
            )
        if status == 403:
            return ModelRequestError(
                f"{self.api} key may not use the model '{model}' (HTTP 403). Choose another key or another model."
            )
        if status == 404 or is_model_unknown:
            return ModelRequestError(
                f"{self.api} knows no model '{model}' at this address (HTTP {status}). Check {self.model_variables}."
            )
        return None
