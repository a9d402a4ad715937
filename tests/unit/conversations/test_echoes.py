"""A text is another than an answer only where no word is common to both: providers alter texts, and a word stays."""

import pytest

from wamon.conversations.echoes import says_something_else

ANSWER = "✓ DR1752028 is recorded for Lawley."


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (ANSWER, ANSWER),
        ("Desk:\n*DR1752028*", ANSWER),
        ("IS RECORDED", ANSWER),
        ("您的消息已收", "您的消息已收到, 谢谢"),
        ("Спасибо", "СПАСИБО!"),
        ("Re\u0301ponse", "Réponse"),
        ("", ANSWER),
        ("👍", ANSWER),
        ("I take this one", "✓"),
    ],
)
def test_an_altered_text_and_one_without_words_may_be_the_answer(text: str, answer: str) -> None:
    assert not says_something_else(text, answer)


@pytest.mark.parametrize("text", ["I take this one", "1752028", "Sipho, please call me", "我来"])
def test_a_text_without_a_word_of_the_answer_is_another(text: str) -> None:
    assert says_something_else(text, ANSWER)
