// The code of a mail stands in the fragment of its link. It goes into the form, and out of the address bar and the history.
"use strict";

function fill() {
  const field = document.getElementById("token");
  if (!field) {
    return;
  }
  const code = location.hash.slice(1);
  if (code) {
    field.value = code;
    field.removeAttribute("aria-invalid");
    history.replaceState(null, "", location.pathname + location.search);
  }
  field.closest("div").hidden = field.value !== "" && !field.hasAttribute("aria-invalid");
}

fill();
window.addEventListener("hashchange", fill);
