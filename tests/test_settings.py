"""What the page knows of settings is what Python knows of them."""

import settings


def test_the_pages_settings_are_pythons() -> None:
    assert settings.FILE.read_text(encoding="utf-8") == settings.text(), "run `make settings` and commit what it writes"
