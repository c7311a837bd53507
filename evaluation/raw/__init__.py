"""Raw folders of the field, annotations beside frame features as their authors lay them out, made into releases."""
