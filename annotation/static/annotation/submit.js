"use strict";
// The frame itself must load the marketplace's answer, so this is a form, not a fetch.
document.querySelector("form[data-role=submit]").requestSubmit();
