"""A code of six figures or a recovery code; the password, where the second factor changes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django_otp import match_token

LONGEST = 16  # recovery codes have eight letters and figures; people write blanks between
REFUSED = "This is not a code of now. After a wrong one the next is taken some seconds later: wait, then try again."


class CodeForm(forms.Form):
    """A code of an app of the user's, or one of the recovery codes, which is used up."""

    code = forms.CharField(
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "none"}),
        help_text="six figures of your app, or a recovery code",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].split()).lower()
        if not self._is_right(code):
            raise forms.ValidationError(REFUSED)
        return code

    def _is_right(self, code: str) -> bool:
        return match_token(self.user, code) is not None


class FirstCodeForm(CodeForm):
    """The first code of a new app, and the password: an open session alone must not lock its owner out.

    An account that a provider logs in has no password.
    """

    field_order = ["password", "code"]
    password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, *args: Any, device: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.device = device
        self.fields["code"].help_text = "six figures, as the app shows them now"
        if not self.user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        if not self.user.check_password(self.cleaned_data["password"]):
            raise forms.ValidationError("This is not your password.")
        return self.cleaned_data["password"]

    def _is_right(self, code: str) -> bool:
        # A code is used up by being right, so it waits for the password.
        given = "password" in self.cleaned_data or "password" not in self.fields
        return given and self.device.verify_token(code)
