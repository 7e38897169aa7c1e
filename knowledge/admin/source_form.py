"""The form of a source, with several files at once."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from core.errors import HelpdeskError
from core.reasons import said
from knowledge.actions.sources import check_source, checked_name
from knowledge.formats import SUFFIXES
from knowledge.models import Source


class Files(forms.ClearableFileInput):
    """Takes several files at once."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files; each must end like something we read, and not be too large."""

    def __init__(self, **kwargs: Any) -> None:
        """Says which files a browser offers."""
        super().__init__(widget=Files(attrs={"accept": ",".join(SUFFIXES)}), **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        """Returns the files, or says which cannot be taken."""
        given = data if isinstance(data, list | tuple) else [data]
        files = [super(FilesField, self).clean(file, initial) for file in given if file]
        for file in files:
            try:
                checked_name(file.name, file.size)
            except HelpdeskError as error:
                raise forms.ValidationError(error.detail) from error
        return files


class SourceForm(forms.ModelForm[Source]):
    """A source. What its kind needs must be there."""

    uploads = FilesField(
        label=_("Files"),
        required=False,
        help_text=_("Markdown, text, HTML, CSV, PDF and Word (.docx), up to a hundred at once, 20 MB each."),
    )

    def clean(self) -> dict[str, Any] | None:
        """Has the action look at what was entered, before anything is stored."""
        cleaned = super().clean() or self.cleaned_data
        names = ("kind", "address", "text")
        told = {name: cleaned.get(name, getattr(self.instance, name)) for name in names}
        if any(name in self.errors for name in names):
            return cleaned
        try:
            check_source(Source(**told))
        except HelpdeskError as error:
            field = error.extra.get("field", "address")
            self.add_error(field if field in self.fields else None, said(error.detail))
        return cleaned
