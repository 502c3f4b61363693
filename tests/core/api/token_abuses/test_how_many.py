"""How many are tried in all."""

from tests.core.api.token_abuses.test_codes import CODES, INVENTED, WIDER
from tests.core.api.token_abuses.test_questions import QUESTIONS
from tests.core.api.token_abuses.test_statements import CLAIMS, HEADERS, NO_FORMS


def test_there_are_two_hundred() -> None:
    assert sum(map(len, (CLAIMS, HEADERS, NO_FORMS, QUESTIONS, CODES, INVENTED, WIDER))) >= 200
